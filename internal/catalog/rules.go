package catalog

import (
	"net/textproto"
	"strings"
	"time"

	"millrace/internal/sign"
)

// Mode is the latency mode of a streaming domain.
type Mode string

// The latency modes.
const (
	Off        Mode = "off"         // no WebRTC
	SubSecond  Mode = "sub_second"  // 400-800 ms
	HalfSecond Mode = "half_second" // 200-400 ms
)

// Auth is the URL signing configuration of a domain (type A).
type Auth struct {
	Enabled      bool
	PrimaryKey   string
	SecondaryKey string        // optional, for rotation
	Validity     time.Duration // a token expires at its timestamp + Validity
}

// Verify checks a request's signature at a time. What a player that fell back from
// ARTC brings may be good for the path without extension; where it is not, the
// refusal is that of the path itself. The error is nil or a *sign.Error.
func (a *Auth) Verify(q *Request, now time.Time) error {
	keys := [...]string{a.PrimaryKey, a.SecondaryKey}
	err := sign.Verify(q.Path, q.AuthKey, keys[:], a.Validity, now)
	if dot := strings.LastIndexByte(q.Path, '.'); err != nil && q.Degraded && dot > strings.LastIndexByte(q.Path, '/') {
		if sign.Verify(q.Path[:dot], q.AuthKey, keys[:], a.Validity, now) == nil {
			return nil
		}
	}
	return err
}

// Rules are the functions of one domain in the form that requests need.
type Rules struct {
	Auth    Auth
	Mode    Mode   // streaming domains; "" for others
	RelayTo string // the ingest domain that a half-second domain relays to, or ""
	// Referers and Addresses are whom the domain takes.
	Referers  Referers
	Addresses Addresses
	// Prohibited are protocols that the domain does not take.
	Prohibited []Protocol
	// Header is set on all answers over HTTP.
	Header textproto.MIMEHeader
	// Redirect is where plain requests are sent to: "https", "http" or "".
	Redirect string
}
