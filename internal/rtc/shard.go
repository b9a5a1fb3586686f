package rtc

import (
	"runtime"
	"slices"
	"sync"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// shard sends to its viewers. One goroutine; the rest of the room talks to it
// through its inbox.
type shard struct {
	server *Server
	index  int
	wake   chan struct{}

	mu    sync.Mutex
	inbox []command

	out      *outbox
	groups   map[*live.Packets]*group
	catching []*viewer // viewers in phase catchUp
	nviewers int
	turn     int   // which tenth of the viewers gets sender reports next
	now      int64 // Unix ns, when this turn of the loop began
	work     []command
	cut      cutter
}

type commandKind uint8

const (
	cmdJoin commandKind = iota
	cmdLeave
	cmdNACK
	cmdPLI
)

// command is what the room asks of a shard.
type command struct {
	kind   commandKind
	viewer *viewer
	why    reason.Reason
	ssrc   uint32
	lost   []uint16
}

// group is a shard's viewers of one stream.
type group struct {
	packets *live.Packets
	cursor  int64
	looked  int64 // Unix ns of when there was last nothing behind cursor
	viewers []*viewer
	offset  int64 // capture clock: Unix ns of stream time 0
}

const (
	catchUpTick = 5 * time.Millisecond
	reportTick  = 100 * time.Millisecond
	reportTurns = 10 // a viewer's reports are reportTurns ticks apart
)

func newShard(s *Server, index int, sock *socket) *shard {
	return &shard{
		server: s, index: index, wake: make(chan struct{}, 1),
		out: newOutbox(sock), groups: map[*live.Packets]*group{},
	}
}

// maxInbox is how many requests of viewers may wait in a shard's inbox.
const maxInbox = 1024

// post hands c to the shard's goroutine.
func (sh *shard) post(c command) {
	sh.mu.Lock()
	sh.inbox = append(sh.inbox, c)
	sh.mu.Unlock()
	sh.ring()
}

// request is post for what viewers ask for, of which a flood must not pile up:
// it reports whether there was room.
func (sh *shard) request(c command) bool {
	sh.mu.Lock()
	ok := len(sh.inbox) < maxInbox
	if ok {
		sh.inbox = append(sh.inbox, c)
	}
	sh.mu.Unlock()
	if ok {
		sh.ring()
	}
	return ok
}

func (sh *shard) ring() {
	select {
	case sh.wake <- struct{}{}:
	default:
	}
}

// run works until stop is closed and the inbox is empty.
func (sh *shard) run(stop <-chan struct{}) {
	reports := time.NewTicker(reportTick)
	defer reports.Stop()
	catchUps := time.NewTimer(time.Hour)
	defer catchUps.Stop()
	for {
		var pace <-chan time.Time
		if len(sh.catching) > 0 {
			catchUps.Reset(catchUpTick)
			pace = catchUps.C
		}
		stopping := false
		select {
		case <-sh.wake:
		case <-pace:
		case <-reports.C:
			sh.report()
		case <-stop:
			stopping = true
		}
		sh.now = time.Now().UnixNano()
		sh.obey()
		if stopping {
			sh.out.flush()
			sh.count()
			return
		}
		for _, g := range sh.groups {
			sh.forward(g)
		}
		sh.advance(time.Now().UnixNano())
		sh.out.limit = maxRuns
		sh.out.flush()
		sh.count()
	}
}

// obey carries out the inbox.
func (sh *shard) obey() {
	sh.mu.Lock()
	sh.work, sh.inbox = sh.inbox, sh.work[:0]
	sh.mu.Unlock()
	now := sh.now
	for i := range sh.work {
		c := &sh.work[i]
		switch c.kind {
		case cmdJoin:
			sh.join(c.viewer, now)
		case cmdLeave:
			sh.leave(c.viewer, c.why)
		case cmdNACK:
			sh.repair(c.viewer, c, now)
		case cmdPLI:
			sh.keyFrame(c.viewer, now)
		}
		sh.work[i] = command{}
	}
}

func (sh *shard) join(v *viewer, now int64) {
	if v.left {
		return
	}
	g := sh.groups[v.packets]
	if g == nil {
		g = &group{packets: v.packets, cursor: v.packets.Head(), looked: now}
		g.setOffset(v.packets.At(g.cursor - 1))
		sh.groups[v.packets] = g
		v.packets.Watch(sh.wake)
	}
	g.viewers = append(g.viewers, v)
	sh.nviewers++
	v.joinAt = now
	v.joined.Store(true)
	v.session.lives()
	if g.offset != 0 {
		v.sendReports(sh.out, now, g.offset)
	}
	if v.video == nil {
		v.phase = audioOnly
		return
	}
	sh.rewind(g, v, now)
}

func (sh *shard) leave(v *viewer, why reason.Reason) {
	if v.left {
		return
	}
	v.left = true
	s := sh.server
	if v.joined.Load() {
		g := sh.groups[v.packets]
		g.viewers = slices.DeleteFunc(g.viewers, func(w *viewer) bool { return w == v })
		sh.catching = slices.DeleteFunc(sh.catching, func(w *viewer) bool { return w == v })
		sh.nviewers--
		if len(g.viewers) == 0 {
			g.packets.Unwatch(sh.wake)
			delete(sh.groups, g.packets)
		}
	}
	sh.out.flush() // nothing may refer to the session's path afterwards
	peer := ""
	if p := v.session.path.Load(); p != nil {
		peer = p.addr.String()
	}
	v.session.mu.Lock()
	err := v.session.failed
	v.session.mu.Unlock()
	s.log.Info("closed", "session", v.session.id, "stream", v.session.reader.Name().String(), "proto", "rtc",
		"peer", peer, "reason", string(why), "err", err, "seconds", int(time.Since(v.session.created).Seconds()),
		"packets", v.totals.packets, "bytes", v.totals.bytes, "lost", v.lost.Load(), "nacked", v.totals.nacked, "resent", v.totals.resent,
		"pli", v.totals.pli, "drops", v.totals.drops, "rtt_ms", time.Duration(v.rtt.Load()).Milliseconds())
	v.session.reader.Close()
	s.sessions.Done()
}

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
	resent := 0
	for i, low := range c.lost {
		if v.repairs.left < 1 {
			v.drop(reason.Limit, len(c.lost)-i)
			break
		}
		if v.resend(sh.out, t, kind, low, now) {
			v.repairs.left--
			resent++
		}
	}
	v.totals.nacked += uint64(len(c.lost))
	sh.server.metrics.NACKed.Add(float64(len(c.lost)))
	sh.server.metrics.Resent.Add(float64(resent))
}

// keyFrame answers a PLI. A source that cannot be asked for a key frame leaves
// one remedy: a viewer that has just joined gets the newest group of pictures
// once more. Later it would throw away pictures older than those it has shown.
func (sh *shard) keyFrame(v *viewer, now int64) {
	sh.server.metrics.PLI.Inc()
	v.totals.pli++
	const young, apart = int64(3 * time.Second), int64(500 * time.Millisecond)
	if v.left || v.video == nil || !v.joined.Load() || now-v.joinAt > young || now-v.replays < apart {
		return
	}
	v.replays = now
	sh.rewind(sh.groups[v.packets], v, now)
}

// report sends a tenth of the viewers their sender reports.
func (sh *shard) report() {
	now := time.Now().UnixNano()
	for _, g := range sh.groups {
		if g.offset == 0 {
			continue
		}
		for i := sh.turn; i < len(g.viewers); i += reportTurns {
			g.viewers[i].sendReports(sh.out, now, g.offset)
		}
	}
	sh.turn = (sh.turn + 1) % reportTurns
}

// count moves the outbox's counters into the metrics.
func (sh *shard) count() {
	c, m := &sh.out.sent, sh.server.metrics
	if c.calls == 0 && len(c.dropped) == 0 && c.packets == 0 {
		return
	}
	m.Packets.Add(float64(c.packets))
	m.Bytes.Add(float64(c.bytes))
	m.SendCalls.Add(float64(c.calls))
	for r, n := range c.dropped {
		m.Drops.WithLabelValues(string(r)).Add(float64(n))
		delete(c.dropped, r)
	}
	c.packets, c.bytes, c.calls = 0, 0, 0
}

// yield lets the socket's reader run where there is one processor: the raw
// system calls of a long walk give the scheduler no chance to.
func yield(i int) {
	if i%16 == 15 {
		runtime.Gosched()
	}
}

// setOffset learns the stream's capture clock from a packet.
func (g *group) setOffset(pk *media.Packet) {
	if pk != nil {
		g.offset = pk.Capture - int64(pk.Time) - pk.Composition
	}
}
