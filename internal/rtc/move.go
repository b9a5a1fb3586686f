package rtc

import (
	"slices"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
)

// A viewer that goes over to another log of the same stream, where the same
// pictures stand at the same times, goes on with the picture after the one that
// it was sent last: numbers go on, times go forward, and no key frame is needed. One that waits for a
// key frame anyway, or that the other log has left behind, goes on at one.

// movePatience is how long a viewer waits for the log that it goes over to to come
// to where it is itself. After it, it goes on there at the next key frame.
const movePatience = 2 * time.Second

// movesAtOnce is how many are looked at in one turn of the shard, those who have
// waited the longest for it first: media waits meanwhile.
const movesAtOnce = 64

// move is a viewer that is about to go over.
type move struct {
	viewer *viewer
	reader *live.Reader
	until  int64 // Unix ns
}

// moveOn lets those go over whose time has come.
func (sh *shard) moveOn(now int64) {
	n := min(len(sh.moves), movesAtOnce)
	kept := 0
	for _, m := range sh.moves[:n] {
		if !sh.move(m, now) {
			sh.moves[kept] = m
			kept++
		}
	}
	all := slices.Delete(sh.moves, kept, n)
	slices.Reverse(all[:kept]) // those who have had their turn go to the end
	slices.Reverse(all[kept:])
	slices.Reverse(all)
	sh.moves = all
}

// abandon forgets the move of a viewer that leaves.
func (sh *shard) abandon(v *viewer) {
	for i := range sh.moves {
		if m := &sh.moves[i]; m.viewer == v {
			m.reader.Close()
			*m = sh.moves[len(sh.moves)-1]
			sh.moves[len(sh.moves)-1] = move{}
			sh.moves = sh.moves[:len(sh.moves)-1]
			return
		}
	}
}

// entry is where a viewer goes on in the log that it goes over to.
type entry uint8

const (
	notYet   entry = iota
	asBefore       // at a position; or it wants no pictures
	atKey          // at the newest key frame, which it has not seen
	atNext         // at the next key frame
)

// move makes a viewer go over if it can. It reports whether that is settled.
func (sh *shard) move(m move, now int64) bool {
	v, to := m.viewer, m.reader.Packets()
	select {
	case <-m.reader.Ended(): // there it would end with it
		m.reader.Close()
		sh.inVain(v, now)
		return true
	default:
	}
	source := m.reader
	if own := v.session.reader(); own.Name().Variant == "" { // what a variant is made of is known only while it is made
		source = own
	}
	_, audio := source.SourceTracks()
	if variant, ok := v.variantFor(audio); !ok || variant != m.reader.Name().Variant {
		m.reader.Close() // the stream has gone on to yet another
		v.errand = nil
		sh.fetch([]*viewer{v}, audio)
		return true
	}
	head := to.Head()
	if g := sh.groups[to]; g != nil {
		head = g.cursor
	}
	how, pos := sh.entryOf(v, to, head)
	if how == notYet {
		if now < m.until {
			return false
		}
		how = atNext
	}
	v.heard = max(v.heard, v.hears())
	rate := sh.groups[v.packets].meter.rate
	sh.part(v)
	from := v.session.reading.Swap(m.reader)
	v.packets, v.errand = to, nil
	v.choice.layer, v.choice.target = 0, 0
	g := sh.enter(v, now)
	g.heard = max(g.heard, v.heard)
	if g.offset != 0 {
		v.sendReports(sh.out, now, g.offset)
	}
	v.audio.change()
	sh.hearOn(g, v, now)
	if v.video != nil {
		v.video.change()
		v.rate = max(catchUpLeast, int64(max(rate, g.meter.rate)/8*catchUpFactor))
		sh.seeOn(g, v, how, pos, now)
	}
	from.Close()
	sh.server.log.Debug("moved", "session", v.session.id, "from", from.Name().String(), "to", m.reader.Name().String())
	return true
}

// entryOf finds where v goes on among what a log holds before head.
func (sh *shard) entryOf(v *viewer, to *live.Packets, head int64) (how entry, pos int64) {
	if v.video == nil {
		return asBefore, head
	}
	last := v.choice.newest - v.video.shifts[0]
	key := to.NewestKey()
	first := to.At(key)
	switch waits := v.phase == awaitKey || v.choice.layer != 0; {
	case first == nil && waits:
		return atNext, 0
	case first == nil || key >= head:
		return notYet, 0
	case v.choice.newest == 0 || first.Time > last:
		return atKey, 0
	case waits:
		return atNext, 0
	}
	end := sh.groups[v.packets].cursor
	if v.phase != liveEdge {
		end = v.pos
	}
	if _, _, whole := after(v.packets, last, end); !whole {
		return notYet, 0
	}
	pos, seen, whole := after(to, last, head)
	switch {
	case whole:
		return asBefore, pos
	case seen || pos == head:
		return notYet, 0
	}
	return atNext, 0 // it has later pictures, and lost that one
}

// after returns the position of the first picture after that of a time among what
// a log holds before end, which is end where there is none; whether the log has
// any of that picture; and whether it has it whole.
//
// Packets may have come in another order than they were sent in: an older one does
// not mean that there is nothing more of that picture before it, a few do.
func after(log *live.Packets, at media.Time, end int64) (pos int64, seen, whole bool) {
	pos = end
	older := 0
	for p := end - 1; p >= 0; p-- {
		pk := log.At(p)
		if pk == nil {
			break
		}
		if pk.Kind != media.Video || pk.Layer != 0 {
			continue
		}
		if pk.Time < at {
			if older++; older > maxUnseen {
				break
			}
			continue
		}
		if pk.Time > at {
			pos = p
			continue
		}
		seen = true
		whole = whole || pk.Marker || pos < end
	}
	return pos, seen, whole
}

// hears is the time of the sound that v was sent last of its log; never for none
// that is known.
func (v *viewer) hears() media.Time {
	if v.audio != nil {
		if _, seq, ok := v.audio.sent(uint16(v.audio.newest)); ok {
			if pk := v.packets.BySeq(media.Audio, seq); pk != nil {
				return pk.Time
			}
		}
	}
	return never
}

// hearOn sends v the sound that its new group has had and that it has not heard.
func (sh *shard) hearOn(g *group, v *viewer, now int64) {
	from := g.cursor
	for p := g.cursor - 1; p >= 0; p-- {
		pk := g.packets.At(p)
		if pk == nil || now-pk.Arrived > int64(staleAudio) || pk.Kind == media.Audio && pk.Time <= v.heard {
			break
		}
		from = p
	}
	one := []*viewer{v}
	for p := from; p < g.cursor; p++ {
		if pk := g.packets.At(p); pk != nil && pk.Kind == media.Audio {
			sh.sendSound(one, pk)
		}
	}
}

// seeOn makes v go on with the pictures of its new group.
func (sh *shard) seeOn(g *group, v *viewer, how entry, pos, now int64) {
	switch how {
	case atKey:
		sh.rewind(g, v, now)
	case atNext:
		v.wait(v.video.format.Codec, 0)
		v.session.reader().RequestKey()
	case asBefore:
		was := v.phase
		v.phase, v.pos, v.last, v.budget = catchUp, pos, now, burstBytes
		switch {
		case was == paced: // its network takes no more than before
			v.phase, v.budget = paced, pieceLeast
		case pos == g.cursor:
			v.phase = liveEdge
			return
		}
		sh.chases(v)
	case notYet:
	}
}
