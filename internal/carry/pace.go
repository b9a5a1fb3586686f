package carry

import (
	"context"
	"time"

	"millrace/client"
)

const (
	// maxBehind is how late input may come before its times count anew from
	// now: a pipe that was stopped is not caught up with.
	maxBehind = 500 * time.Millisecond
	// maxAhead is how far a time may jump forward before it counts as a fault
	// of the input.
	maxAhead = 10 * time.Second
	// gap is what lies between the end of a file and its beginning.
	gap = 40 * time.Millisecond
)

// pacer lets access units pass when their time has come, and makes one scale of
// the passes of a loop.
type pacer struct {
	off   bool
	set   bool
	first bool // of a pass is next
	began time.Time
	shift time.Duration // from the source's scale
	last  time.Duration // the latest time that passed
	lead  time.Duration // the longest from decoding to showing
}

// again begins another pass.
func (p *pacer) again() { p.first = true }

// wait moves u onto the scale, waits for its time, and says that it was captured
// so long before it is to be shown as the encoder's reordering takes. It is
// false when ctx ends.
func (p *pacer) wait(ctx context.Context, u *client.AccessUnit) bool {
	if p.first {
		p.first = false
		p.shift = p.last + gap - u.DTS
	}
	u.DTS, u.PTS = u.DTS+p.shift, u.PTS+p.shift
	now := time.Now()
	due := p.began.Add(u.DTS)
	if !p.set || due.Sub(now) > maxAhead || now.Sub(due) > maxBehind {
		p.set, p.began, due = true, now.Add(-u.DTS), now
	}
	p.last = max(p.last, u.DTS)
	p.lead = max(p.lead, u.PTS-u.DTS)
	u.Capture = p.began.Add(u.PTS - p.lead)
	if p.off {
		u.Capture = now
	}
	if p.off || !due.After(now) {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(due.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
