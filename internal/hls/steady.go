package hls

import (
	"time"

	"millrace/internal/codec/aac"
	"millrace/internal/codec/opus"
	"millrace/internal/media"
)

// hole is how far sound may be from where the last frame ended before that is
// taken for a hole, and not for rounding or jitter.
const hole = 25 * time.Millisecond

// steady puts frames of sound end to end: their times come in whole
// milliseconds, or with the jitter of a network, and players hear each seam.
type steady struct {
	rate int64 // Hz
	next int64 // tick at which the last frame ended
	on   bool
}

// place returns where a frame that lasts length ticks begins and ends.
func (s *steady) place(dts media.Time, length int64) (begin, end media.Time) {
	at := dts.Units(s.rate)
	off := at - s.next
	if limit := media.Time(hole).Units(s.rate); !s.on || off > limit || off < -limit {
		s.next, off = at, 0
	}
	s.on = true
	// A clock that drifts is followed, by less than anybody hears.
	from := s.next
	s.next += length + off/64
	return media.FromUnits(from, s.rate), media.FromUnits(s.next, s.rate)
}

// ticks is how long a frame of sound lasts, in units of its track's clock; samples
// is what AAC frames hold.
func ticks(f *media.Frame, samples int64) int64 {
	if f.Track.Codec == media.Opus {
		return int64(opus.Samples(f.Data))
	}
	return samples
}

// samplesOf is how many samples each frame of an AAC track holds.
func samplesOf(t *media.Track) int64 {
	if c, err := aac.ParseConfig(t.Config); err == nil {
		return int64(c.Samples)
	}
	return 1024
}
