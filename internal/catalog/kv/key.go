package kv

import (
	"encoding/hex"
	"strings"
)

// encodeKey makes a key fit for NATS, whose keys are words joined by dots: "/"
// becomes the dot, and what a word may not hold becomes "=" and two hex digits.
func encodeKey(key string) string {
	var b strings.Builder
	for i := range len(key) {
		switch c := key[i]; {
		case c == '/':
			b.WriteByte('.')
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default:
			b.WriteByte('=')
			b.WriteString(hex.EncodeToString([]byte{c}))
		}
	}
	return b.String()
}

// decodeKey undoes encodeKey. A key that is not of its making comes out as
// something else.
func decodeKey(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '.':
			b.WriteByte('/')
		case c == '=' && i+2 < len(name):
			raw, err := hex.DecodeString(name[i+1 : i+3])
			if err != nil {
				b.WriteByte(c)
				continue
			}
			b.Write(raw)
			i += 2
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
