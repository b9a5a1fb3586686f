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

// forward sends what is new in a group's stream to its viewers: first the
// sound of all, then the pictures of one viewer after the other.
func (sh *shard) forward(g *group) {
	head := g.packets.Head()
	if g.cursor >= head {
		g.looked = sh.now
		sh.checkEnded(g)
		return
	}
	now := media.Now()
	sh.gather(g, head, now)
	oldest := now
	if len(sh.cut.audio) > 0 {
		oldest = min(oldest, sh.cut.audio[0].Arrived)
		g.follow(sh.cut.audio[len(sh.cut.audio)-1], now)
		sh.forwardAudio(g)
	}
	if n := len(sh.cut.video); n > 0 {
		oldest = min(oldest, sh.cut.video[0].Arrived)
		g.follow(sh.cut.video[n-1], now)
		sh.forwardVideo(g)
	}
	sh.out.flush()
	m, end := sh.server.metrics, media.Now()
	m.AgeAtSend.Observe(seconds(now - oldest))
	if n := len(sh.cut.video); n > 0 {
		m.Forward.Observe(seconds(end - sh.cut.video[0].Arrived))
		if capture := sh.cut.video[n-1].Capture; capture != 0 {
			m.CaptureDelay.Observe(seconds(end - capture))
		}
	} else if now-g.pictured > int64(2*time.Second) { // a stream of sound
		m.Forward.Observe(seconds(end - oldest))
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
		if pk != nil && pk.Layer != 0 {
			continue // its viewers read at their own pace
		}
		if pk != nil && pk.Kind == media.Video {
			g.rhythm.see(pk)
		}
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
	g.from, g.cursor, g.looked = g.cursor, head, now
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
	g.meter.add(c.bytes, now)
}

// forwardAudio sends the gathered sound to all viewers. What a busy shard finds
// together leaves together, as far as its sizes allow.
func (sh *shard) forwardAudio(g *group) {
	sh.out.limit = maxRuns
	for all := sh.cut.audio; len(all) > 0; {
		pks := all[:runOf(all, sounds)]
		all = all[len(pks):]
		singly := g.viewers
		if len(pks) > 1 && !g.heardAny(pks) {
			singly = sh.sendTogether(g, pks)
		}
		for _, pk := range pks {
			to := singly
			if pk.Time <= g.heard {
				to = sh.unheard(singly, pk)
			}
			sh.sendSound(to, pk)
		}
	}
	sh.out.flush()
}

// heardAny says whether a viewer may have heard some of pks where it came from.
func (g *group) heardAny(pks []*media.Packet) bool {
	for _, pk := range pks {
		if pk.Time <= g.heard {
			return true
		}
	}
	return false
}

// unheard returns the viewers that have not heard pk, or what comes after it, where
// they came from. What it returns is valid until the next call.
func (sh *shard) unheard(viewers []*viewer, pk *media.Packet) []*viewer {
	clear(sh.others)
	sh.others = sh.others[:0]
	for _, v := range viewers {
		if v.audio != nil && pk.Time <= v.heard {
			v.audio.jump = true
			continue
		}
		sh.others = append(sh.others, v)
	}
	return sh.others
}

// sendTogether sends a run of sound to the viewers that take it as it is, and
// returns the others. What it returns is valid until the next call.
func (sh *shard) sendTogether(g *group, pks []*media.Packet) []*viewer {
	clear(sh.others)
	sh.others = sh.others[:0]
	for i, v := range g.viewers {
		if v.audio == nil {
			continue
		}
		f := &v.audio.format
		if f.Codec != pks[0].Codec || f.Framing == sdp.FramingLATM || f.RED != 0 && v.redundancy.on || v.redundancy.twice {
			sh.others = append(sh.others, v)
			continue
		}
		v.sendRun(sh.out, v.audio, pks)
		sh.began(v)
		sh.yield(i)
	}
	return sh.others
}

// sendSound sends a packet of sound to viewers, each in its own form.
func (sh *shard) sendSound(viewers []*viewer, pk *media.Packet) {
	var forms soundForms
	for i, v := range viewers {
		if v.audio == nil {
			continue
		}
		if v.audio.format.Codec != pk.Codec {
			v.drop(reason.Codec, 1)
			v.audio.jump = true
			continue
		}
		payload, pt := sh.soundOf(v, pk, &forms)
		before := v.audio.packets
		v.sendAudio(sh.out, pk, payload, pt)
		if v.redundancy.twice && v.audio.packets != before {
			sh.sendTwice(v)
		}
		sh.began(v)
		sh.yield(i)
	}
}

func (sh *shard) forwardVideo(g *group) {
	// A few packets are sealed for many viewers before the first waits long.
	sh.out.limit = max(videoRuns, min(maxRuns, videoPackets*len(sh.cut.segments)/len(sh.cut.video)))
	reordered := false
	for _, pk := range sh.cut.video {
		reordered = reordered || pk.Composition != 0
	}
	for i, v := range g.viewers {
		if reordered && v.video != nil && !v.video.format.BFrames {
			sh.server.end(v.session, reason.BFrames)
			continue
		}
		if v.phase == liveEdge || v.phase == awaitKey && v.choice.layer == 0 {
			sh.sendVideo(g, v)
		}
		if sh.yield(i); i%16 == 15 {
			sh.repairAll() // a walk over many viewers takes long
		}
	}
	sh.tails(g, sh.cut.video, g.looked)
}

// sendVideo sends the gathered batch to one viewer.
func (sh *shard) sendVideo(g *group, v *viewer) {
	room := tcpLong
	if v.phase == awaitKey {
		room = tcpShort
	}
	if v.queued() > room {
		v.phase, v.video.jump = awaitKey, true
		v.pace.late = sh.now
		v.drop(reason.QueueFull, len(sh.cut.video))
		return
	}
	if v.asksPacing(sh.cut.bytes, sh.now) && sh.slow(g, v) {
		return
	}
	if v.halfSecond {
		v.announcePlayout(g, &sh.cut, sh.now)
	}
	for _, s := range sh.cut.segments {
		sh.sendSegment(v, s)
	}
}

// sendSegment sends a part of the gathered batch to one viewer, if it can use it.
func (sh *shard) sendSegment(v *viewer, s segment) {
	t, pks := v.video, sh.cut.video[s.from:s.to]
	if c := pks[0].Codec; c != t.format.Codec {
		if t.passed(pks[0].Seq) { // of before the codec changed
			v.drop(reason.Late, len(pks))
			return
		}
		if !s.key || !t.turn(c) {
			v.wait(c, len(pks))
			if s.key { // who connects anew is told what is missing
				sh.server.end(v.session, reason.Codec)
			}
			return
		}
	}
	if v.phase == awaitKey {
		if !s.key {
			v.wait(pks[0].Codec, len(pks))
			return
		}
		v.phase = liveEdge
	}
	v.deaf = false
	v.pace.waits = false
	v.choice.newest = max(v.choice.newest, pks[0].Time+t.shifts[pks[0].Layer])
	if last := pks[len(pks)-1]; last.Capture != 0 {
		v.behind = time.Duration(sh.now - last.Capture)
	}
	v.sendRun(sh.out, t, pks)
	sh.began(v)
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
	r := g.viewers[0].session.reader()
	select {
	case <-r.Ended():
		why := live.ReasonOf(r.Err())
		for _, v := range g.viewers {
			sh.server.end(v.session, why)
		}
	default:
	}
}
