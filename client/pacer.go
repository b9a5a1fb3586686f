package client

import (
	"context"
	"time"
)

// A key frame is ten times as large as others, and a burst of it overflows
// queues on its way that are a few dozen packets deep: in the access router and
// in the server's socket. So pictures leave in pieces of burst bytes, at
// paceFactor times the stream's own rate but not below paceLeast: a key frame
// of 90 kB takes 29 ms of a link that is made for more, and less than its own
// time in any case; other pictures are not held at all.
const (
	burst      = 12_000
	paceLeast  = 25_000_000 / 8 // bytes per second
	paceFactor = 5
	rateWindow = 2 * time.Second
)

// pacer spaces packets. One goroutine uses it.
type pacer struct {
	budget  float64 // bytes that may leave now
	last    time.Time
	rate    float64 // bytes per second, of the stream
	written int
	since   time.Time
	timer   *time.Timer
}

func newPacer() *pacer {
	now := time.Now()
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &pacer{budget: burst, last: now, since: now, timer: t}
}

// wait returns when size bytes may leave, or false when ctx ends. first says
// that they begin an access unit.
func (p *pacer) wait(ctx context.Context, size int, first bool) bool {
	now := time.Now()
	if span := now.Sub(p.since); first && span >= rateWindow {
		p.rate, p.written, p.since = float64(p.written)/span.Seconds(), 0, now
	}
	p.written += size
	speed := max(paceLeast, p.rate*paceFactor)
	p.fill(now, speed)
	// A debt is waited for once it is a piece, not packet by packet: timers
	// are no finer than about a millisecond.
	if p.budget -= float64(size); p.budget > -burst {
		return true
	}
	p.timer.Reset(time.Duration(-p.budget / speed * float64(time.Second)))
	select {
	case <-p.timer.C:
		p.fill(time.Now(), speed)
		return true
	case <-ctx.Done():
		p.timer.Stop()
		return false
	}
}

func (p *pacer) fill(now time.Time, speed float64) {
	p.budget = min(burst, p.budget+now.Sub(p.last).Seconds()*speed)
	p.last = now
}
