package feed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"millrace/internal/live"
)

// ErrGone says that the viewer's connection broke.
var ErrGone = errors.New("the viewer is gone")

// LastWords is how long a write that is under way, and the end of a response,
// may still take when the viewer is ended.
const LastWords = time.Second

// Framing is what a protocol puts around batches. Its values are comparable:
// what equal ones make of a batch is shared by viewers.
type Framing interface {
	// Frame appends batch, of size bytes, to out with what stands around it.
	Frame(out, batch net.Buffers, size int) net.Buffers
}

// Plain puts nothing around batches.
type Plain struct{}

// Frame implements Framing.
func (Plain) Frame(out, batch net.Buffers, _ int) net.Buffers { return append(out, batch...) }

// Conn is a Sink that writes to a connection, by one vectored write per batch
// where that is plain TCP. Only Queue may be called by any goroutine.
type Conn struct {
	conn    net.Conn
	tcp     *net.TCPConn // nil: TLS, or wrapped by the listener
	timeout time.Duration
	framing Framing
	pieces  net.Buffers
	scratch Scratch
	broken  bool // a write was cut off
	stop    func()

	fd uintptr // of tcp, for walkers; 0: they cannot write to it

	mu     sync.Mutex
	queued net.Buffers
	bell   chan struct{} // something is queued
}

// maxQueued is how many messages may wait in a Conn's queue.
const maxQueued = 64

// NewConn returns a Sink on conn, which stays the caller's to close, but not
// before Close was called, which must be. A write may block for timeout. ctx ends
// a write that is under way.
func NewConn(ctx context.Context, conn net.Conn, timeout time.Duration, framing Framing) *Conn {
	c := &Conn{conn: conn, timeout: timeout, framing: framing, bell: make(chan struct{}, 1)}
	if c.tcp, _ = conn.(*net.TCPConn); c.tcp != nil {
		c.fd = descriptor(c.tcp)
	}
	limitUnsent(conn)
	c.stop = AbortOn(ctx, func() { _ = conn.SetWriteDeadline(time.Now().Add(LastWords)) })
	return c
}

// Queue lets b, which is Conn's from now on, go out unframed before what is sent
// next, or soon. It says whether there was room.
func (c *Conn) Queue(b []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queued) >= maxQueued {
		return false
	}
	c.queued = append(c.queued, b)
	select {
	case c.bell <- struct{}{}:
	default:
	}
	return true
}

func (c *Conn) direct() *Conn { return c }

// descriptor returns that of c, which is good until c is closed; 0: there is none.
func descriptor(c *net.TCPConn) (fd uintptr) {
	if raw, err := c.SyscallConn(); err == nil {
		_ = raw.Control(func(d uintptr) { fd = d }) // 0 if it is closed
	}
	return fd
}

// finish writes what an earlier write has left over.
func (c *Conn) finish(ctx context.Context, rest net.Buffers) error {
	c.broken = true // until it is done
	return c.write(ctx, rest)
}

// waiting says whether something is queued; c may be nil.
func (c *Conn) waiting() bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queued) > 0
}

// take moves what is queued to the end of out.
func (c *Conn) take(out net.Buffers) net.Buffers {
	c.mu.Lock()
	defer c.mu.Unlock()
	out = append(out, c.queued...)
	c.queued = nil
	return out
}

// Send implements Sink. It fails with ErrGone when the connection broke.
func (c *Conn) Send(ctx context.Context, batch net.Buffers) error {
	c.pieces = c.take(c.pieces[:0])
	if len(batch) > 0 {
		c.pieces = c.framing.Frame(c.pieces, batch, Length(batch))
	}
	return c.write(ctx, c.pieces)
}

// write writes pieces as they are, and lets go of them: they are shared, and a
// viewer must not be what keeps them.
func (c *Conn) write(ctx context.Context, pieces net.Buffers) error {
	defer clear(pieces)
	began := time.Now()
	if err := c.conn.SetWriteDeadline(began.Add(c.timeout)); err != nil {
		return SendError(ctx, err, began, c.timeout)
	}
	// A cancellation before this point was overwritten; a later one is not.
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err := c.push(pieces)
	c.broken = err != nil
	return SendError(ctx, err, began, c.timeout)
}

func (c *Conn) push(pieces net.Buffers) error {
	if c.tcp != nil {
		rest := pieces // WriteTo moves it on
		_, err := rest.WriteTo(c.tcp)
		return err
	}
	_, err := c.conn.Write(c.scratch.Gather(pieces))
	return err
}

// Close sends last words, if nothing is wrong with the connection, and leaves it
// to be closed.
func (c *Conn) Close(err error, words []byte) {
	c.stop()
	if !c.broken && !errors.Is(err, live.ErrSlow) && c.conn.SetWriteDeadline(time.Now().Add(LastWords)) == nil {
		_ = c.push(append(c.take(nil), words)) // the connection closes in any case
	}
	if c.broken {
		_ = rawConn(c.conn).Close() // TLS would try to say good bye, for 5 s
	}
}

// rawConn is the connection below TLS, or c itself.
func rawConn(c net.Conn) net.Conn {
	if wrapped, ok := c.(interface{ NetConn() net.Conn }); ok {
		return wrapped.NetConn()
	}
	return c
}

// SendError explains a failed write that began at began, for Sinks.
func SendError(ctx context.Context, err error, began time.Time, timeout time.Duration) error {
	switch {
	case err == nil:
		return nil
	case time.Since(began) >= timeout: // first: a failed write may end ctx, too
		return fmt.Errorf("write blocked for %s: %w", timeout, live.ErrSlow)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return fmt.Errorf("%w: %w", ErrGone, err)
}

// AbortOn calls abort when ctx ends before stop is called. stop waits for abort.
func AbortOn(ctx context.Context, abort func()) (stop func()) {
	done := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		abort()
		close(done)
	})
	return func() {
		if !cancel() {
			<-done
		}
	}
}

// maxScratch is how much a Scratch keeps between writes; the first batch of a
// viewer is much larger than the others.
const maxScratch = 64 << 10

// Scratch is where Sinks without vectored writes put batches together.
type Scratch []byte

// Gather returns the bytes of batch in one piece, valid until the next call.
func (s *Scratch) Gather(batch net.Buffers) []byte {
	all := slices.Grow((*s)[:0], Length(batch))
	for _, b := range batch {
		all = append(all, b...)
	}
	if cap(all) <= maxScratch {
		*s = all
	}
	return all
}
