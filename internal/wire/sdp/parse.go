package sdp

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	pion "github.com/pion/sdp/v3"
)

// Limits of an offer. The largest one seen in the wild has 7.3 kB, 3 m-lines
// and 34 formats in a line.
const (
	MaxBody    = 64 << 10 // bytes
	maxMedia   = 32       // m-lines
	maxFormats = 256      // payload types in an m-line
	maxLine    = 4096     // bytes
	maxMID     = 32       // bytes
)

// ParseOffer reads the offer of a WebRTC peer. Lines may end in CR LF or LF.
// It fails on anything that no answer could make work: no sha-256 fingerprint,
// no ICE credentials, an ICE-lite peer (nobody would send checks), no audio or
// video line. Errors are sentences fit for the peer.
func ParseOffer(body string) (*Offer, error) {
	text, err := normalize(body)
	if err != nil {
		return nil, fmt.Errorf("parse offer: %w", err)
	}
	var d pion.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return nil, fmt.Errorf("parse offer: %w", err)
	}
	o, err := newOffer(&d)
	if err != nil {
		return nil, fmt.Errorf("parse offer: %w", err)
	}
	return o, nil
}

// normalize checks sizes and characters and makes every line end in LF. The
// result shares no memory with body.
func normalize(body string) (string, error) {
	if len(body) > MaxBody {
		return "", fmt.Errorf("the description has more than %d bytes", MaxBody)
	}
	var b strings.Builder
	b.Grow(len(body) + 1)
	for line := range strings.SplitSeq(strings.TrimRight(body, "\r\n"), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if len(line) > maxLine {
			return "", fmt.Errorf("a line has more than %d bytes", maxLine)
		}
		for i := range len(line) {
			if c := line[i]; c < ' ' && c != '\t' || c == 0x7f {
				return "", fmt.Errorf("a line holds the control character 0x%02x", c)
			}
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String(), nil
}

func newOffer(d *pion.SessionDescription) (*Offer, error) {
	if n := len(d.MediaDescriptions); n == 0 || n > maxMedia {
		return nil, fmt.Errorf("%d m-lines, want 1 to %d", n, maxMedia)
	}
	var session Media // defaults of the m-lines
	for _, a := range d.Attributes {
		if a.Key == pion.AttrKeyICELite {
			return nil, errors.New("the peer is ice-lite: neither side would send connectivity checks")
		}
		if err := session.readTransport(a); err != nil {
			return nil, err
		}
	}
	o := &Offer{allowMixed: session.allowMixed, sessionID: d.Origin.SessionID}
	o.Media = make([]Media, len(d.MediaDescriptions))
	for i, md := range d.MediaDescriptions {
		m := &o.Media[i]
		*m = session
		if err := m.read(md); err != nil {
			return nil, fmt.Errorf("m-line %d: %w", i, err)
		}
	}
	if err := o.uniqueMIDs(); err != nil {
		return nil, err
	}
	o.bundle(d.Attributes)
	return o, o.adoptTransport()
}

func (o *Offer) uniqueMIDs() error {
	seen := make(map[string]bool, len(o.Media))
	for i := range o.Media {
		mid := o.Media[i].MID
		if mid != "" && seen[mid] {
			return fmt.Errorf("two m-lines have the mid %q", mid)
		}
		seen[mid] = true
	}
	return nil
}

// bundle marks the lines that one transport can carry: those of the first
// BUNDLE group that has an RTP line, or the first RTP line alone.
func (o *Offer) bundle(session []pion.Attribute) {
	for _, a := range session {
		rest, ok := strings.CutPrefix(a.Value, "BUNDLE")
		if a.Key != pion.AttrKeyGroup || !ok {
			continue
		}
		group := make(map[string]bool)
		for mid := range strings.FieldsSeq(rest) {
			group[mid] = true
		}
		found := false
		for i := range o.Media {
			m := &o.Media[i]
			m.inBundle = m.MID != "" && group[m.MID]
			m.Rejected = m.Rejected && (!m.bundleOnly || !m.inBundle)
			m.Bundled = m.inBundle && m.isRTP() && !m.Rejected
			found = found || m.Bundled
		}
		if found {
			return
		}
	}
	for i := range o.Media {
		if m := &o.Media[i]; m.isRTP() && !m.Rejected {
			m.Bundled = true
			return
		}
	}
}

// adoptTransport takes ICE and DTLS parameters from the first bundled line:
// the others' become void with BUNDLE (RFC 8843 section 7.1.3).
func (o *Offer) adoptTransport() error {
	for i := range o.Media {
		m := &o.Media[i]
		if !m.Bundled {
			continue
		}
		if m.iceUfrag == "" || m.icePwd == "" {
			return fmt.Errorf("m-line %d has no ice-ufrag and ice-pwd", i)
		}
		if m.fingerprint == nil {
			return fmt.Errorf("m-line %d has no sha-256 fingerprint", i)
		}
		o.Ufrag, o.Pwd, o.Fingerprint, o.Setup = m.iceUfrag, m.icePwd, *m.fingerprint, m.setup
		if o.Setup == "" {
			o.Setup = "active" // RFC 4145 section 4.1
		}
		return nil
	}
	return errors.New("no audio or video m-line over DTLS-SRTP to answer")
}

// readTransport takes an attribute that may stand at session or media level.
func (m *Media) readTransport(a pion.Attribute) error {
	switch a.Key {
	case "ice-ufrag":
		if !iceChars(a.Value, 4, 256) {
			return errors.New("ice-ufrag is not 4 to 256 ice-chars")
		}
		m.iceUfrag = strings.Clone(a.Value)
	case "ice-pwd":
		if !iceChars(a.Value, 22, 256) {
			return errors.New("ice-pwd is not 22 to 256 ice-chars")
		}
		m.icePwd = strings.Clone(a.Value)
	case "fingerprint":
		return m.readFingerprint(a.Value)
	case pion.AttrKeyConnectionSetup:
		switch a.Value {
		case "actpass", "active", "passive":
			m.setup = strings.Clone(a.Value)
		default:
			return fmt.Errorf("setup:%.20q is none of actpass, active, passive", a.Value)
		}
	case "sendrecv", "sendonly", "recvonly", "inactive":
		m.Direction = Direction(strings.Clone(a.Key))
	case pion.AttrKeyExtMapAllowMixed:
		m.allowMixed = true
	}
	return nil
}

// readFingerprint keeps the sha-256 one of possibly several (RFC 8122 section 5).
func (m *Media) readFingerprint(v string) error {
	hash, digest, _ := strings.Cut(v, " ")
	if !strings.EqualFold(hash, "sha-256") {
		return nil
	}
	digest = strings.TrimSpace(digest)
	var sum [32]byte
	if len(digest) != 3*len(sum)-1 {
		return errors.New("the sha-256 fingerprint has not 32 bytes")
	}
	for i := range sum {
		pair := digest[3*i:]
		if _, err := hex.Decode(sum[i:i+1], []byte(pair[:2])); err != nil || len(pair) > 2 && pair[2] != ':' {
			return errors.New("the sha-256 fingerprint is not colon-separated hexadecimal")
		}
	}
	m.fingerprint = &sum
	return nil
}

// iceChars checks the ice-char rule of RFC 8839 section 5.1.
func iceChars(s string, least, most int) bool {
	if len(s) < least || len(s) > most {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/') {
			return false
		}
	}
	return true
}
