package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/reason"
)

// Puller supplies the streams that its rules cover from other servers.
type Puller struct {
	config  Config
	hub     *live.Hub
	log     *slog.Logger
	metrics *Metrics
	places  chan struct{}

	mu    sync.Mutex
	rests map[live.Name]rest // streams that no source had, lately
}

var _ live.Supplier = (*Puller)(nil)

// rest is how long a stream is not asked for again, and what those who want it
// are told meanwhile.
type rest struct {
	until time.Time
	err   error
}

// maxRests bounds what is remembered of streams that no source had.
const maxRests = 1024

// NewPuller returns a Puller for hub; the caller adds it there. It starts nothing.
func NewPuller(cfg Config, hub *live.Hub, log *slog.Logger, m *Metrics) *Puller {
	cfg = cfg.withDefaults()
	return &Puller{config: cfg, hub: hub, log: log, metrics: m, places: make(chan struct{}, cfg.MaxPulls), rests: map[live.Name]rest{}}
}

// rule returns the first rule that covers n, or nil.
func (p *Puller) rule(n live.Name) *Pull {
	for i := range p.config.Pulls {
		if r := &p.config.Pulls[i]; covers(r.Domain, r.Stream, n) {
			return r
		}
	}
	return nil
}

// Supplies implements live.Supplier.
func (p *Puller) Supplies(n live.Name) bool { return p.rule(n) != nil }

// Supply implements live.Supplier. Where no source has the stream at first, it
// fails at once, with a *catalog.Denied; later on it goes from source to source
// until one has it again, or none had it for too long.
func (p *Puller) Supply(ctx context.Context, n live.Name) error {
	if err := p.config.Admit(n); err != nil {
		return err
	}
	if err := p.resting(n); err != nil {
		return err
	}
	select {
	case p.places <- struct{}{}:
		defer func() { <-p.places }()
	default:
		return &catalog.Denied{Reason: reason.Limit, Detail: "too many streams are being fetched"}
	}
	return p.supply(ctx, n, p.rule(n).From)
}

func (p *Puller) supply(ctx context.Context, n live.Name, sources []string) error {
	pauses := pauses{config: p.config}
	for had := (time.Time{}); ; {
		var last error
		for _, raw := range sources {
			s := &fetch{puller: p, name: n, url: fill(raw, n)}
			last = s.run(ctx)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			switch {
			case errors.Is(last, live.ErrTaken), errors.Is(last, live.ErrReplaced):
				return fmt.Errorf("pull %s: %w", n, last)
			case errors.Is(last, live.ErrKicked): // by the operator: no other source may have it either
				return fmt.Errorf("pull %s: %w", n, live.ErrEnded)
			}
			if s.frames > 0 && !errors.Is(last, errFast) { // else it had the stream from here
				had = time.Now()
				pauses.lasted(s.lasted)
			}
		}
		if had.IsZero() {
			err := refusal(last)
			p.rest(n, err)
			return err
		}
		if time.Since(had) > p.config.GiveUp {
			return fmt.Errorf("pull %s: %w", n, live.ErrEnded)
		}
		if !pauses.wait(ctx) {
			return context.Cause(ctx)
		}
	}
}

// refusal is what those are told who want a stream that no source has. It says
// nothing about where the sources are.
func refusal(err error) error {
	why := reasonOf(err)
	switch why {
	case reason.NotFound, reason.Refused, reason.Unreachable, reason.Timeout, reason.PrivateAddress, reason.Codec:
	case reason.IdleTimeout:
		why = reason.Timeout
	case reason.HandshakeFailed, reason.PeerGone:
		why = reason.Unreachable
	default: // it says what nobody understands, or nothing
		why = reason.Refused
	}
	detail := "the stream cannot be fetched from its origin: " + string(why)
	if why == reason.NotFound {
		detail = "its origin does not have the stream"
	}
	return &catalog.Denied{Reason: why, Detail: detail}
}

// resting returns why n is not asked for now, or nil.
func (p *Puller) resting(n live.Name) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r, ok := p.rests[n]; ok && time.Now().Before(r.until) {
		return r.err
	}
	return nil
}

// rest remembers that no source had n.
func (p *Puller) rest(n live.Name, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if len(p.rests) >= maxRests {
		for name, r := range p.rests {
			if len(p.rests) >= maxRests/2 || now.After(r.until) {
				delete(p.rests, name)
			}
		}
	}
	p.rests[n] = rest{now.Add(p.config.FirstPause), err}
}

// Run keeps the streams of permanent rules until ctx ends. It blocks.
func (p *Puller) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	for _, r := range p.config.Pulls {
		if r.Always {
			running.Go(func() { p.keep(ctx, only(r.Domain, r.Stream)) })
		}
	}
	return nil
}

// keep reads n so that it is supplied, whoever else reads it.
func (p *Puller) keep(ctx context.Context, n live.Name) {
	pauses := pauses{config: p.config}
	for ctx.Err() == nil {
		began := time.Now()
		r, err := p.hub.Subscribe(ctx, n)
		if err == nil {
			select {
			case <-r.Ended():
			case <-ctx.Done():
			}
			r.Close()
			pauses.lasted(time.Since(began))
		}
		if errors.Is(err, live.ErrShutdown) || !pauses.wait(ctx) {
			return
		}
	}
}
