package relay

import (
	"net/url"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/live"
)

// Config bounds pulls and pushes. A zero duration or number means its default.
type Config struct {
	Pulls  []Pull
	Pushes []Push
	Ways   Ways
	Guard  *Guard
	// Admit says whether a stream may be pulled; its error is a *catalog.Denied.
	Admit func(n live.Name) error
	// Fetched is told of each publisher that a pull becomes, with the source's
	// protocol and address; nil: nobody is. It may not block.
	Fetched func(p *live.Publisher, protocol catalog.Protocol, remote string)
	// MaxPulls is how many pulls may run at a time. 500.
	MaxPulls int
	// OpenTimeout is how long a source may take until its first frame, and a
	// target until it takes media. 8 s.
	OpenTimeout time.Duration
	// IdleTimeout is how long a source may send nothing. 10 s.
	IdleTimeout time.Duration
	// GiveUp is how long a stream whose sources all fail lives on. 15 s.
	GiveUp time.Duration
	// FirstPause is that before the second try; each is twice as long as the one
	// before, up to LastPause. 500 ms, 15 s.
	FirstPause, LastPause time.Duration
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	if c.MaxPulls == 0 {
		c.MaxPulls = 500
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.OpenTimeout, 8 * time.Second},
		{&c.IdleTimeout, 10 * time.Second},
		{&c.GiveUp, 15 * time.Second},
		{&c.FirstPause, 500 * time.Millisecond},
		{&c.LastPause, 15 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	return c
}

// openTimeout is that of a source: an HLS server may have to make segments first.
func (c Config) openTimeout(raw string) time.Duration {
	if u, err := url.Parse(raw); err == nil && isHLS(u) {
		return 3 * c.OpenTimeout
	}
	return c.OpenTimeout
}
