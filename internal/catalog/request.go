package catalog

import "millrace/internal/reason"

// Protocol names how a client talks; the words are metric labels.
type Protocol string

// The protocols.
const (
	RTMP  Protocol = "rtmp"
	RTMPS Protocol = "rtmps"
	SRT   Protocol = "srt"
	ARTC  Protocol = "artc"
	WHIP  Protocol = "whip"
	WHEP  Protocol = "whep"
	FLV   Protocol = "http-flv"
	WSFLV Protocol = "ws-flv"
	HLS   Protocol = "hls"
	LLHLS Protocol = "ll-hls"
)

// Request is what a client asks for, in words that do not depend on the
// protocol. It is what protocol rooms hand to admission.
type Request struct {
	Protocol Protocol
	// Host is the domain that the client named, with or without a port.
	Host string
	// App and Stream are the decoded names; Stream has no extension.
	App, Stream string
	// Track is the argument track: which of several tracks is asked for, or which
	// two, one of each kind; "" for the first ones.
	Track string
	// Path is what the URL signature is computed over: raw (not decoded),
	// leading slash, with the extension, without query. "/live/demo.flv".
	Path string
	// AuthKey is the auth_key argument, "" when there is none.
	AuthKey string
	// Degraded says that a player has fallen back from ARTC: its key may be one for
	// the path without extension.
	Degraded bool
	// Query is the URL's query as written, of publishers.
	Query string
	// Referer is the header of that name, of protocols over HTTP.
	Referer string
	// RemoteAddr is the client's address, with or without a port.
	RemoteAddr string
	// Pulled says of a publisher that it is not a client: this node fetches the
	// stream from another server, whose address RemoteAddr is.
	Pulled bool
}

// SetArguments reads what the query of an HTTP request tells admission.
func (q *Request) SetArguments(query string) {
	q.AuthKey = Argument(query, "auth_key")
	q.Degraded = Argument(query, "rts_degrade") == "on"
}

// Denied is a refusal with its reason. Rooms translate it into their
// protocol's own words.
type Denied struct {
	Reason reason.Reason
	// Detail is a sentence for the client. For Reason reason.Auth it is the
	// exact value of the X-Tengine-Error header.
	Detail string
}

func (d *Denied) Error() string { return string(d.Reason) + ": " + d.Detail }
