package feed

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/reason"
)

// Sink carries bytes to one viewer. One goroutine uses it at a time.
type Sink interface {
	// Send writes all of batch, and keeps none of it. It fails with
	// live.ErrSlow when that takes too long, and with the cause of ctx.
	Send(ctx context.Context, batch net.Buffers) error
}

// Viewer is one viewer being served.
type Viewer struct {
	feed   *Feed
	sink   Sink
	conn   *Conn // the sink, if it is one
	cursor cursor
	sent   prometheus.Counter
	first  func() // after the first write

	walker *walker
	// What the walker leaves to the viewer's own goroutine when it wakes it.
	wake   chan struct{}
	rest   net.Buffers
	failed error

	bytes uint64
	skips map[reason.Reason]uint64
}

// ViewerOptions say how a viewer is served and what is told about it.
type ViewerOptions struct {
	// Without are the kinds that are not sent.
	Without [2]bool
	// Patience is how long a viewer that was too old may take to catch up,
	// skipping or not, before it is closed as slow.
	Patience time.Duration
	// Sent counts bytes.
	Sent prometheus.Counter
	// First is called after the first write, which holds what was cached.
	First func()
	// OnSkip counts frames that the viewer was not sent.
	OnSkip func(why reason.Reason, frames uint64)
}

// NewViewer returns a viewer of f whose bytes go to sink.
func NewViewer(f *Feed, sink Sink, o ViewerOptions) *Viewer {
	v := &Viewer{feed: f, sink: sink, sent: o.Sent, first: o.First, wake: make(chan struct{}, 1), skips: map[reason.Reason]uint64{}}
	if d, ok := sink.(interface{ direct() *Conn }); ok {
		v.conn = d.direct()
	}
	v.cursor = cursor{log: f.log, patience: o.Patience, place: place{without: o.Without}, onSkip: func(why reason.Reason, n uint64) {
		v.skips[why] += n
		o.OnSkip(why, n)
	}}
	return v
}

// Run sends what the feed has until one of them ends, and says why. It fails
// with the cause of ctx, and as the Sink and the stream do.
func (v *Viewer) Run(ctx context.Context) error {
	v.feed.fill()
	v.feed.freshen(ctx)
	batch := v.cursor.begin(net.Buffers{v.feed.prelude(v.cursor.without)})
	batch, err := v.cursor.take(batch, time.Now())
	// The headers go out even if the stream has just ended.
	if failed := v.send(ctx, batch); failed != nil {
		return failed
	}
	v.first()
	for err == nil {
		if err = v.wait(ctx); err != nil {
			return err
		}
		if batch, err = v.cursor.take(batch[:0], time.Now()); len(batch) == 0 && !v.conn.waiting() {
			continue
		}
		if failed := v.send(ctx, batch); failed != nil {
			return failed
		}
	}
	return err
}

// wait returns when there is something to send from this goroutine. Where a
// walker can write to the viewer, it does so meanwhile.
func (v *Viewer) wait(ctx context.Context) error {
	if v.conn == nil {
		return v.feed.log.wait(ctx, v.cursor.pos, nil)
	}
	if v.walker == nil && v.conn.fd != 0 {
		v.walker = v.feed.walker()
	}
	if v.walker == nil || !v.walker.park(v) {
		return v.feed.log.wait(ctx, v.cursor.pos, v.conn.bell)
	}
	select {
	case <-v.wake:
	case <-v.conn.bell:
		v.unpark()
	case <-ctx.Done():
		v.unpark()
	}
	if v.failed != nil {
		v.conn.broken = true
		return v.failed
	}
	if len(v.rest) > 0 {
		rest := v.rest
		v.rest = nil
		return v.conn.finish(ctx, rest)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// unpark takes the viewer back from its walker.
func (v *Viewer) unpark() {
	v.walker.remove(v)
	select {
	case <-v.wake: // it had been woken at the same time
	default:
	}
}

func (v *Viewer) send(ctx context.Context, batch net.Buffers) error {
	defer clear(batch) // the frames are shared, and not for a viewer to keep
	size := Length(batch)
	if err := v.sink.Send(ctx, batch); err != nil {
		return err
	}
	v.bytes += uint64(size)
	v.sent.Add(float64(size))
	return nil
}

// Totals are what the closing line says. They are to be had after Run.
func (v *Viewer) Totals() []slog.Attr {
	attrs := []slog.Attr{slog.Uint64("bytes", v.bytes)}
	for why, n := range v.skips {
		attrs = append(attrs, slog.Uint64(string(why), n))
	}
	return attrs
}

// Length is the number of bytes in batch.
func Length(batch net.Buffers) int {
	n := 0
	for _, b := range batch {
		n += len(b)
	}
	return n
}
