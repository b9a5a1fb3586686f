package sdp

import "strings"

// Offer is what a peer proposed, reduced to what an answer depends on. It
// holds no reference to the text that it was read from, and is immutable.
type Offer struct {
	// Ufrag and Pwd are the peer's ICE credentials (RFC 8839 section 5.4), of
	// the m-line whose transport all bundled ones use.
	Ufrag, Pwd string
	// Fingerprint is the sha-256 of the peer's DTLS certificate.
	Fingerprint [32]byte
	// Setup is the peer's DTLS role: "actpass", "active" or "passive".
	Setup string
	// Media are the m-lines, in order.
	Media []Media

	allowMixed bool // a=extmap-allow-mixed at session level
	sessionID  uint64
}

// AnswerSetup returns the DTLS role that an answer to this offer takes
// (RFC 8842 section 5.3): "active" for a passive offer, else "passive".
func (o *Offer) AnswerSetup() string {
	if o.Setup == "passive" {
		return "active"
	}
	return "passive"
}

// Direction says which way media may flow, seen from the offerer.
type Direction string

// The directions of RFC 8866 section 6.7.
const (
	SendRecv Direction = "sendrecv"
	SendOnly Direction = "sendonly"
	RecvOnly Direction = "recvonly"
	Inactive Direction = "inactive"
)

// Receives says whether the offerer wants media.
func (d Direction) Receives() bool { return d == SendRecv || d == RecvOnly }

// Sends says whether the offerer has media to send.
func (d Direction) Sends() bool { return d == SendRecv || d == SendOnly }

// Media is one m-line of an offer.
type Media struct {
	Kind      string // "audio", "video", "application", "text" or "message"
	MID       string // "" when the line has none
	Proto     string // "UDP/TLS/RTP/SAVPF"
	Direction Direction
	// Rejected says that the line was offered with port 0 and is not one that
	// merely waits to be bundled (RFC 8843 section 6).
	Rejected bool
	// Bundled says that the line uses the offer's one transport, which all
	// lines that can be accepted do.
	Bundled bool
	// Payloads are the RTP formats in the offerer's order of preference.
	Payloads []Payload

	formats              []string // as written, for lines without RTP
	extensions           []extension
	rtcpMux, rtcpRsize   bool
	allowMixed           bool
	iceUfrag, icePwd     string
	fingerprint          *[32]byte
	setup                string
	bundleOnly, inBundle bool
	sources              sources
	layers               layers
}

// Payload is one offered RTP payload type.
type Payload struct {
	PT        uint8
	Name      string // encoding name as written: "H264", "OPUS"
	ClockRate int    // Hz
	Channels  int    // 0 when not written
	Fmtp      string // as written, "" without one
	feedback  feedback
}

// feedback is the set of RTCP feedback messages offered for a payload type
// (RFC 4585 section 4.2).
type feedback struct{ nack, pli, fir, transportCC, remb bool }

// is compares encoding names, which are case-insensitive (RFC 8866 section 6.6).
func (p *Payload) is(name string) bool { return strings.EqualFold(p.Name, name) }

// param returns the value of a format parameter. Names are case-insensitive.
func (p *Payload) param(name string) (string, bool) {
	for kv := range strings.SplitSeq(p.Fmtp, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(kv), "=")
		if strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}

// extension is one offered RTP header extension.
type extension struct {
	id  uint8
	uri string
	dir Direction // "" when not written
}

// usable says whether media of a kind can flow on the line.
func (m *Media) usable(kind string, flows flow) bool {
	return m.Kind == kind && m.Bundled && flows(m.Direction) && len(m.Payloads) > 0
}
