package httplive

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"millrace/internal/live"
)

// Why a viewer ends that the stream has no word for.
var (
	errGone = errors.New("the viewer is gone")
	errBye  = errors.New("the viewer closed the connection")
)

// lastWords is how long a write that is under way, and the end of the response,
// may still take when the viewer is ended.
const lastWords = time.Second

// outlet carries bytes to one viewer. One goroutine uses it.
type outlet interface {
	// send writes all of batch, and keeps none of it. It fails with
	// live.ErrSlow when that takes too long, with errGone when the viewer
	// left, and with the cause of ctx.
	send(ctx context.Context, batch net.Buffers) error
	// close ends the viewer's connection or response.
	close(err error)
}

// length is the number of bytes in batch.
func length(batch net.Buffers) int {
	n := 0
	for _, b := range batch {
		n += len(b)
	}
	return n
}

// maxScratch is how much an outlet keeps to itself between writes; the first
// batch of a viewer is much larger than the others.
const maxScratch = 64 << 10

// scratch is where outlets without vectored writes put batches together.
type scratch []byte

// gather returns the bytes of batch in one piece, valid until the next call.
func (s *scratch) gather(batch net.Buffers) []byte {
	all := slices.Grow((*s)[:0], length(batch))
	for _, b := range batch {
		all = append(all, b...)
	}
	if cap(all) <= maxScratch {
		*s = all
	}
	return all
}

// sendError explains a failed write that began at began.
func sendError(ctx context.Context, err error, began time.Time, timeout time.Duration) error {
	switch {
	case err == nil:
		return nil
	case time.Since(began) >= timeout: // first: a failed write may end ctx, too
		return fmt.Errorf("write blocked for %s: %w", timeout, live.ErrSlow)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return fmt.Errorf("%w: %w", errGone, err)
}

// responseOutlet writes to an HTTP response: HTTP/2, and what cannot be hijacked.
type responseOutlet struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	scratch scratch
}

func openResponse(w http.ResponseWriter, timeout time.Duration) *responseOutlet {
	o := &responseOutlet{w: w, control: http.NewResponseController(w), timeout: timeout}
	_ = o.control.SetWriteDeadline(time.Time{}) // the server's own
	w.WriteHeader(http.StatusOK)
	return o
}

func (o *responseOutlet) send(ctx context.Context, batch net.Buffers) error {
	began := time.Now()
	// Where deadlines are not supported, the request's context ends a write.
	_ = o.control.SetWriteDeadline(began.Add(o.timeout))
	// A cancellation from here on cuts the deadline short.
	stop := abortOn(ctx, func() { _ = o.control.SetWriteDeadline(time.Now().Add(lastWords)) })
	defer stop()
	_, err := o.w.Write(o.scratch.gather(batch))
	if err == nil {
		err = o.control.Flush()
	}
	if err == nil {
		_ = o.control.SetWriteDeadline(time.Time{}) // HTTP/2 would end a response that is quiet for as long
	}
	return sendError(ctx, err, began, o.timeout)
}

func (o *responseOutlet) close(error) {}

// abortOn calls abort when ctx ends before stop is called. stop waits for abort.
func abortOn(ctx context.Context, abort func()) (stop func()) {
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
