package rtc

import (
	"slices"
	"time"

	"millrace/internal/reason"
)

func (sh *shard) join(v *viewer, now int64) {
	if v.left || v.session.gone.Load() { // it has waited for too long, and nothing is to be sent to it
		return
	}
	g := sh.enter(v, now)
	sh.nviewers++
	v.joinAt = now
	_, source := v.session.reader().SourceTracks()
	sh.fetch([]*viewer{v}, source) // it may have changed since the answer
	v.joined.Store(true)
	v.session.lives()
	if g.offset != 0 {
		v.sendReports(sh.out, now, g.offset)
	}
	if v.video == nil {
		v.phase = audioOnly
		return
	}
	v.video.setPlayout(v.wantedPlayout(g, now))
	sh.rewind(g, v, now)
}

// enter puts v into the group of what it reads.
func (sh *shard) enter(v *viewer, now int64) *group {
	g := sh.groups[v.packets]
	if g == nil {
		g = newGroup(v.packets, now)
		sh.groups[v.packets] = g
		v.packets.Watch(sh.wake)
	}
	g.viewers = append(g.viewers, v)
	_, audio := v.session.reader().Tracks()
	sh.understand(v, audio)
	return g
}

// part takes v out of its group.
func (sh *shard) part(v *viewer) {
	v.release()
	g := sh.groups[v.packets]
	g.viewers = slices.DeleteFunc(g.viewers, func(w *viewer) bool { return w == v })
	if len(g.viewers) == 0 {
		g.packets.Unwatch(sh.wake)
		delete(sh.groups, g.packets)
	}
}

func (sh *shard) leave(v *viewer, why reason.Reason) {
	if v.left {
		return
	}
	v.left = true
	s := sh.server
	if v.joined.Load() {
		sh.part(v)
		sh.catching = slices.DeleteFunc(sh.catching, func(w *viewer) bool { return w == v })
		sh.nviewers--
	}
	sh.abandon(v)
	v.errand.without(v)
	sh.out.flush() // nothing may refer to the session's path afterwards
	peer, err := v.session.lastWords()
	v.session.reader().Close()
	s.log.Info("closed", "session", v.session.id, "stream", v.session.reader().Name().String(), "proto", "rtc",
		"peer", peer, "reason", string(why), "err", err, "seconds", int(time.Since(v.session.created).Seconds()),
		"packets", v.totals.packets, "bytes", v.totals.bytes, "lost", v.lost.Load(), "nacked", v.totals.nacked, "resent", v.totals.resent, "repairs", named(&v.totals.repairs), "red", v.totals.red,
		"pli", v.totals.pli, "drops", v.totals.drops, "rtt_ms", time.Duration(v.rtt.Load()).Milliseconds())
	s.sessions.Done()
}
