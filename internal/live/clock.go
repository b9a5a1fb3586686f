package live

import (
	"time"

	"millrace/internal/media"
)

// captureWindow is how long a promptest frame counts; a source clock that runs
// slow by 100 ppm is followed within 6 ms.
const captureWindow = 30 * time.Second

// CaptureClock is for sources that bring no capture times: those run with the
// source's own timestamps, at the offset of the promptest frame seen lately.
// What other frames arrive later than that is delay on their way. Presentation
// times count: with B-frames a frame is decoded later than it was captured, and
// nothing arrives before it was captured. The zero value is ready.
type CaptureClock struct {
	started       int64 // arrival that opened the current window
	older, newest int64 // smallest arrival - PTS of the last and the current window
	any           bool
}

// Estimate returns the offset (Unix ns - stream time) in force after a frame
// with the given presentation time arrived, in Unix ns.
func (c *CaptureClock) Estimate(pts media.Time, arrived int64) int64 {
	offset := arrived - int64(pts)
	switch {
	case !c.any:
		c.any, c.started, c.older, c.newest = true, arrived, offset, offset
	case arrived-c.started > int64(captureWindow):
		c.started, c.older, c.newest = arrived, c.newest, offset
	default:
		c.newest = min(c.newest, offset)
	}
	return min(c.older, c.newest)
}

// timeline places a publisher's own timestamps on its stream's scale.
type timeline struct {
	shift   media.Time // stream time - publisher time
	started bool
}

// scaleStart leaves room for a track that starts earlier than the first frame.
const scaleStart = media.Time(time.Second)

// place returns what to add to the publisher's times for the stream's scale. at
// is the decode time of what arrived, last the latest one in the stream, and
// lastArrived when that came; both 0 for a new stream. One that was started without
// a shift is on the stream's scale.
func (t *timeline) place(at media.Time, arrived int64, last media.Time, lastArrived int64) media.Time {
	if !t.started {
		t.started = true
		if lastArrived == 0 {
			t.shift = scaleStart - at
		} else {
			gone := max(arrived-lastArrived, int64(time.Millisecond))
			t.shift = last + media.Time(gone) - at
		}
	}
	return t.shift
}
