package rtc

import (
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

// Ages at which media is too old to be worth sending: its time has passed, and
// a process that was starved must not flood its viewers when it wakes.
const (
	staleAudio = 400 * time.Millisecond
	staleVideo = 1500 * time.Millisecond
)

// segment is packets [from, to) of a batch that can leave in one run.
type segment struct {
	from, to int
	key      bool // begins an access unit that decoding can start at
}

// cutter splits batches into segments, with memory that is used again.
type cutter struct {
	audio, video []*media.Packet
	segments     []segment
}

// split fills segments from video.
func (c *cutter) split() {
	c.segments = c.segments[:0]
	for i := 0; i < len(c.video); {
		first := c.video[i]
		size := len(first.Payload)
		most := min(maxRunPackets, maxRunBytes/(size+maxHeader+gcmTagLen))
		j := i + 1
		for j < len(c.video) && j-i < most && !c.video[j].Start &&
			len(c.video[j].Payload) <= size && len(c.video[j-1].Payload) == size {
			j++
		}
		c.segments = append(c.segments, segment{i, j, first.Key && first.Start})
		i = j
	}
}

// forward sends what is new in a group's stream to its viewers: first the
// sound of all, then the pictures of one viewer after the other.
func (sh *shard) forward(g *group) {
	head := g.packets.Head()
	if g.cursor >= head {
		g.looked = sh.now
		sh.checkEnded(g)
		return
	}
	now := time.Now().UnixNano()
	sh.gather(g, head, now)
	oldest := now
	if len(sh.cut.audio) > 0 {
		oldest = min(oldest, sh.cut.audio[0].Arrived)
		g.setOffset(sh.cut.audio[len(sh.cut.audio)-1])
		sh.forwardAudio(g)
	}
	if n := len(sh.cut.video); n > 0 {
		oldest = min(oldest, sh.cut.video[0].Arrived)
		g.setOffset(sh.cut.video[n-1])
		sh.forwardVideo(g)
	}
	sh.out.flush()
	m, end := sh.server.metrics, time.Now().UnixNano()
	m.AgeAtSend.Observe(seconds(now - oldest))
	m.Forward.Observe(seconds(end - oldest))
	if n := len(sh.cut.video); n > 0 {
		m.CaptureDelay.Observe(seconds(end - sh.cut.video[n-1].Capture))
	}
}

func seconds(ns int64) float64 { return float64(ns) / 1e9 }

// gather collects the packets from the group's cursor to head, leaves out what
// is stale, and moves the cursor. Pictures count from when the shard could have
// sent them: a variant that has just been started appends the whole group of
// pictures that its source holds, and all of that is needed.
func (sh *shard) gather(g *group, head, now int64) {
	c := &sh.cut
	c.audio, c.video = c.audio[:0], c.video[:0]
	staleV, staleA := 0, 0
	for pos := g.cursor; pos < head; pos++ {
		pk := g.packets.At(pos)
		switch {
		case pk == nil: // trimmed: a very starved shard
			staleV++
		case pk.Kind == media.Audio:
			if now-pk.Arrived > int64(staleAudio) {
				staleA++
				continue
			}
			c.audio = append(c.audio, pk)
		case now-max(pk.Arrived, g.looked) > int64(staleVideo):
			staleV++
		case staleV > 0 && len(c.video) == 0 && !(pk.Key && pk.Start):
			staleV++ // what follows a gap can only start at a key frame
		default:
			c.video = append(c.video, pk)
		}
	}
	g.cursor, g.looked = head, now
	if staleV+staleA > 0 {
		for _, v := range g.viewers {
			if v.audio != nil && staleA > 0 {
				v.audio.jump = true
				v.drop(reason.SkipAge, staleA)
			}
			if v.phase == liveEdge && staleV > 0 {
				v.phase, v.video.jump = awaitKey, true
				v.drop(reason.SkipAge, staleV)
			}
		}
	}
	c.split()
}

func (sh *shard) forwardAudio(g *group) {
	sh.out.limit = maxRuns
	for _, pk := range sh.cut.audio {
		var latm []byte
		for i, v := range g.viewers {
			if v.audio == nil {
				continue
			}
			if v.audio.format.Codec != pk.Codec {
				v.drop(reason.Codec, 1)
				v.audio.jump = true
				continue
			}
			if v.audio.format.Framing == sdp.FramingLATM && latm == nil {
				latm = latmFromADTS(pk.Payload, pk.Start)
			}
			v.sendAudio(sh.out, pk, latm)
			sh.began(v)
			yield(i)
		}
	}
	sh.out.flush()
}

func (sh *shard) forwardVideo(g *group) {
	sh.out.limit = videoRuns
	reordered := false
	for _, pk := range sh.cut.video {
		reordered = reordered || pk.Composition != 0
	}
	for i, v := range g.viewers {
		if reordered && v.video != nil && !v.video.format.BFrames {
			sh.server.end(v.session, reason.BFrames)
			continue
		}
		if v.phase == liveEdge || v.phase == awaitKey {
			sh.sendVideo(v)
		}
		yield(i)
	}
}

// sendVideo sends the gathered batch to one viewer.
func (sh *shard) sendVideo(v *viewer) {
	room := tcpLong
	if v.phase == awaitKey {
		room = tcpShort
	}
	if v.queued() > room {
		v.phase, v.video.jump = awaitKey, true
		v.drop(reason.QueueFull, len(sh.cut.video))
		return
	}
	for _, s := range sh.cut.segments {
		if v.phase == awaitKey {
			if !s.key {
				v.drop(reason.SkipKeyWait, s.to-s.from)
				v.video.jump = true
				continue
			}
			v.phase = liveEdge
		}
		v.sendRun(sh.out, v.video, sh.cut.video[s.from:s.to])
		sh.began(v)
	}
}

func (sh *shard) began(v *viewer) {
	if !v.began {
		v.began = true
		sh.server.metrics.FirstPacket.Observe(time.Since(v.session.created).Seconds())
	}
}

// checkEnded ends the group's sessions when its stream has ended for good.
func (sh *shard) checkEnded(g *group) {
	if len(g.viewers) == 0 {
		return
	}
	r := g.viewers[0].session.reader
	select {
	case <-r.Ended():
		why := live.ReasonOf(r.Err())
		for _, v := range g.viewers {
			sh.server.end(v.session, why)
		}
	default:
	}
}
