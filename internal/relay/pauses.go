package relay

import (
	"context"
	"time"
)

// steady is how long a connection must have lasted for the pauses to begin anew.
const steady = 10 * time.Second

// pauses are those between tries, each twice as long as the one before.
type pauses struct {
	config Config
	next   time.Duration
}

// lasted says how long a connection did.
func (p *pauses) lasted(d time.Duration) {
	if d >= steady {
		p.next = 0
	}
}

// wait pauses. It says whether ctx still lives.
func (p *pauses) wait(ctx context.Context) bool {
	d := max(p.next, p.config.FirstPause)
	p.next = min(2*d, p.config.LastPause)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
