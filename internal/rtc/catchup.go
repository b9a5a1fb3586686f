package rtc

import (
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// A viewer that joins in the middle of a group of pictures gets the key frame
// at once and what follows it at a pace that shallow queues on its way can
// bear, all with real timestamps. Then it reads with its group.
const (
	burstBytes    = 60_000           // a backlog as small as this goes out at once
	catchUpFactor = 5                // times the stream's own rate
	catchUpLeast  = 5_000_000 / 8    // bytes per second
	catchUpMost   = 1 * time.Second  // a backlog takes no longer than this
	freshKey      = 1 * time.Second  // behind an older one, a backlog costs more time than a new key frame
	replayMost    = 10 * time.Second // of media; an older key frame is shown alone
	replayBytes   = 16 << 20
)

// rewind puts v at the newest key frame of its stream.
func (sh *shard) rewind(g *group, v *viewer, now int64) {
	v.video.jump = true
	v.release()
	v.choice.layer, v.choice.target = 0, 0
	key := g.packets.NewestKey()
	first := g.packets.At(key)
	if key < 0 || first == nil {
		v.wait(v.video.format.Codec, 0)
		v.session.reader().RequestKey()
		return
	}
	if !v.video.turn(first.Codec) {
		v.wait(first.Codec, 0)
		return
	}
	bytes, whole := g.backlog(key, now)
	span := max(time.Duration(now-first.Arrived), time.Millisecond)
	old := span > freshKey && bytes > burstBytes
	if (old || !whole) && v.session.reader().RequestKey() && old {
		v.wait(first.Codec, 0)
		return
	}
	v.pos, v.last, v.budget = key, now, 0
	v.rate = max(int64(float64(bytes)/span.Seconds()*catchUpFactor), catchUpLeast, int64(float64(bytes)/catchUpMost.Seconds()))
	if bytes <= burstBytes {
		v.budget = bytes
	}
	sh.sendFrame(g, v) // the key frame, whatever it costs
	if span > replayMost || bytes > replayBytes {
		v.phase, v.video.jump = awaitKey, true
		v.drop(reason.SkipKeyWait, int(g.cursor-v.pos))
		return
	}
	v.phase = catchUp
	sh.chases(v)
	sh.advance(now)
}

// backlog returns the size of the pictures from key on, and whether none of them
// miss a packet that was given up.
func (g *group) backlog(key, now int64) (bytes int64, whole bool) {
	first, last, held := int64(-1), int64(0), int64(0)
	for pos := key; pos < g.cursor; pos++ {
		pk := g.packets.At(pos)
		if pk == nil || pk.Kind != media.Video || pk.Layer != 0 {
			continue
		}
		bytes += int64(len(pk.Payload))
		if first < 0 {
			first = pk.Seq
		}
		if pk.Seq < first {
			continue
		}
		if held++; now-pk.Arrived > int64(givenUp) {
			last = max(last, pk.Seq-first+1)
		}
	}
	return bytes, held >= last
}

// advance sends each catching-up viewer what its pace allows by now. What is
// forwarded meanwhile may make others catch up.
func (sh *shard) advance(now int64) {
	all := sh.catching
	sh.catching, sh.chased = sh.chased[:0], nil
	for _, v := range all {
		switch v.phase {
		case catchUp:
			sh.chase(v, now)
			sh.forwardNew()
		case paced:
			sh.trickle(v, now)
		case awaitKey, liveEdge:
			sh.await(v, now)
		}
		if v.chasing = v.phase == catchUp || v.phase == paced || v.aside(); v.chasing {
			sh.catching = append(sh.catching, v)
		}
	}
	clear(all)
	sh.chased = all[:0]
}

func (sh *shard) chase(v *viewer, now int64) {
	g := sh.groups[v.packets]
	if g.packets.NewestKey() > v.pos {
		v.pos, v.video.jump = g.packets.NewestKey(), true // a newer start is a shorter way
	}
	// A wall clock that is set neither stops the chase nor ends its pacing.
	v.budget += min(max(now-v.last, 0), int64(catchUpMost)) * v.rate / int64(time.Second)
	v.last = now
	if most := v.link.estimate() / 8; most != 0 && v.link.overused(now) {
		v.rate = min(v.rate, int64(most))
	}
	for v.pos < g.cursor {
		if v.budget <= 0 || v.queued() > tcpLong {
			return
		}
		if !sh.sendFrame(g, v) {
			v.phase, v.video.jump = awaitKey, true
			v.drop(reason.SkipOverrun, 1)
			return
		}
		if v.phase == awaitKey {
			return
		}
		v.phase = catchUp
	}
	v.phase = liveEdge
	if v.pos > g.cursor { // what the group has yet to forward before that is not for v
		v.phase = awaitKey
	}
}

// sendFrame sends the access unit at the viewer's position and moves behind it
// and any sound in between. It reports whether the log still held it.
func (sh *shard) sendFrame(g *group, v *viewer) bool {
	c := &sh.cut
	c.video = c.video[:0]
	for v.pos < g.cursor {
		pk := g.packets.At(v.pos)
		if pk == nil {
			return false
		}
		if pk.Kind == media.Video && pk.Layer == 0 {
			if pk.Start && len(c.video) > 0 {
				break
			}
			c.video = append(c.video, pk)
			v.budget -= int64(len(pk.Payload))
			if pk.Composition != 0 && !v.video.format.BFrames {
				sh.server.end(v.session, reason.BFrames)
			}
		}
		v.pos++
	}
	c.split()
	sh.out.limit = videoRuns
	for _, s := range c.segments {
		sh.sendSegment(v, s)
	}
	return true
}
