package links

import (
	"net"
	"strconv"
	"strings"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/sign"
)

// Place is how clients reach a node.
type Place struct {
	// Host goes into all URLs, a name or an address without port. "": the
	// domain's own name, or localhost for a default domain.
	Host string
	// HTTP, RTMP, RTMPS and SRT are ports; RTMPS or SRT 0: there is none.
	HTTP, RTMP, RTMPS, SRT int
	// TLS says that HTTP is the port of the HTTPS server.
	TLS bool
}

// Order is what URLs are wanted for.
type Order struct {
	App, Stream string
	// Domain names one of the domains, the other of the pair being associated
	// with it. "": the default ones.
	Domain string
	// At is the time of signing.
	At time.Time
	// Life is how long the URLs are to work from At on. 0: as long as their
	// domain's validity.
	Life time.Duration
}

// Set is the URLs of one stream. What its domain's latency mode does not
// permit is "". Where signing is off, they carry no token.
type Set struct {
	Publish Publish `json:"publish"`
	Play    Play    `json:"play"`
	// Expires is when the first of them stops working; nil: never.
	Expires *time.Time `json:"expires,omitempty"`
}

// Publish is how to send the stream.
type Publish struct {
	WHIP string `json:"whip,omitempty"`
	ARTC string `json:"artc,omitempty"`
	RTMP string `json:"rtmp,omitempty"`
	// Server and Key are RTMP in the two parts that OBS asks for.
	Server string `json:"obs_server,omitempty"`
	Key    string `json:"obs_stream_key,omitempty"`
	RTMPS  string `json:"rtmps,omitempty"`
	SRT    string `json:"srt,omitempty"`
}

// Play is how to watch the stream.
type Play struct {
	ARTC string `json:"artc,omitempty"`
	WHEP string `json:"whep,omitempty"`
	FLV  string `json:"flv,omitempty"`
	// WSFLV is the same over a WebSocket.
	WSFLV string `json:"ws_flv,omitempty"`
	SRT   string `json:"srt,omitempty"`
	RTMP  string `json:"rtmp,omitempty"`
	RTMPS string `json:"rtmps,omitempty"`
	HLS   string `json:"hls,omitempty"`
	// LLHLS is the same with what asks for Low-Latency HLS.
	LLHLS string `json:"ll_hls,omitempty"`
}

// Make returns the URLs of a stream. It fails when the catalog has no such
// pair of domains.
func Make(s *catalog.Snapshot, p Place, o Order) (Set, error) {
	in, out, err := pair(s, o.Domain)
	if err != nil {
		return Set{}, err
	}
	path := "/" + o.App + "/" + o.Stream
	web, artc := p.web(out)
	webIn, artcIn := p.web(in)
	set := Set{
		Publish: Publish{WHIP: token(in, o, webIn, path), ARTC: token(in, o, artcIn, path)},
		Play:    Play{ARTC: token(out, o, artc, path), WHEP: token(out, o, web+"/whep", path)},
	}
	if mode(s, in) != catalog.HalfSecond {
		set.Publish.RTMP = token(in, o, p.rtmp(in), path)
		if p.RTMPS != 0 {
			set.Publish.RTMPS = token(in, o, p.rtmps(in), path)
		}
		cut := strings.LastIndexByte(path, '/')
		set.Publish.Server = p.rtmp(in) + path[:cut]
		set.Publish.Key = strings.TrimPrefix(set.Publish.RTMP, set.Publish.Server+"/")
	}
	if p.SRT != 0 && mode(s, in) != catalog.HalfSecond {
		set.Publish.SRT = p.srt(in, token(in, o, "", path), "publish")
	}
	if out.Mode != catalog.HalfSecond {
		if p.SRT != 0 {
			set.Play.SRT = p.srt(out, token(out, o, "", path), "request")
		}
		set.Play.FLV = token(out, o, web, path+".flv")
		set.Play.WSFLV = "ws" + strings.TrimPrefix(set.Play.FLV, "http")
		set.Play.RTMP = token(out, o, p.rtmp(out), path)
		if p.RTMPS != 0 {
			set.Play.RTMPS = token(out, o, p.rtmps(out), path)
		}
		set.Play.HLS = token(out, o, web, path+".m3u8")
		set.Play.LLHLS = withArgument(set.Play.HLS, "format=ll")
	}
	set.Expires = expires(o, in, out)
	return set, nil
}

// mode is the latency mode that the streams of an ingest domain are played in.
func mode(s *catalog.Snapshot, in *catalog.Domain) catalog.Mode {
	if d := s.Domain(in.Main); d != nil {
		return d.Mode
	}
	return ""
}

// token returns base and path as a URL, signed where d wants that.
func token(d *catalog.Domain, o Order, base, path string) string {
	if !d.Auth.Enabled {
		return base + path
	}
	return sign.Append(base+path, sign.Sign(path, d.Auth.PrimaryKey, stamp(d, o), "", ""))
}

// withArgument appends an argument to a URL. What is signed is the path alone.
func withArgument(url, argument string) string {
	if strings.Contains(url, "?") {
		return url + "&" + argument
	}
	return url + "?" + argument
}

// stamp is the timestamp that makes a token of d last as long as o wants.
func stamp(d *catalog.Domain, o Order) time.Time {
	if o.Life == 0 {
		return o.At
	}
	return o.At.Add(o.Life - d.Auth.Validity)
}

func expires(o Order, domains ...*catalog.Domain) *time.Time {
	var first *time.Time
	for _, d := range domains {
		end := time.Unix(stamp(d, o).Unix(), 0).Add(d.Auth.Validity)
		if d.Auth.Enabled && (first == nil || end.Before(*first)) {
			first = &end
		}
	}
	return first
}

func (p Place) rtmp(d *catalog.Domain) string  { return "rtmp://" + p.host(d, p.RTMP, 1935) }
func (p Place) rtmps(d *catalog.Domain) string { return "rtmps://" + p.host(d, p.RTMPS, 443) }

// srt returns the URL of a resource, its path with its token, in the form that
// ffmpeg and OBS take: what stands behind the first "streamid=" is the streamid.
func (p Place) srt(d *catalog.Domain, resource, mode string) string {
	host := ""
	if !d.Default { // that is who no host means
		host = "h=" + d.Name + ","
	}
	return "srt://" + p.host(d, p.SRT, 0) + "?streamid=#!::" + host + "r=" + resource + ",m=" + mode
}

// web returns the beginnings of HTTP and of ARTC URLs. The SDK turns artc://
// into the scheme of the page that it runs on, so the port has to be the one of
// that scheme.
func (p Place) web(d *catalog.Domain) (http, artc string) {
	if p.TLS {
		host := p.host(d, p.HTTP, 443)
		return "https://" + host, "artc://" + host
	}
	host := p.host(d, p.HTTP, 80)
	return "http://" + host, "artc://" + host
}

// host returns host and port as they stand in a URL.
func (p Place) host(d *catalog.Domain, port, usual int) string {
	host := p.Host
	switch {
	case host != "":
	case d.Default:
		host = "localhost"
	default:
		host = d.Name
	}
	if port != usual {
		return net.JoinHostPort(host, strconv.Itoa(port))
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}
