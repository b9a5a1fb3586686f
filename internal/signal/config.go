package signal

import (
	"context"
	"time"

	"millrace/internal/live"
)

// Config holds the limits of a Server. Zero values mean the defaults.
type Config struct {
	// Timeout bounds reading a request and admission together. 4.5 s, which
	// leaves half a second of the official players' five for the way there and back.
	Timeout time.Duration
	// StartTimeout is how long a viewer by WHEP may wait instead for its stream to
	// begin, as long as others find room. live.StartWait.
	StartTimeout time.Duration
	// MaxPending is how many requests are worked on at once; further ones are
	// turned away. 1024.
	MaxPending int
	// Ready waits, bounded by ctx, until a further viewer takes nothing from
	// those who are there. It fails when that takes too long; the viewer is then
	// told to come again. nil: there is always room.
	Ready func(ctx context.Context) error
}

// maxBody is the most that is read of a request, in bytes. The largest offer
// seen, as JSON, has 7.3 kB.
const maxBody = 64 << 10

func (c Config) withDefaults() Config {
	if c.Timeout == 0 {
		c.Timeout = 4500 * time.Millisecond
	}
	if c.StartTimeout == 0 {
		c.StartTimeout = live.StartWait
	}
	if c.MaxPending == 0 {
		c.MaxPending = 1024
	}
	if c.Ready == nil {
		c.Ready = func(context.Context) error { return nil }
	}
	return c
}
