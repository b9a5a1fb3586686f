package rtp

import (
	"encoding/binary"

	"millrace/internal/codec/h265"
)

// formatH265 is that of RFC 7798 without decoding order numbers.
type formatH265 struct{}

func (formatH265) join(l *lane, first, end int64) (accessUnit, bool) {
	j := h265Joiner{out: make([]byte, 0, sizeOf(l, first, end)), open: -1}
	for seq := first; seq < end; seq++ {
		if p := l.at(seq).Payload; len(p) > 0 && !j.add(p) {
			return accessUnit{}, false
		}
	}
	if j.open >= 0 {
		return accessUnit{}, false
	}
	u, err := h265.ParseUnit(j.out, 4)
	return accessUnit{data: u.Data, sets: u.Params, key: u.Key, empty: u.Slices == 0}, err == nil
}

type h265Joiner struct {
	out  []byte
	open int // where the length of the unfinished NAL unit goes; -1: none
	kind byte
}

func (j *h265Joiner) add(p []byte) bool {
	t, ok := h265.Type(p)
	switch {
	case !ok || t > nalFU:
		return false
	case t == nalFU:
		return j.fragment(p)
	case j.open >= 0:
		return false
	case t != nalAP:
		j.whole(p)
		return true
	}
	return walkAP(p[h265.HeaderSize:], func(nal []byte, _ byte) { j.whole(nal) })
}

func (j *h265Joiner) whole(nal []byte) {
	j.out = append(binary.BigEndian.AppendUint32(j.out, uint32(len(nal))), nal...)
}

// fragment takes a fragmentation unit (section 4.4.3).
func (j *h265Joiner) fragment(p []byte) bool {
	if len(p) < h265.HeaderSize+1 {
		return false
	}
	fu := p[2]
	start, end, kind := fu&0x80 != 0, fu&0x40 != 0, fu&0x3f
	if start != (j.open < 0) || !start && kind != j.kind || kind >= nalAP {
		return false
	}
	if start {
		j.open, j.kind = len(j.out), kind
		j.out = append(j.out, 0, 0, 0, 0, p[0]&0x81|kind<<1, p[1])
	}
	j.out = append(j.out, p[3:]...)
	if end {
		binary.BigEndian.PutUint32(j.out[j.open:], uint32(len(j.out)-j.open-4))
		j.open = -1
	}
	return true
}

// NAL unit types that this looks for (H.265 table 7-1).
const (
	h265Delimiter = 35
	h265PrefixSEI = 39
)

// A delimiter or a VPS comes before everything else (H.265 section 7.4.2.4.4).
// So may an SPS; but where a VPS was before it, that is not to be left behind.
func (formatH265) opens(p []byte) bool {
	t, _, ok := firstNAL265(p)
	return ok && (t == h265Delimiter || t == h265.TypeVPS)
}

// A key frame may begin with parameter sets, SEI, or its first slice segment.
func (formatH265) mayOpen(p []byte) bool {
	t, body, ok := firstNAL265(p)
	// first_slice_segment_in_pic_flag is the first bit.
	return ok && (h265.IsParam(t) || t == h265PrefixSEI || h265.IsStart(t) && len(body) > 0 && body[0]&0x80 != 0)
}

func (formatH265) shows(p []byte) bool {
	t, _, ok := firstNAL265(p)
	return ok && h265.IsSlice(t)
}

// firstNAL265 returns type and body of the NAL unit that begins at the start of a
// payload; false if none does.
func firstNAL265(p []byte) (t byte, body []byte, ok bool) {
	t, ok = h265.Type(p)
	switch {
	case !ok || t > nalFU:
		return 0, nil, false
	case t == nalFU:
		if len(p) < 3 || p[2]&0x80 == 0 {
			return 0, nil, false
		}
		return p[2] & 0x3f, p[3:], true
	case t == nalAP:
		if len(p) < 2*h265.HeaderSize {
			return 0, nil, false
		}
		if t, ok = h265.Type(p[4:]); !ok {
			return 0, nil, false
		}
		return t, p[6:], true
	}
	return t, p[h265.HeaderSize:], true
}
