package relay

import (
	"time"

	"millrace/internal/media"
)

const (
	// maxAhead is how much more media than time may go by: more than servers keep.
	// For a source that runs for weeks a share of the time comes on top: clocks
	// differ, while what is sent to and fro runs many times as fast.
	maxAhead   = time.Minute
	aheadShare = 50 // one part of so many
	// maxStep is what counts at most from one frame to the next: what is longer is a
	// gap. leastStep is for one that is none.
	maxStep, leastStep = media.Time(time.Second), media.Time(10 * time.Millisecond)
)

// haste notices a source that sends media faster than it lasts, without end. Such a
// one gets it from here: two nodes that fetch a stream from each other, once its
// origin is gone, would else send what they had of it to and fro for ever.
type haste struct {
	began  time.Time
	any    [2]bool
	last   [2]media.Time // of a kind
	played [2]media.Time
}

// tooFast takes a frame that came at now.
func (h *haste) tooFast(f *media.Frame, now time.Time) bool {
	kind := f.Track.Kind
	if h.any[kind] {
		step := f.DTS - h.last[kind]
		if step <= 0 {
			step = leastStep
		}
		h.played[kind] += min(step, maxStep)
	}
	h.any[kind], h.last[kind] = true, f.DTS
	passed := now.Sub(h.began)
	return h.played[kind] > media.Time(passed+passed/aheadShare+maxAhead)
}
