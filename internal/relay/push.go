package relay

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"millrace/internal/live"
	"millrace/internal/reason"
)

// push does a job until its stream has ended, or ctx has.
func (p *Pusher) push(ctx context.Context, j job) {
	source, err := p.hub.Subscribe(ctx, j.name)
	if err != nil {
		return // it was gone at once
	}
	defer source.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan struct{})
	defer func() { cancel(nil); <-ended }()
	go func() {
		defer close(ended)
		select {
		case <-source.Ended():
			cancel(source.Err())
		case <-ctx.Done():
		}
	}()
	pauses := pauses{config: p.config}
	for {
		s := &session{pusher: p, job: j}
		s.run(ctx, source)
		pauses.lasted(s.lasted)
		if !pauses.wait(ctx) {
			return
		}
	}
}

// session is one connection to a target.
type session struct {
	pusher *Pusher
	job    job

	frames uint64
	bytes  uint64
	lasted time.Duration // of media
}

// run sends until ctx ends or the target does, and writes the one log line.
func (s *session) run(ctx context.Context, source *live.Reader) {
	p := s.pusher
	proto, peer := place(s.job.url)
	began := time.Now()
	err := bare(s.relay(ctx, proto, source))
	level := slog.LevelWarn
	if ctx.Err() != nil {
		err, level = context.Cause(ctx), slog.LevelInfo
	}
	why := reasonOf(err)
	p.metrics.pushesClosed.WithLabelValues(proto, string(why)).Inc()
	p.metrics.sent.WithLabelValues(proto).Add(float64(s.bytes))
	p.log.Log(context.WithoutCancel(ctx), level, "push closed", "stream", s.job.name.String(), "proto", proto, "peer", peer,
		"reason", string(why), "err", err, "lasted", time.Since(began).Round(time.Millisecond), "frames", s.frames, "bytes", s.bytes)
}

// relay takes frames from the hub to the target. source is what was published.
func (s *session) relay(ctx context.Context, proto string, source *live.Reader) error {
	p := s.pusher
	way := p.config.Ways.Publish[proto]
	if way == nil {
		return &failure{reason.BadRequest, errors.New("no way to publish by " + proto)}
	}
	opening, cancel := context.WithTimeoutCause(ctx, p.config.OpenTimeout, errLate)
	defer cancel()
	name := s.job.name
	if !s.job.opus {
		name.Variant = live.VariantAAC
	}
	r, err := p.hub.Subscribe(opening, name)
	if err != nil {
		return err
	}
	defer r.Close()
	defer func() {
		for why, n := range r.Skips() {
			p.metrics.skipped.WithLabelValues(string(why)).Add(float64(n))
		}
	}()
	target, err := way(opening, s.job.url)
	if err != nil {
		if opening.Err() != nil {
			return context.Cause(opening)
		}
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	var listening sync.WaitGroup
	defer listening.Wait()
	defer target.Close() //nolint:errcheck // it has been told all there was
	defer end(nil)
	listening.Go(func() {
		err := target.Listen()
		if err == nil {
			err = errGoodbye
		}
		end(err)
	})
	p.metrics.pushes.Inc()
	defer p.metrics.pushes.Dec()
	return s.send(ctx, source, r, target)
}

// send writes what r, which is source or a variant of it, reads. A target that is slow makes r skip to a newer key
// frame.
func (s *session) send(ctx context.Context, source, r *live.Reader, target Target) error {
	described, ok := target.(describedTarget)
	if ok {
		described.Describe(source.Description())
	}
	video, audio := r.Tracks()
	if err := target.Announce(video, audio); err != nil {
		return err
	}
	for begun := time.Now(); ; s.lasted = time.Since(begun) {
		f, err := r.Next(ctx)
		if err != nil {
			return err
		}
		if ok && len(f.Scripts) > 0 {
			described.Describe(source.Description())
		}
		if err := target.Write(f); err != nil {
			return err
		}
		s.frames++
		s.bytes += uint64(len(f.Data))
	}
}
