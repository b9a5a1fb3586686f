package rtp

import (
	"millrace/internal/codec/h264"
	"millrace/internal/media"
)

// leap goes on with the access unit around a held number, leaving everything
// before it, if that is a key frame which is whole.
func (v *videoLane) leap(a *Assembler, seq int64) bool {
	end := v.endOf(seq)
	if end == 0 {
		return false
	}
	first := seq
	for !v.startsAt(first) {
		if first--; v.at(first) == nil {
			return false
		}
	}
	if v.at(first).Codec != media.H264 || !v.isKey(first, end) {
		return false
	}
	v.goTo(first, true)
	v.advance(a)
	return true
}

// leapAnywhere leaps to the first key frame that is whole, wherever it is.
func (v *videoLane) leapAnywhere(a *Assembler) {
	for seq := v.next; seq < v.end; seq++ {
		if v.at(seq) == nil || !v.startsAt(seq) {
			continue
		}
		end := v.endOf(seq)
		if end == 0 {
			continue
		}
		if v.isKey(seq, end) {
			v.leap(a, seq)
			return
		}
		seq = end - 1
	}
}

// startsAt says that a held number is certainly the first of its access unit.
func (v *videoLane) startsAt(seq int64) bool {
	pk := v.at(seq)
	if seq == v.next && v.sure || opens(pk.Payload) {
		return true
	}
	before := v.at(seq - 1)
	return before != nil && (before.Marker || before.Time != pk.Time)
}

// endOf returns the number behind the access unit of a held one, 0 if a packet
// of it from there on is missing.
func (v *videoLane) endOf(seq int64) int64 {
	at := v.at(seq).Time
	for pk := v.at(seq); pk != nil; pk = v.at(seq) {
		if pk.Time != at {
			return seq
		}
		seq++
		if pk.Marker {
			return seq
		}
	}
	return 0
}

// isKey says that a payload from first up to end tells of a key frame.
func (v *videoLane) isKey(first, end int64) bool {
	return v.anyOf(first, end, func(s Shape, _ []byte) bool { return s.Key })
}

// holdsSlice says that there is a part of a picture among the packets.
func (v *videoLane) holdsSlice(first, end int64) bool {
	return v.anyOf(first, end, func(_ Shape, p []byte) bool {
		t := h264.Type(p)
		return t <= h264.TypeIDR || t >= nalSTAPA
	})
}

func (v *videoLane) anyOf(first, end int64, is func(Shape, []byte) bool) bool {
	for seq := first; seq < end; seq++ {
		pk := v.at(seq)
		if s, ok := Inspect(pk.Codec, pk.Payload); ok && is(s, pk.Payload) {
			return true
		}
	}
	return false
}
