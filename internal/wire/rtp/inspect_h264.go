package rtp

import "millrace/internal/codec/h264"

// inspectH264 reads a payload of packetization modes 0 and 1 (RFC 6184 section
// 5.4). Those that only the interleaved mode has are malformed here.
func inspectH264(p []byte) (Shape, bool) {
	var v h264View
	switch t := p[0] & 0x1f; {
	case t == nalSTAPA:
		if !walkSTAPA(p, v.see) || !v.any {
			return Shape{}, false
		}
	case t == nalFUA:
		if len(p) < 2 || p[1]&0x1f == 0 || p[1]&0x1f >= nalSTAPA {
			return Shape{}, false
		}
		v.note(p[0], p[1]&0x1f)
	case t == 0 || t > nalSTAPA:
		return Shape{}, false
	default:
		v.see(p)
	}
	return Shape{
		// Parameter sets go before a key frame, unless a slice beside them says otherwise.
		Key:         v.idr || v.sets && !v.delta,
		Discardable: v.slices && !v.reference,
		Params:      v.params,
	}, true
}

// h264View collects what the NAL units of one payload say.
type h264View struct {
	any, slices, reference bool
	idr, delta, sets       bool
	params                 [][]byte
}

// see takes a whole NAL unit.
func (v *h264View) see(nal []byte) {
	t := h264.Type(nal)
	v.note(nal[0], t)
	if t == h264.TypeSPS || t == h264.TypePPS {
		v.params = append(v.params, nal)
	}
}

// note takes the first byte of a NAL unit, of which the type may stand elsewhere.
func (v *h264View) note(first, t byte) {
	v.any = true
	switch {
	case t == h264.TypeSPS || t == h264.TypePPS:
		v.sets = true
	case t >= h264.TypeSlice && t <= h264.TypeIDR:
		v.slices = true
		v.reference = v.reference || first&0x60 != 0
		v.idr = v.idr || t == h264.TypeIDR
		v.delta = v.delta || t != h264.TypeIDR
	}
}

// walkSTAPA calls see with each NAL unit of an aggregate (RFC 6184 section
// 5.7.1), which share its memory. Empty ones are passed over. It is false when
// a size or a type does not fit; see may have been called before.
func walkSTAPA(p []byte, see func(nal []byte)) bool {
	for p = p[1:]; len(p) > 0; {
		if len(p) < 2 {
			return false
		}
		n := int(p[0])<<8 | int(p[1])
		if n > len(p)-2 {
			return false
		}
		if n > 0 {
			nal := p[2 : 2+n : 2+n]
			if t := h264.Type(nal); t == 0 || t >= nalSTAPA {
				return false
			}
			see(nal)
		}
		p = p[2+n:]
	}
	return true
}
