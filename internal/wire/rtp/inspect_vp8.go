package rtp

import "millrace/internal/codec/vp8"

// inspectVP8 reads the payload descriptor of RFC 7741 section 4.2 and, in the
// packet that begins a frame, the frame's own header.
func inspectVP8(p []byte) (Shape, bool) {
	s := Shape{Discardable: p[0]&0x20 != 0} // N
	begins := p[0]&0x17 == 0x10             // S, of partition 0
	at := 1
	if p[0]&0x80 != 0 { // X
		if len(p) < 2 {
			return Shape{}, false
		}
		extensions := p[1]
		at = 2
		if extensions&0x80 != 0 { // I: a PictureID of 7 or 15 bits
			if len(p) <= at {
				return Shape{}, false
			}
			at += 1 + int(p[at]>>7)
		}
		if extensions&0x40 != 0 { // L
			at++
		}
		if extensions&0x30 != 0 { // T, K: one byte for both
			at++
		}
	}
	if len(p) <= at {
		return Shape{}, false
	}
	if !begins {
		return s, true
	}
	h, ok := vp8.ParseHeader(p[at:])
	if !ok {
		return Shape{}, false
	}
	s.Key, s.Width, s.Height = h.Key, h.Width, h.Height
	return s, true
}
