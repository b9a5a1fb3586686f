package hls

import (
	"time"

	"millrace/internal/live"
)

// Config holds the limits of a Server. Zero values mean the defaults.
type Config struct {
	// MaxSessions is how many viewers are served at once. 10 000.
	MaxSessions int
	// MaxPackagers is how many streams are packaged at once, each container and
	// codec of the sound counting for itself. 500.
	MaxPackagers int
	// MaxWaiting is how many requests may wait at once for what is to come. 20 000.
	MaxWaiting int
	// MaxBytes is how much a lane keeps, but for the segments that a playlist
	// must have. 64 MiB.
	MaxBytes int
	// Listed is how many segments a playlist lists; half as many again and
	// more are kept for who is slow. 10.
	Listed int
	// Segment is how long a segment lasts, if key frames permit. 2 s.
	Segment time.Duration
	// MaxSegment is where a first segment ends without a key frame. 12 s.
	MaxSegment time.Duration
	// Part is about how long a part lasts, to a whole number of frames. 250 ms.
	Part time.Duration
	// StartTimeout bounds admission, and the wait for a stream's tracks.
	// live.StartWait.
	StartTimeout time.Duration
	// FirstTimeout is how long a viewer waits for the first segment. 20 s.
	FirstTimeout time.Duration
	// WriteTimeout bounds the writing of an answer. 30 s.
	WriteTimeout time.Duration
	// Silence is how long after its last playlist a session ends, and with the
	// last one the packager. 20 s, and at least three target durations.
	Silence time.Duration
}

func (c Config) withDefaults() Config {
	count := func(n *int, to int) {
		if *n == 0 {
			*n = to
		}
	}
	last := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	count(&c.MaxSessions, 10_000)
	count(&c.MaxPackagers, 500)
	count(&c.MaxWaiting, 20_000)
	count(&c.MaxBytes, 64<<20)
	count(&c.Listed, 10)
	last(&c.Segment, 2*time.Second)
	last(&c.MaxSegment, 12*time.Second)
	last(&c.Part, 250*time.Millisecond)
	last(&c.StartTimeout, live.StartWait)
	last(&c.FirstTimeout, 20*time.Second)
	last(&c.WriteTimeout, 30*time.Second)
	last(&c.Silence, 20*time.Second)
	return c
}
