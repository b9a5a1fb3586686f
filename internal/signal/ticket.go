package signal

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// ticket is what a session's URL says: which session it is, a mark of the ICE
// credentials that it was made with, and the m-line that they belong to.
type ticket struct{ session, ice, mid string }

// etag identifies an ICE session (RFC 9725 section 4.3.1). It is strong.
func etag(ice string) string { return `"` + ice + `"` }

// iceTag makes a mark of an ICE user name.
func iceTag(ufrag string) string {
	sum := sha256.Sum256([]byte(ufrag))
	return hex.EncodeToString(sum[:8])
}

// seal makes URLs that nobody can guess, not even who knows a session's id from
// a log: whoever has the URL may end the session. It holds no state, so that
// nothing has to be forgotten when a session ends.
type seal struct{ key [32]byte }

func newSeal() seal {
	var s seal
	_, _ = rand.Read(s.key[:]) // never fails
	return s
}

// mac is 128 bits over the ticket's text.
func (s seal) mac(text string) string {
	h := hmac.New(sha256.New, s.key[:])
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// write returns a path segment. Session ids are of the URL-safe alphabet.
func (s seal) write(t ticket) string {
	text := t.session + "." + t.ice + "." + hex.EncodeToString([]byte(t.mid))
	return text + "." + s.mac(text)
}

// read returns the ticket that write made the segment of.
func (s seal) read(segment string) (ticket, bool) {
	at := strings.LastIndexByte(segment, '.')
	if at < 0 || !hmac.Equal([]byte(segment[at+1:]), []byte(s.mac(segment[:at]))) {
		return ticket{}, false
	}
	text := segment[:at]
	at = strings.LastIndexByte(text, '.')
	mid, _ := hex.DecodeString(text[at+1:]) // as write encoded it
	text = text[:at]
	at = strings.LastIndexByte(text, '.')
	return ticket{text[:at], text[at+1:], string(mid)}, true
}
