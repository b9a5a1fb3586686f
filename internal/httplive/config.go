package httplive

import (
	"time"

	"millrace/internal/live"
)

// Config holds the limits of a Server. Zero values mean the defaults.
type Config struct {
	// MaxViewers is how many viewers are served at once. 10 000.
	MaxViewers int
	// StartTimeout bounds admission, and the wait for a stream's tracks.
	// live.StartWait.
	StartTimeout time.Duration
	// WriteTimeout is how long one write may block. 10 s.
	WriteTimeout time.Duration
	// MaxAge is the age of what a viewer has not been sent yet at which it
	// goes on at the newest key frame. 3 s.
	MaxAge time.Duration
	// Patience is how long a viewer that was too old may take to catch up,
	// skipping or not, before it is closed as slow. 20 s.
	Patience time.Duration
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&c.StartTimeout, live.StartWait)
	set(&c.WriteTimeout, 10*time.Second)
	set(&c.MaxAge, 3*time.Second)
	set(&c.Patience, 20*time.Second)
	if c.MaxViewers == 0 {
		c.MaxViewers = 10_000
	}
	return c
}
