package rtc

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// shard sends to its viewers. One goroutine; the rest of the room talks to it
// through its inbox.
type shard struct {
	server *Server
	wake   chan struct{}
	awake  atomic.Bool // it is at work

	mu    sync.Mutex
	inbox []command
	nacks []command   // answered before what is new is sent
	lossy atomic.Bool // nacks holds some
	wide  wideBox

	out       *outbox
	groups    map[*live.Packets]*group
	catching  []*viewer // viewers in phase catchUp or paced, or beside their group
	chased    []*viewer // room for the next catching
	nviewers  int
	turn      int   // which tenth of the viewers gets sender reports next
	now       int64 // Unix ns, when this turn of the loop began
	work      []command
	losses    []command
	later     []later
	moves     []move
	others    []*viewer // that a run of sound is no use to, or a packet of it is new to
	red       []byte    // room for the redundant form of a packet of sound
	redundant uint64    // packets sent in it
	cut       cutter
}

type commandKind uint8

const (
	cmdJoin commandKind = iota
	cmdLeave
	cmdNACK
	cmdPLI
	cmdEstimate
	cmdDetails
	cmdMove
)

// command is what the room asks of a shard.
type command struct {
	kind   commandKind
	viewer *viewer
	why    reason.Reason
	ssrc   uint32
	lost   []uint16
	// Of cmdEstimate, in bit/s, and of cmdDetails.
	estimate float32
	viewers  []*viewer
	details  chan<- map[*viewer]Detail // has room
	errand   *errand                   // of cmdMove
}

const (
	catchUpTick = 5 * time.Millisecond
	reportTick  = 100 * time.Millisecond
	reportTurns = 10 // a viewer's reports are reportTurns ticks apart
)

func newShard(s *Server, sock *socket) *shard {
	return &shard{
		server: s, wake: make(chan struct{}, 1),
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
	box := &sh.inbox
	if c.kind == cmdNACK {
		box = &sh.nacks
		sh.lossy.Store(true)
	}
	ok := len(*box) < maxInbox
	if ok {
		*box = append(*box, c)
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
		if len(sh.catching)+len(sh.later)+len(sh.moves) > 0 {
			catchUps.Reset(catchUpTick)
			pace = catchUps.C
		}
		sh.awake.Store(false)
		sh.server.gate.rested()
		stopping := false
		select {
		case <-sh.wake:
		case <-pace:
		case <-reports.C:
			sh.report()
		case <-stop:
			stopping = true
		}
		sh.awake.Store(true)
		sh.now = media.Now()
		sh.repairAll()
		if !stopping { // what is new comes first: those who join can wait
			for _, g := range sh.groups {
				sh.forward(g)
			}
		}
		sh.obey()
		sh.server.gate.relent()
		if stopping {
			sh.out.flush()
			sh.count()
			sh.awake.Store(false)
			return
		}
		sh.moveOn(media.Now())
		sh.advance(media.Now())
		sh.repeatDue(media.Now())
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
	sh.hear(now)
	for i := range sh.work {
		c := &sh.work[i]
		switch c.kind {
		case cmdJoin:
			sh.join(c.viewer, now)
			sh.forwardNew()
		case cmdLeave:
			sh.leave(c.viewer, c.why)
		case cmdPLI:
			sh.keyFrame(c.viewer, now)
		case cmdEstimate:
			c.viewer.link.said = float64(c.estimate)
		case cmdDetails:
			c.details <- sh.details(c.viewers, now)
		case cmdMove:
			sh.brought(c.errand, now)
		}
		sh.work[i] = command{}
	}
}

// repairAll answers the NACKs that have come.
func (sh *shard) repairAll() {
	if !sh.lossy.Load() {
		return
	}
	sh.mu.Lock()
	sh.losses, sh.nacks = sh.nacks, sh.losses[:0]
	sh.lossy.Store(false)
	sh.mu.Unlock()
	now := media.Now()
	for i := range sh.losses {
		sh.repair(sh.losses[i].viewer, &sh.losses[i], now)
		sh.losses[i] = command{}
	}
	sh.out.flush()
}

// forwardNew forwards what came while the inbox was seen to: a viewer's first
// pictures are many packets, and those who join come in crowds.
func (sh *shard) forwardNew() {
	for _, g := range sh.groups {
		if g.packets.Head() > g.cursor {
			sh.forward(g)
		}
	}
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
	m.Redundant.Add(float64(sh.redundant))
	sh.redundant = 0
	for r, n := range c.dropped {
		m.Drops.WithLabelValues(string(r)).Add(float64(n))
		delete(c.dropped, r)
	}
	c.packets, c.bytes, c.calls = 0, 0, 0
}

// yield lets the socket's reader run where there is one processor: the raw
// system calls of a long walk give the scheduler no chance to.
func (sh *shard) yield(i int) {
	if i%16 == 15 {
		sh.server.gate.relent()
		runtime.Gosched()
	}
}
