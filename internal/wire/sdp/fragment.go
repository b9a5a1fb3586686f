package sdp

import (
	"errors"
	"fmt"
	"strings"

	pion "github.com/pion/sdp/v3"
)

// Fragment is what counts of an SDP fragment of trickle ICE (RFC 8840 section
// 9, RFC 9725 section 4.3). Its candidates do not: a full agent that is not
// controlling learns the peer's addresses from the peer's checks.
type Fragment struct {
	// Ufrag and Pwd are "" where the fragment names none.
	Ufrag, Pwd string
}

// ParseFragment reads the body of a PATCH. It fails on what is no fragment.
// Lines may end in CR LF or LF. Credentials of a line count where none stand in
// front of it, the first ones for all: there is one transport. Errors are
// sentences fit for the peer.
func ParseFragment(body string) (Fragment, error) {
	f, err := parseFragment(body)
	if err != nil {
		return Fragment{}, fmt.Errorf("parse fragment: %w", err)
	}
	return f, nil
}

func parseFragment(body string) (f Fragment, err error) {
	if strings.TrimSpace(body) == "" {
		return f, errors.New("the fragment is empty")
	}
	text, err := normalize(body)
	if err != nil {
		return f, err
	}
	var m Media // takes what is checked like in an offer
	attributes, lines := 0, 0
	for line := range strings.Lines(text) {
		kind, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		switch {
		case ok && kind == "a":
			attributes++
			if err := m.readFragment(value); err != nil {
				return f, err
			}
			if f.Ufrag == "" {
				f.Ufrag = m.iceUfrag
			}
			if f.Pwd == "" {
				f.Pwd = m.icePwd
			}
		case ok && kind == "m":
			if lines++; lines > maxMedia {
				return f, fmt.Errorf("more than %d m-lines", maxMedia)
			}
		case ok && (kind == "c" || kind == "b" || kind == "i"): // no harm
		case ok && (kind == "v" || kind == "o" || kind == "s" || kind == "t"):
			return f, errors.New("this is a whole session description, not a fragment of one")
		default:
			return f, fmt.Errorf("%.20q is no line of a fragment", line)
		}
	}
	if attributes == 0 {
		return f, errors.New("the fragment has no attribute")
	}
	if (f.Ufrag == "") != (f.Pwd == "") {
		return f, errors.New("ice-ufrag and ice-pwd come together")
	}
	return f, nil
}

// readFragment checks the attributes that a fragment may hold and passes over
// the others.
func (m *Media) readFragment(value string) error {
	key, v, _ := strings.Cut(value, ":")
	switch key {
	case "ice-ufrag", "ice-pwd":
		return m.readTransport(pion.Attribute{Key: key, Value: v})
	case pion.AttrKeyICELite:
		return errors.New("the peer is ice-lite: neither side would send connectivity checks")
	case pion.AttrKeyMID:
		return m.readAttribute(pion.Attribute{Key: key, Value: v}, nil)
	}
	return nil
}

// Restarted writes the fragment that answers an ICE restart: our new
// credentials and our candidates, on the m-line with the given mid. The m-line
// stands for whichever has that mid (RFC 8840 section 9).
func Restarted(mid string, t Transport) string {
	w := writer{&pion.MediaDescription{}}
	if mid != "" {
		w.attr(pion.AttrKeyMID, mid)
	}
	w.candidates(t.Candidates)
	var b strings.Builder
	b.WriteString("a=ice-ufrag:" + t.Ufrag + "\r\na=ice-pwd:" + t.Pwd + "\r\na=ice-options:trickle\r\n")
	b.WriteString("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n")
	for _, a := range w.md.Attributes {
		b.WriteString("a=" + a.Key)
		if a.Value != "" {
			b.WriteString(":" + a.Value)
		}
		b.WriteString("\r\n")
	}
	return b.String()
}
