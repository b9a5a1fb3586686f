package rtp

import "millrace/internal/media"

// leap goes on with the access unit around a number, leaving everything before
// it, if that is held and a key frame which is whole.
func (v *videoLane) leap(a *Assembler, seq int64) {
	if v.at(seq) == nil {
		return // done with already
	}
	end, whole := v.endOf(seq)
	if !whole {
		return
	}
	first := seq
	for !v.startsAt(first) {
		if first--; v.at(first) == nil {
			return
		}
	}
	if formatOf(v.at(first).Codec) == nil || !v.isKey(first, end) {
		return
	}
	v.goTo(first, true)
	v.advance(a)
}

// leapAnywhere leaps to the first key frame that is whole, wherever it is.
func (v *videoLane) leapAnywhere(a *Assembler) {
	for seq := v.next; seq < v.end; seq++ {
		if v.at(seq) == nil || !v.startsAt(seq) {
			continue
		}
		end, whole := v.endOf(seq)
		if whole && v.isKey(seq, end) {
			v.leap(a, seq)
			return
		}
		seq = end - 1
	}
}

// startsAt says that a held number behind a gap is certainly the first of its
// access unit.
func (v *videoLane) startsAt(seq int64) bool {
	pk, before := v.at(seq), v.at(seq-1)
	return certainly(pk) || before != nil && (before.Marker || before.Time != pk.Time)
}

// endOf returns the number behind the access unit of a held one; or, and false,
// the first number from there on that is missing.
func (v *videoLane) endOf(seq int64) (end int64, whole bool) {
	at := v.at(seq).Time
	for pk := v.at(seq); pk != nil; pk = v.at(seq) {
		if pk.Time != at {
			return seq, true
		}
		seq++
		if pk.Marker {
			return seq, true
		}
	}
	return seq, false
}

// isKey says that a payload from first up to end tells of a key frame.
func (v *videoLane) isKey(first, end int64) bool {
	for seq := first; seq < end; seq++ {
		if v.slot(seq).key {
			return true
		}
	}
	return false
}

// shows says that there is a part of a picture among the packets.
func (v *videoLane) shows(first, end int64) bool {
	for seq := first; seq < end; seq++ {
		pk := v.at(seq)
		if f := formatOf(pk.Codec); f != nil && f.shows(pk.Payload) {
			return true
		}
	}
	return false
}

// certainly says that pk begins an access unit, and perhaps that it may be the
// beginning of a key frame.
func certainly(pk *media.Packet) bool {
	f := formatOf(pk.Codec)
	return f != nil && f.opens(pk.Payload)
}

func perhaps(pk *media.Packet) bool {
	f := formatOf(pk.Codec)
	return f != nil && f.mayOpen(pk.Payload)
}
