package rtp

import "millrace/internal/codec/av1"

// inspectAV1 reads the aggregation header and the elements behind it (RTP
// payload format for AV1, section 4). A coded video sequence begins with a key
// frame, and its first packet tells; so does a sequence header.
func inspectAV1(p []byte) (Shape, bool) {
	goesOn, last := p[0]&0x80 != 0, p[0]&0x40 != 0
	count, begins := int(p[0]>>4&3), p[0]&0x08 != 0
	if goesOn && begins || len(p) == 1 {
		return Shape{}, false
	}
	s := Shape{Key: begins}
	n := 0
	for p = p[1:]; len(p) > 0; {
		n++
		size := len(p)
		if n != count { // only the last of a known count has no size
			var head int
			var ok bool
			if size, head, ok = av1.Size(p); !ok || size > len(p)-head {
				return Shape{}, false
			}
			p = p[head:]
		}
		element := p[:size]
		p = p[size:]
		if n == 1 && goesOn || size == 0 {
			continue
		}
		t, ok := av1.Type(element)
		if !ok {
			return Shape{}, false
		}
		if t == av1.TypeSequence {
			s.Key = true
			if len(p) > 0 || !last {
				s.Width, s.Height, _ = av1.Dimensions(element)
			}
		}
	}
	if count != 0 && n != count {
		return Shape{}, false
	}
	return s, true
}
