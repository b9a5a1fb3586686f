package rtp

import "millrace/internal/media"

// videoLane makes pictures. It goes through the window in order, from the
// beginning of one access unit to that of the next; only where decoding must
// begin anew does it leap over gaps to a key frame that is whole.
type videoLane struct {
	lane
	track videoTrack
	scan  int64 // next up to here is the beginning of one access unit
	sure  bool  // next is the first number of an access unit
	guess bool  // the gap at next need not be one: no number below ahead was seen
	blind bool  // next is the first number that was seen

	needKey bool
	asking  bool // for the key frame, last at asked
	asked   int64
	lost    bool
	last    media.Time // DTS of the last frame
	any     bool       // there is a last frame
}

func (v *videoLane) take(a *Assembler, pk *media.Packet) {
	if v.begins(pk) {
		v.restart(pk.Seq - reach)
		v.scan, v.sure, v.guess, v.blind = v.next, false, true, false
		v.needKey, v.asking, v.any = true, false, false
		v.track.changed()
	}
	if pk.Seq < v.next {
		return // too late
	}
	crowded := false
	for !v.fits(pk) {
		if v.next == v.end {
			v.restart(pk.Seq) // nothing waits, and the number leaps
			v.scan, v.sure, v.guess, v.blind = v.next, false, false, false
			v.lose(a)
			break
		}
		v.giveUp(a)
		v.advance(a)
		crowded = true
	}
	if pk.Seq < v.next || !v.put(pk, a.now) {
		return
	}
	v.advance(a)
	if !v.needKey || !v.gap() {
		return
	}
	if crowded {
		v.leapAnywhere(a)
		return
	}
	if p := v.at(pk.Seq - 1); p != nil && !p.Marker && p.Time != pk.Time {
		v.leap(a, pk.Seq-1) // pk tells that the one before it was the last
	}
	v.leap(a, pk.Seq)
}

// expire gives up what has been waited for long enough.
func (v *videoLane) expire(a *Assembler) {
	gaveUp := false
	for v.overdue(a.now) || v.settled(a.now) {
		v.giveUp(a)
		v.advance(a)
		gaveUp = true
	}
	if gaveUp && v.needKey && v.gap() {
		v.leapAnywhere(a)
	}
}

// settled says that what came first has waited long enough for lower numbers.
// A piece from the middle of a key frame goes on to wait: the rest may be
// repeated.
func (v *videoLane) settled(now int64) bool {
	if !v.guess || !v.gap() || now-v.since <= settleWait {
		return false
	}
	first := v.slot(v.ahead)
	return !first.key || perhaps(&first.pk)
}

// advance goes through what is there without a gap.
func (v *videoLane) advance(a *Assembler) {
	for v.scan < v.solid {
		switch pk := v.at(v.scan); {
		case v.scan > v.next && pk.Time != v.at(v.next).Time:
			v.finish(a, v.scan)
		case pk.Marker:
			v.finish(a, v.scan+1)
		default:
			v.scan++
		}
	}
}

// finish is done with the access unit from next up to end, of which all
// packets are there but, where its beginning is not sure, the first ones.
func (v *videoLane) finish(a *Assembler, end int64) {
	first := v.at(v.next)
	whole := v.sure || certainly(first) || v.blind && v.track.usable(first.Codec) && perhaps(first)
	switch {
	case formatOf(first.Codec) == nil:
		v.needKey = true
	case whole && (!v.needKey || v.isKey(v.next, end)):
		v.emit(a, end)
	case v.needKey && v.shows(v.next, end):
		v.ask(a)
	}
	v.goTo(end, true)
}

func (v *videoLane) goTo(seq int64, sure bool) {
	v.forget(seq)
	v.scan, v.sure = v.next, sure
	v.guess, v.blind = false, false
}

// emit makes the frame of the whole access unit from next up to end.
func (v *videoLane) emit(a *Assembler, end int64) {
	codec := v.at(v.next).Codec
	u, ok := formatOf(codec).join(&v.lane, v.next, end)
	if !ok || len(u.sets) > maxSets {
		v.lose(a)
		return
	}
	v.track.take(codec, u)
	if u.empty {
		return
	}
	if v.needKey && (!u.key || !v.track.usable(codec)) {
		v.ask(a)
		return
	}
	f := v.frame(v.next, end, nil)
	f.Key, f.Discardable, f.Data = u.key, u.discardable, u.data
	f.Track = v.track.of(u.reordered || f.PTS != f.DTS)
	if v.any && f.DTS < v.last {
		f.DTS = v.last
		f.PTS = max(f.PTS, f.DTS)
	}
	v.last, v.any = f.DTS, true
	v.needKey, v.asking, v.lost = false, false, false
	a.out = append(a.out, f)
}

// giveUp goes on behind the gap; or, when there is none, behind an access unit
// that is too large.
func (v *videoLane) giveUp(a *Assembler) {
	to, harmless := v.end, false
	blind := v.guess && v.gap()
	if v.gap() {
		to, harmless = v.ahead, blind || v.gapIsDiscardable()
	}
	v.goTo(to, false)
	v.blind = blind
	if !harmless {
		v.lose(a)
	}
}

// gapIsDiscardable says that the gap lies inside of a picture that no other
// refers to: the packets on both sides of it belong to that one.
func (v *videoLane) gapIsDiscardable() bool {
	before, behind := v.at(v.solid-1), v.at(v.ahead)
	if before == nil || before.Time != behind.Time {
		return false
	}
	for _, pk := range [...]*media.Packet{before, behind} {
		if s, ok := Inspect(pk.Codec, pk.Payload); ok && s.Discardable {
			return true
		}
	}
	return false
}

// lose notes that what follows can not be decoded.
func (v *videoLane) lose(a *Assembler) {
	if !v.needKey {
		v.needKey, v.asking = true, false
	}
	v.ask(a)
}

func (v *videoLane) ask(a *Assembler) {
	if !v.asking || a.now-v.asked >= askAgain {
		v.asking, v.asked, v.lost = true, a.now, true
	}
}
