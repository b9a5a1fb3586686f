package srt

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"millrace/internal/intake"
	"millrace/internal/live"
	"millrace/internal/reason"
	"millrace/internal/wire/ts"
)

// publish reads what a publisher sends. It returns why it ends, never nil.
func (c *session) publish(ctx context.Context) error {
	p := c.publisher
	m := c.server.metrics
	m.publishers.Inc()
	defer m.publishers.Dec()
	guard := &guarded{conn: c.conn}
	var watching sync.WaitGroup
	over := make(chan struct{})
	watching.Go(func() { guard.watch(ctx, p, c.server.config.IdleTimeout, over) })
	defer watching.Wait()
	defer c.conn.Close()
	defer close(over)

	p.HeldBack(heldBack(c.conn))
	c.ingest = intake.New(p, func(why reason.Reason) { m.dropped.WithLabelValues(string(why)).Inc() })
	r := ts.NewReader(guard)
	r.OnDrop = c.ingest.Drop
	defer func() {
		c.bytes = guard.bytes.Load()
	}()
	counted := uint64(0)
	for {
		f, err := r.Next()
		n := guard.bytes.Load()
		m.received.Add(float64(n - counted))
		counted = n
		if err == nil {
			guard.media.Add(1)
			c.ingest.Expect(r.Promised())
			err = c.ingest.Write(f, time.Now())
		}
		if err != nil {
			return guard.explain(err)
		}
	}
}

// guarded is a connection that is read until something else ends it.
type guarded struct {
	conn  gosrt.Conn
	bytes atomic.Uint64
	media atomic.Uint64         // frames in what was read
	cause atomic.Pointer[error] // of our own making
}

// Read implements io.Reader.
func (g *guarded) Read(b []byte) (int, error) {
	n, err := g.conn.Read(b)
	g.bytes.Add(uint64(n))
	return n, err
}

// maxHeld is how many bytes of a publisher may wait for their time to be handed on:
// five seconds of 100 Mbit/s.
const maxHeld = 64 << 20

// watch closes the connection when the right to publish ends, ctx does, no media
// comes any more, or more than may wait comes ahead of its time.
func (g *guarded) watch(ctx context.Context, p *live.Publisher, idle time.Duration, over <-chan struct{}) {
	tick := time.NewTicker(min(idle/4, time.Second))
	defer tick.Stop()
	seen, since := uint64(0), time.Now()
	end := func(err error) {
		g.cause.Store(&err)
		_ = g.conn.Close()
	}
	for {
		select {
		case <-over:
			return
		case <-ctx.Done():
			end(context.Cause(ctx))
			return
		case <-p.Done():
			end(p.Err())
			return
		case now := <-tick.C:
			if n := g.media.Load(); n != seen {
				seen, since = n, now
			} else if now.Sub(since) > idle {
				end(errIdle)
				return
			}
			var s gosrt.Statistics
			if g.conn.Stats(&s); s.Instantaneous.ByteRecvBuf > maxHeld {
				end(errAhead)
				return
			}
		}
	}
}

// explain says why reading or writing ended.
func (g *guarded) explain(err error) error {
	if cause := g.cause.Load(); cause != nil {
		return *cause
	}
	return err
}
