package rtp

import (
	"encoding/binary"

	"millrace/internal/codec/h264"
)

// formatH264 is that of RFC 6184, packetization modes 0 and 1.
type formatH264 struct{}

func (formatH264) join(l *lane, first, end int64) (accessUnit, bool) {
	j := h264Joiner{out: make([]byte, 0, sizeOf(l, first, end)), open: -1}
	for seq := first; seq < end; seq++ {
		if p := l.at(seq).Payload; len(p) > 0 && !j.add(p) {
			return accessUnit{}, false
		}
	}
	if j.open >= 0 {
		return accessUnit{}, false
	}
	u, err := h264.ParseUnit(j.out, 4)
	return accessUnit{
		data: u.Data, sets: u.Params, key: u.Key, discardable: u.Discardable, reordered: u.B, empty: u.Slices == 0,
	}, err == nil
}

type h264Joiner struct {
	out  []byte
	open int // where the length of the unfinished NAL unit goes; -1: none
	kind byte
}

func (j *h264Joiner) add(p []byte) bool {
	t := h264.Type(p)
	if t == nalFUA {
		return j.fragment(p)
	}
	if j.open >= 0 || t == 0 || t > nalSTAPA {
		return false
	}
	if t != nalSTAPA {
		j.whole(p)
		return true
	}
	return walkSTAPA(p, j.whole)
}

func (j *h264Joiner) whole(nal []byte) { j.out = h264.AppendNAL(j.out, nal) }

// fragment takes a FU-A (RFC 6184 section 5.8).
func (j *h264Joiner) fragment(p []byte) bool {
	if len(p) < 2 {
		return false
	}
	start, end, kind := p[1]&0x80 != 0, p[1]&0x40 != 0, p[1]&0x1f
	if start != (j.open < 0) || !start && kind != j.kind || kind == 0 || kind >= nalSTAPA {
		return false
	}
	if start {
		j.open, j.kind = len(j.out), kind
		j.out = append(j.out, 0, 0, 0, 0, p[0]&0xe0|kind)
	}
	j.out = append(j.out, p[2:]...)
	if end {
		binary.BigEndian.PutUint32(j.out[j.open:], uint32(len(j.out)-j.open-4))
		j.open = -1
	}
	return true
}

// A delimiter or an SPS comes before everything else (H.264 section 7.4.1.2.3).
func (formatH264) opens(p []byte) bool {
	t, _ := firstNAL(p)
	return t == h264.TypeDelimiter || t == h264.TypeSPS
}

// A key frame may begin with SEI, a PPS, or the first slice of an IDR picture.
func (formatH264) mayOpen(p []byte) bool {
	t, body := firstNAL(p)
	// first_mb_in_slice is 0, which Exp-Golomb writes as the bit 1.
	return t == h264.TypeSEI || t == h264.TypePPS || t == h264.TypeIDR && len(body) > 0 && body[0]&0x80 != 0
}

func (formatH264) shows(p []byte) bool {
	t, _ := firstNAL(p)
	return t >= h264.TypeSlice && t <= h264.TypeIDR
}

// firstNAL returns type and body of the NAL unit that begins at the start of a
// payload; 0 if none does.
func firstNAL(p []byte) (t byte, body []byte) {
	switch t = h264.Type(p); {
	case t == 0 || t > nalFUA:
		return 0, nil
	case t == nalSTAPA && len(p) > 3:
		return p[3] & 0x1f, p[4:]
	case t == nalFUA && len(p) > 2 && p[1]&0x80 != 0:
		return p[1] & 0x1f, p[2:]
	case t >= nalSTAPA:
		return 0, nil
	}
	return t, p[1:]
}
