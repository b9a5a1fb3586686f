package rtp

import (
	"encoding/binary"

	"millrace/internal/codec/h264"
)

// joinH264 puts the NAL units in the payloads from first up to end behind
// 4-byte lengths, in own memory. It is false when they do not fit together.
func joinH264(w *lane, first, end int64) ([]byte, bool) {
	size := 64
	for seq := first; seq < end; seq++ {
		size += len(w.at(seq).Payload) + 8
	}
	j := h264Joiner{out: make([]byte, 0, size), open: -1}
	for seq := first; seq < end; seq++ {
		if p := w.at(seq).Payload; len(p) > 0 && !j.add(p) {
			return nil, false
		}
	}
	return j.out, j.open < 0
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

// opens says that a payload certainly begins an access unit, since a delimiter
// or an SPS comes before everything else (H.264 section 7.4.1.2.3).
func opens(p []byte) bool {
	t, _ := firstNAL(p)
	return t == h264.TypeDelimiter || t == h264.TypeSPS
}

// mayOpen says that a payload may begin a key frame: with SEI, a PPS, or the
// first slice of an IDR picture.
func mayOpen(p []byte) bool {
	t, body := firstNAL(p)
	// first_mb_in_slice is 0, which Exp-Golomb writes as the bit 1.
	return t == h264.TypeSEI || t == h264.TypePPS || t == h264.TypeIDR && len(body) > 0 && body[0]&0x80 != 0
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
