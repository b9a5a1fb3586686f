package rtc

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// gate lets what newcomers cost take only the processors that shards leave: the
// scheduler knows no priorities, and a shard behind a crowd of handshakes would
// starve all who watch. A handshake's steps go first, in their order, since
// their offers were answered; then offers, a few at a time: what each costs
// comes later. The latest offer goes first once the oldest waits long: under a
// load that does not end, who is let in is let in at once, and the others are
// told to come again.
//
// A shard never waits here. Where shards leave nothing, steps go on slowly and
// offers do not.
type gate struct {
	shards []*shard
	places int          // processors
	queued atomic.Int32 // steps and offers that wait

	mu      sync.Mutex
	running int // steps that were let in
	steps   []*turn
	offers  []*turn   // the oldest first
	credit  float64   // offers that may be let in
	counted time.Time // when credit last grew
	later   *time.Timer
}

// turn is a wait at the gate.
type turn struct {
	since time.Time
	let   chan struct{} // closed when it may go, or is refused
	no    bool          // it is refused; set before let is closed
}

const (
	// stepPatience is how long a step waits for shards that are never at rest.
	stepPatience = 5 * time.Millisecond
	// offerPatience is how long an offer waits. Who is told to come again after a
	// second does so in time for a player that gives up after five.
	offerPatience = time.Second
	// offersInOrder is how old the oldest offer is before the latest goes first.
	offersInOrder = 50 * time.Millisecond
	// offersAtOnce and offersPerSecond bound the offers that a processor with
	// nothing else to do lets in.
	// offersMost is how many wait: beyond that the oldest, which has waited long,
	// makes room.
	offersMost      = 256
	offersAtOnce    = 4
	offersPerSecond = 1500
)

// ErrBusy says that the media of those who are there takes all there is.
var ErrBusy = errors.New("sending to those who are there takes all the time")

// enter waits until a step of a handshake may run, and reports whether it may;
// not, once one of the channels is closed. leave must follow.
func (g *gate) enter(over, late <-chan struct{}) bool {
	t := g.queue(&g.steps)
	if t == nil {
		return true
	}
	select {
	case <-t.let:
		return true
	case <-over:
	case <-late:
	}
	g.giveUp(&g.steps, t)
	return false
}

// leave ends a step.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	g.grant()
}

// pass waits until an offer may be worked on. It fails with ErrBusy, or when ctx
// ends.
func (g *gate) pass(ctx context.Context) error {
	t := g.queue(&g.offers)
	if t == nil {
		g.leave()
		return nil
	}
	late := time.NewTimer(offerPatience)
	defer late.Stop()
	err := ErrBusy
	select {
	case <-t.let:
		if t.no {
			return ErrBusy
		}
		g.leave() // it runs now; the next one does when this one waits for something
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-late.C:
	}
	g.giveUp(&g.offers, t)
	return err
}

// queue takes a place, or returns the wait for one.
func (g *gate) queue(in *[]*turn) *turn {
	t := &turn{since: time.Now(), let: make(chan struct{})}
	g.mu.Lock()
	defer g.mu.Unlock()
	*in = append(*in, t)
	g.queued.Add(1) // before a look at the shards, which look here when they come to rest
	g.grant()
	if len(g.offers) > offersMost {
		old := g.offers[0]
		old.no = true
		close(old.let)
		g.offers = slices.Delete(g.offers, 0, 1)
		g.queued.Add(-1)
	}
	select {
	case <-t.let:
		return nil
	default:
		return t
	}
}

// giveUp undoes queue.
func (g *gate) giveUp(in *[]*turn, t *turn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(*in, t)
	if t.no {
		return
	}
	if i < 0 { // it was let in meanwhile
		g.running--
		g.grant()
		return
	}
	*in = slices.Delete(*in, i, i+1)
	g.queued.Add(-1)
}

// grant lets in as many as there are processors left. The caller holds mu.
func (g *gate) grant() {
	for g.queued.Load() > 0 && g.running+g.busy() < g.places {
		switch {
		case len(g.steps) > 0:
			g.let(&g.steps, 0)
		case !g.affords():
			return
		case time.Since(g.offers[0].since) < offersInOrder:
			g.let(&g.offers, 0)
		default:
			g.let(&g.offers, len(g.offers)-1)
		}
	}
}

// affords takes the credit that an offer needs. Where there is none it sees to
// it that the offers are looked at again. The caller holds mu.
func (g *gate) affords() bool {
	n, now := float64(g.places), time.Now()
	g.credit = min(offersAtOnce*n, g.credit+now.Sub(g.counted).Seconds()*offersPerSecond*n)
	g.counted = now
	if g.credit >= 1 {
		g.credit--
		return true
	}
	wait := time.Duration((1 - g.credit) / (offersPerSecond * n) * float64(time.Second))
	if g.later == nil {
		g.later = time.AfterFunc(wait, g.rested)
	} else {
		g.later.Reset(wait)
	}
	return false
}

func (g *gate) let(in *[]*turn, i int) {
	close((*in)[i].let)
	*in = slices.Delete(*in, i, i+1)
	g.queued.Add(-1)
	g.running++
}

// busy is how many shards are at work, or are to be.
func (g *gate) busy() (n int) {
	for _, sh := range g.shards {
		if sh.awake.Load() || len(sh.wake) > 0 {
			n++
		}
	}
	return n
}

// rested is called by a shard that has come to rest, and when there is credit.
func (g *gate) rested() {
	if g.queued.Load() == 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.grant()
}

// relent is called by a shard in the middle of its work.
func (g *gate) relent() {
	if g.queued.Load() == 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.steps) > 0 && g.running < g.places && time.Since(g.steps[0].since) > stepPatience {
		g.let(&g.steps, 0)
	}
}
