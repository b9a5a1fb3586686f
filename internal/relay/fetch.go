package relay

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"millrace/internal/intake"
	"millrace/internal/live"
	"millrace/internal/reason"
)

// fetch is one connection to a source.
type fetch struct {
	puller *Puller
	name   live.Name
	url    string

	frames uint64
	bytes  uint64
	lasted time.Duration // of media
}

// run fetches until ctx ends, the source does, or somebody else publishes the
// stream. It returns why, never nil, and writes the one log line.
func (s *fetch) run(ctx context.Context) error {
	p := s.puller
	proto, peer := place(s.url)
	began := time.Now()
	err := bare(s.relay(ctx, proto, peer))
	if ctx.Err() != nil && !errors.Is(err, live.ErrKicked) {
		err = errUnread // or the node stops, which ends what is read
	}
	why := reasonOf(err)
	p.metrics.pullsClosed.WithLabelValues(proto, string(why)).Inc()
	p.metrics.received.WithLabelValues(proto).Add(float64(s.bytes))
	level := slog.LevelWarn
	if ctx.Err() != nil {
		level = slog.LevelInfo // nobody wants it any more
	}
	p.log.Log(context.WithoutCancel(ctx), level, "pull closed", "stream", s.name.String(), "proto", proto, "peer", peer,
		"reason", string(why), "err", err, "lasted", time.Since(began).Round(time.Millisecond), "frames", s.frames, "bytes", s.bytes)
	return err
}

// relay takes frames from the source to the hub.
func (s *fetch) relay(ctx context.Context, proto, peer string) error {
	p := s.puller
	way := p.config.Ways.Play[proto]
	if way == nil {
		return &failure{reason.BadRequest, errors.New("no way to play by " + proto)}
	}
	opening, cancel := context.WithTimeoutCause(ctx, p.config.openTimeout(s.url), errLate)
	defer cancel()
	origin, err := way(opening, s.url)
	if err != nil {
		if opening.Err() != nil {
			return context.Cause(opening)
		}
		return err
	}
	defer origin.Close() //nolint:errcheck // only read from
	watch := watchOver(ctx, origin)
	defer watch.end()
	deadline, _ := opening.Deadline()
	watch.until(time.Until(deadline), errLate)

	f, err := origin.Next()
	if err != nil {
		return watch.explain(err)
	}
	pub, err := p.hub.Publish(s.name, "pull-"+proto, peer)
	if err != nil {
		return err
	}
	why := reason.ClosedByPeer
	defer func() { pub.Close(why) }()
	if tell := p.config.Fetched; tell != nil {
		tell(pub, protocol(s.url), peer)
	}
	defer watch.follow(pub)()
	p.metrics.pulls.Inc()
	defer p.metrics.pulls.Dec()
	if o, ok := origin.(repairedOrigin); ok {
		pub.HeldBack(o.HeldBack())
	}
	in := intake.New(pub, p.metrics.drop)
	begun := time.Now()
	haste := haste{began: begun}
	for ; err == nil; f, err = origin.Next() {
		watch.until(p.config.IdleTimeout, errIdle)
		s.frames++
		s.bytes += uint64(len(f.Data))
		in.Expect(origin.Promised())
		if d, ok := origin.(describedOrigin); ok {
			if about, changed := d.Description(); changed {
				pub.Describe(about)
			}
		}
		now := time.Now()
		if haste.tooFast(f, now) {
			err = errFast
			break
		}
		if err = in.Write(f, now); err != nil {
			break
		}
		s.lasted = time.Since(begun)
	}
	err = watch.explain(err)
	if errors.Is(pub.Err(), live.ErrKicked) {
		err = pub.Err() // which ends the readers, too
	}
	why = reasonOf(err)
	return err
}

// watch closes an origin that is late, or is not wanted any more.
type watch struct {
	origin Origin
	timer  *time.Timer
	late   error // what the timer is for; set by the goroutine that reads
	stop   func() bool
	cause  atomic.Pointer[error]
}

func watchOver(ctx context.Context, origin Origin) *watch {
	w := &watch{origin: origin}
	w.stop = context.AfterFunc(ctx, func() { w.close(context.Cause(ctx)) })
	return w
}

// until gives the next frame d to come.
func (w *watch) until(d time.Duration, late error) {
	if w.timer != nil && w.late == late { //nolint:errorlint // the very same
		w.timer.Reset(d)
		return
	}
	if w.timer != nil {
		w.timer.Stop()
	}
	w.late = late
	w.timer = time.AfterFunc(d, func() { w.close(late) })
}

func (w *watch) close(why error) {
	w.cause.CompareAndSwap(nil, &why)
	_ = w.origin.Close()
}

// follow closes the origin when the right to publish ends. What it returns ends
// that.
func (w *watch) follow(pub *live.Publisher) (end func()) {
	over := make(chan struct{})
	var following sync.WaitGroup
	following.Go(func() {
		select {
		case <-pub.Done():
			w.close(pub.Err())
		case <-over:
		}
	})
	return func() { close(over); following.Wait() }
}

func (w *watch) end() {
	w.stop()
	if w.timer != nil {
		w.timer.Stop()
	}
}

// explain says why reading ended.
func (w *watch) explain(err error) error {
	if cause := w.cause.Load(); cause != nil {
		return *cause
	}
	return err
}
