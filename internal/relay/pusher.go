package relay

import (
	"context"
	"log/slog"
	"sync"

	"millrace/internal/live"
)

// Pusher sends published streams to the targets of its rules.
type Pusher struct {
	config  Config
	hub     *live.Hub
	log     *slog.Logger
	metrics *Metrics
	wake    chan struct{} // one token

	mu        sync.Mutex
	published []live.Name
	running   map[job]*bool // whether the stream was published anew meanwhile
}

// job is one stream on its way to one target.
type job struct {
	name live.Name
	url  string
	opus bool
}

// NewPusher returns a Pusher for hub; the caller adds Published there. It starts
// nothing.
func NewPusher(cfg Config, hub *live.Hub, log *slog.Logger, m *Metrics) *Pusher {
	return &Pusher{
		config: cfg.withDefaults(), hub: hub, log: log, metrics: m,
		wake: make(chan struct{}, 1), running: map[job]*bool{},
	}
}

// Published is told that a stream is published. It does not block.
func (p *Pusher) Published(n live.Name) {
	for _, r := range p.config.Pushes {
		if covers(r.Domain, r.Stream, n) {
			p.mu.Lock()
			p.published = append(p.published, n)
			p.mu.Unlock()
			select {
			case p.wake <- struct{}{}:
			default:
			}
			return
		}
	}
}

// Run pushes until ctx ends. It blocks.
func (p *Pusher) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
		}
		for _, j := range p.due() {
			running.Go(func() {
				for again := true; again && ctx.Err() == nil; again = p.over(j) {
					p.push(ctx, j)
				}
			})
		}
	}
}

// due returns the jobs that have come to be.
func (p *Pusher) due() (jobs []job) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.published {
		for _, r := range p.config.Pushes {
			if !covers(r.Domain, r.Stream, n) {
				continue
			}
			for _, to := range r.To {
				j := job{n, fill(to, n), r.Opus}
				if a := p.running[j]; a != nil {
					*a = true
					continue
				}
				p.running[j] = new(bool)
				jobs = append(jobs, j)
			}
		}
	}
	p.published = nil
	return jobs
}

// over says whether a job has to be done again: its stream came back just when it
// had ended.
func (p *Pusher) over(j job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.running[j]; *a && p.hub.Publishing(j.name) {
		*a = false
		return true
	}
	delete(p.running, j)
	return false
}
