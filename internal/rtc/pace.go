package rtc

import (
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// A viewer whose network takes less than it is given reads behind its group, at
// the rate that its link was measured at. What waits longer than it is worth is
// left out: first the pictures that no other refers to, then all up to the next
// key frame. Sound is sent with the group's and waits for nothing.

// pace is where a viewer stands whose link asks for less than all at once.
type pace struct {
	waits bool  // it was made to wait for a key frame by its network
	probe int64 // Unix ns of the last probe
	late  int64 // Unix ns of when pictures last went out late, or not at all, for its network's sake; 0: never
}

const (
	// atOnceFor is how much of a link's time a batch may take and still leave in
	// one go: what is more is spread, so that sound gets through between.
	atOnceFor = 40 * time.Millisecond
	// pieceFor is the piece that is sent at a time: packets that leave together
	// measure the link. Sound that comes after it waits for it, and what players
	// hold back of sound, and of pictures with it, follows the longest of such
	// waits for a minute: so it is no longer than two packets need.
	pieceFor   = 20 * time.Millisecond
	pieceLeast = 2 * 1200 // bytes
	// lateFor is how late a turn of the shard may be and cost a viewer nothing of
	// what its link takes.
	lateFor = 60 * time.Millisecond

	thinAge = 200 * time.Millisecond // pictures that no other refers to are left out from then on
	skipAge = 600 * time.Millisecond // all pictures, up to the next key frame

	// askApart is the time between requests for key frames of viewers whose
	// networks do not carry the stream.
	askApart = 2500 * time.Millisecond
)

// asksPacing says whether a batch of pictures is more than v's network takes at
// once.
func (v *viewer) asksPacing(bytes int, now int64) bool {
	l := &v.link
	rate := l.estimate()
	if rate == 0 {
		return false
	}
	return float64(bytes)*8 > rate*atOnceFor.Seconds() || l.overused(now)
}

// slow makes v read on at its own pace, from the batch that was gathered last.
// It reports false for a viewer that waits for a key frame which is not in it.
func (sh *shard) slow(g *group, v *viewer) bool {
	at := g.from
	if v.phase == awaitKey {
		if at = g.packets.NewestKey(); at < g.from || at >= g.cursor {
			return false
		}
	}
	v.phase, v.pos, v.last, v.budget = paced, at, sh.now, pieceLeast
	sh.chases(v)
	return true
}

// chases makes the shard send v what its pace allows, between its batches.
func (sh *shard) chases(v *viewer) {
	if !v.chasing {
		v.chasing = true
		sh.catching = append(sh.catching, v)
	}
}

// gain is the share of the measured rate to send at: a little more while the queue
// empties by itself, so that it still shows, less while one stands. Feedback comes
// late: what is too much until then, sound waits for.
func (l *link) gain() float64 {
	switch {
	case l.standing > longStanding:
		return 0.5
	case l.standing > standingMin:
		return 0.75
	case l.standing > standingMin/2:
		return 0.95
	}
	return 1.05
}

// longStanding is a queue that sound must not wait in for long, µs.
const longStanding = 4 * standingMin

// trickle sends v what its network takes by now.
func (sh *shard) trickle(v *viewer, now int64) {
	g, l := sh.groups[v.packets], &v.link
	rate := l.estimate() / 8
	if rate == 0 {
		rate = catchUpLeast
	}
	piece := max(pieceLeast, int64(rate*pieceFor.Seconds()))
	passed := min(max(now-v.last, 0), int64(catchUpMost))
	gained := int64(float64(passed) / 1e9 * rate * l.gain())
	v.budget = min(v.budget+gained, max(piece*3/2, min(gained, int64(rate*lateFor.Seconds()))))
	v.last = now
	sh.changeLayer(g, v, now)
	if c := &v.choice; c.target != c.layer && l.standing > longStanding {
		// What would leave now would only keep the key frame waiting.
		if n := v.pictures(v.pos, g.cursor); n > 0 {
			sh.giveUp(g, v, n)
			return
		}
	}
	if !sh.thin(g, v, now) {
		return
	}
	if v.pos >= g.cursor {
		if !l.overused(now) && !v.aside() {
			v.phase = liveEdge
		}
		return
	}
	if v.budget < piece && g.cursor-v.pos > 0 && sh.waiting(g, v) > v.budget {
		return
	}
	if l.full(rate*inFlightFor.Seconds()+float64(piece), now) || v.queued() > tcpLong {
		return
	}
	sh.sendPiece(g, v, g.cursor, now)
}

// inFlightFor bounds what the viewer has not told of, in time of its link: the
// round trip, the wait for its feedback, and a queue.
const inFlightFor = 700 * time.Millisecond

// waiting is how many bytes wait for v, as far as they are more than its budget.
func (sh *shard) waiting(g *group, v *viewer) (bytes int64) {
	for pos := v.pos; pos < g.cursor && bytes <= v.budget; pos++ {
		if pk := g.packets.At(pos); pk != nil && v.reads(pk) {
			bytes += int64(len(pk.Payload))
		}
	}
	return bytes
}

// sendPiece sends v what its budget allows of what waits before a position.
func (sh *shard) sendPiece(g *group, v *viewer, end, now int64) {
	c := &sh.cut
	c.video = c.video[:0]
	thin := false
	for v.pos < end && v.budget > 0 {
		pk := g.packets.At(v.pos)
		v.pos++
		if pk == nil || !v.reads(pk) {
			continue
		}
		if now-pk.Arrived > int64(thinAge) {
			v.pace.late = now
		}
		if pk.Discardable && now-pk.Arrived > int64(thinAge) {
			thin = true
			v.drop(reason.Thinned, 1)
			continue
		}
		if thin {
			sh.sendCut(g, v)
			v.video.jump, thin = true, false
		}
		c.video = append(c.video, pk)
		v.budget -= int64(len(pk.Payload))
	}
	sh.sendCut(g, v)
	if thin {
		v.video.jump = true
	}
}

// sendCut sends v what the cutter has gathered, and empties it.
func (sh *shard) sendCut(g *group, v *viewer) {
	c := &sh.cut
	c.split()
	if v.halfSecond {
		v.announcePlayout(g, c, sh.now)
	}
	sh.out.limit = videoRuns
	for _, s := range c.segments {
		sh.sendSegment(v, s)
		if v.phase == liveEdge {
			v.phase = paced
		}
	}
	c.video = c.video[:0]
}

// thin leaves out what is not worth waiting for. It reports whether v goes on.
func (sh *shard) thin(g *group, v *viewer, now int64) bool {
	for v.pos < g.cursor {
		pk := g.packets.At(v.pos)
		if pk != nil && !v.reads(pk) {
			v.pos++
			continue
		}
		if pk != nil && now-pk.Arrived <= int64(skipAge) {
			return true
		}
		key := g.packets.NewestKeyOf(v.choice.layer)
		if pk != nil && pk.Key && key <= v.pos {
			return true // a key frame that has been begun is worth its time
		}
		if key > v.pos && key < g.cursor {
			v.pace.late = now
			v.drop(reason.Congested, v.pictures(v.pos, key))
			v.pos, v.video.jump = key, true
			return true
		}
		sh.giveUp(g, v, v.pictures(v.pos, g.cursor))
		return false
	}
	return true
}

// giveUp leaves out the n packets of pictures that wait for v, which goes on at a
// key frame.
func (sh *shard) giveUp(g *group, v *viewer, n int) {
	v.drop(reason.Congested, n)
	v.pos = g.cursor
	v.phase, v.video.jump = awaitKey, true
	v.pace.waits, v.pace.late = true, sh.now
}

// aside says whether v reads, or is about to read, another layer than its group.
func (v *viewer) aside() bool { return v.choice.layer != 0 || v.choice.target != 0 }

// reads says whether pk is of the pictures that v gets.
func (v *viewer) reads(pk *media.Packet) bool {
	return pk.Kind == media.Video && pk.Layer == v.choice.layer
}

// await looks for the key frame that a viewer beside its group waits for.
func (sh *shard) await(v *viewer, now int64) {
	g := sh.groups[v.packets]
	sh.changeLayer(g, v, now)
	if v.phase != awaitKey || v.choice.layer == 0 {
		return
	}
	if key := g.packets.NewestKeyOf(v.choice.layer); key >= v.pos && key < g.cursor {
		v.phase, v.pos, v.last, v.video.jump = paced, key, now, true
	}
}

// pictures counts the packets in [from, to) that v reads.
func (v *viewer) pictures(from, to int64) (n int) {
	for pos := from; pos < to; pos++ {
		if pk := v.packets.At(pos); pk == nil || v.reads(pk) {
			n++
		}
	}
	return n
}

// mayAsk says whether v, which waits for a key frame, may ask for one. What one
// asks for all get: where networks carry less than the stream, it is now and then
// all the same, since nothing else shows when they carry more.
func (v *viewer) mayAsk(g *group, now int64) bool {
	if !v.pace.waits || v.link.estimate() > g.meter.rate {
		return true
	}
	if past := now - g.spared; past >= 0 && past < int64(askApart) {
		return false
	}
	g.spared = now
	return true
}
