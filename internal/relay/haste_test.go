package relay

import (
	"testing"
	"time"

	"millrace/internal/media"
)

// A source may run for weeks by a clock of its own, and send at first what it
// kept; one that sends a thousand times as fast has the stream from here.
func TestHaste(t *testing.T) {
	frame := &media.Frame{Track: &media.Track{Kind: media.Video}}
	run := func(kept, span time.Duration, rate float64) bool {
		began := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		h := haste{began: began}
		const step = 500 * time.Millisecond // of media
		for at := time.Duration(0); at < span; at += step {
			frame.DTS = media.Time(at)
			passed := max(0, time.Duration(float64(at-kept)/rate))
			if h.tooFast(frame, began.Add(passed)) {
				return true
			}
		}
		return false
	}
	if run(40*time.Second, 14*24*time.Hour, 1.002) {
		t.Error("two weeks, 0.2 % fast: too fast")
	}
	if !run(0, 10*time.Minute, 1000) {
		t.Error("ten minutes in less than a second are not too fast")
	}
}
