package rtc

import (
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// repair answers a NACK.
func (sh *shard) repair(v *viewer, c *command, now int64) {
	if !v.joined.Load() || v.left {
		return
	}
	t, kind := v.video, media.Video
	if v.audio != nil && c.ssrc == v.audio.ssrc {
		t, kind = v.audio, media.Audio
	}
	if t == nil || c.ssrc != t.ssrc {
		return
	}
	v.repairs.fill(now)
	resent, asked := 0, false
	for i, low := range c.lost {
		if v.repairs.left < 1 {
			v.drop(reason.Limit, len(c.lost)-i)
			break
		}
		switch {
		case v.resend(sh.out, t, kind, low, now):
			v.repairs.left--
			resent++
		case !asked && kind == media.Video && v.hopeless(low, now):
			v.session.reader.RequestKey()
			asked = true
		}
	}
	v.totals.nacked += uint64(len(c.lost))
	sh.server.metrics.NACKed.Add(float64(len(c.lost)))
	sh.server.metrics.Resent.Add(float64(resent))
}

// A packet that has not come this long after what follows it is taken for lost:
// the publisher was asked for it several times.
const givenUp = 250 * time.Millisecond

// hopeless says whether the number that v names is of a picture packet that the
// source lost for good, and no key frame has come since to make up for it.
func (v *viewer) hopeless(low uint16, now int64) bool {
	_, seq, ok := v.video.sent(low)
	if !ok || v.packets.BySeq(media.Video, seq) != nil {
		return false
	}
	if key := v.packets.At(v.packets.NewestKey()); key != nil && key.Seq > seq {
		return false
	}
	for after := seq + 1; after <= seq+maxUnseen; after++ {
		if pk := v.packets.BySeq(media.Video, after); pk != nil {
			return now-pk.Arrived > int64(givenUp)
		}
	}
	return false
}

// keyFrame answers a PLI: the publisher is asked for a key frame. A source that
// cannot be asked leaves one remedy: a viewer that has just joined gets the
// newest group of pictures once more. Later it would throw away pictures older
// than those it has shown.
func (sh *shard) keyFrame(v *viewer, now int64) {
	sh.server.metrics.PLI.Inc()
	v.totals.pli++
	if v.left || v.video == nil || !v.joined.Load() || v.deaf || v.session.reader.RequestKey() {
		return
	}
	const young, apart = int64(3 * time.Second), int64(500 * time.Millisecond)
	if now-v.joinAt > young || now-v.replays < apart {
		return
	}
	v.replays = now
	sh.rewind(sh.groups[v.packets], v, now)
}

// askAgain asks for a key frame as long as one of the group's viewers waits.
// One whose connection is full is no reason to send the others more.
func (g *group) askAgain() {
	for _, v := range g.viewers {
		if v.phase == awaitKey && !v.deaf && v.queued() <= tcpShort {
			v.session.reader.RequestKey()
			return
		}
	}
}

// report sends a tenth of the viewers their sender reports, and asks for the
// key frames that are waited for.
func (sh *shard) report() {
	now := time.Now().UnixNano()
	for _, g := range sh.groups {
		g.askAgain()
		if g.offset == 0 {
			continue
		}
		for i := sh.turn; i < len(g.viewers); i += reportTurns {
			g.viewers[i].sendReports(sh.out, now, g.offset)
		}
	}
	sh.turn = (sh.turn + 1) % reportTurns
}
