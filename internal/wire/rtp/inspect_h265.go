package rtp

import "millrace/internal/codec/h265"

// Payload types of RFC 7798 section 4.4.
const (
	nalAP = 48
	nalFU = 49
)

// inspectH265 reads a payload without decoding order numbers (RFC 7798 with
// sprop-max-don-diff 0). A picture that none of its own temporal layer refers
// to may be referred to by higher ones, so none is told to be discardable.
func inspectH265(p []byte) (Shape, bool) {
	t, ok := h265.Type(p)
	if !ok {
		return Shape{}, false
	}
	var v h265View
	switch {
	case t == nalAP:
		if !walkAP(p[h265.HeaderSize:], v.see) {
			return Shape{}, false
		}
	case t == nalFU:
		if len(p) < 3 || p[2]&0x3f >= nalAP {
			return Shape{}, false
		}
		v.note(p[2] & 0x3f)
	case t > nalFU:
		return Shape{}, false
	default:
		v.see(p, t)
	}
	return Shape{Key: v.start || v.sets && !v.delta, Params: v.params}, true
}

// h265View collects what the NAL units of one payload say.
type h265View struct {
	start, delta, sets bool
	params             [][]byte
}

// walkAP calls see with each NAL unit of an aggregate, behind its header, and with
// the unit's type. It is false when a size or a type does not fit; see may have
// been called before.
func walkAP(p []byte, see func(nal []byte, t byte)) bool {
	if len(p) == 0 {
		return false
	}
	for len(p) > 0 {
		if len(p) < 2 {
			return false
		}
		n := int(p[0])<<8 | int(p[1])
		if n > len(p)-2 {
			return false
		}
		nal := p[2 : 2+n : 2+n]
		t, ok := h265.Type(nal)
		if !ok || t >= nalAP {
			return false
		}
		see(nal, t)
		p = p[2+n:]
	}
	return true
}

func (v *h265View) see(nal []byte, t byte) {
	v.note(t)
	if h265.IsParam(t) {
		v.params = append(v.params, nal)
	}
}

func (v *h265View) note(t byte) {
	v.start = v.start || h265.IsStart(t)
	v.delta = v.delta || h265.IsSlice(t) && !h265.IsStart(t)
	v.sets = v.sets || h265.IsParam(t)
}
