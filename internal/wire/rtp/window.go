package rtp

import "millrace/internal/media"

// window holds packets of one kind by number until all before them are there
// or given up. Numbers below next are done with.
//
//	next ... solid ___ ahead . _ . end
//	 held, no gap  gap  held or not
type window struct {
	slots []slot // by number modulo the length, a power of two
	next  int64
	solid int64 // the first number from next on that is missing
	ahead int64 // the first held number above solid; only with a gap
	end   int64 // one above the highest held number, at least next
	since int64 // what the clock showed when the gap was revealed
	bytes int   // of the payloads held
}

type slot struct {
	pk   media.Packet
	seen int64 // what the clock showed when it came
	held bool
	key  bool // the payload tells of a key frame
}

// firstSlots is what a window begins with: some frames of ordinary streams.
const firstSlots = 64

func (w *window) slot(seq int64) *slot { return &w.slots[int(seq)&(len(w.slots)-1)] }

// gap says that a number is missing below one that is held.
func (w *window) gap() bool { return w.solid < w.end }

// at returns the packet with a number, or nil. It is valid until put or forget.
func (w *window) at(seq int64) *media.Packet {
	if seq < w.next || seq >= w.end {
		return nil
	}
	if s := w.slot(seq); s.held {
		return &s.pk
	}
	return nil
}

// put takes a copy of pk, whose number is not below next; the payload is
// shared. It is false for a number that is held already.
func (w *window) put(pk *media.Packet, now int64) bool {
	w.grow(pk.Seq)
	s := w.slot(pk.Seq)
	if s.held {
		return false
	}
	*s = slot{pk: *pk, seen: now, held: true}
	if formatOf(pk.Codec) != nil {
		shape, _ := Inspect(pk.Codec, pk.Payload)
		s.key = shape.Key
	}
	w.bytes += len(pk.Payload)
	switch {
	case pk.Seq == w.solid:
	case !w.gap():
		w.ahead, w.since = pk.Seq, now
	default:
		w.ahead = min(w.ahead, pk.Seq)
	}
	w.end = max(w.end, pk.Seq+1)
	w.settle()
	return true
}

// settle moves solid on over what is held, and looks for the next gap.
func (w *window) settle() {
	for w.solid < w.end && w.slot(w.solid).held {
		w.solid++
	}
	if !w.gap() || w.ahead > w.solid {
		return
	}
	for w.ahead = w.solid + 1; !w.slot(w.ahead).held; {
		w.ahead++
	}
	w.since = w.slot(w.ahead).seen
}

// forget is done with all numbers below to.
func (w *window) forget(to int64) {
	for seq := w.next; seq < min(to, w.end); seq++ {
		if s := w.slot(seq); s.held {
			w.bytes -= len(s.pk.Payload)
			*s = slot{}
		}
	}
	w.next, w.end = to, max(w.end, to)
	w.solid = max(w.solid, to)
	w.settle()
}

// restart forgets everything and goes on at a number, which may be a lower one.
func (w *window) restart(next int64) {
	clear(w.slots)
	*w = window{slots: w.slots, next: next, solid: next, ahead: next, end: next}
}

// grow makes room for a number.
func (w *window) grow(seq int64) {
	size := max(len(w.slots), firstSlots)
	for int64(size) <= seq-w.next {
		size *= 2
	}
	if size == len(w.slots) {
		return
	}
	old := *w
	w.slots = make([]slot, size)
	for seq := old.next; seq < old.end; seq++ {
		*w.slot(seq) = *old.slot(seq)
	}
}
