package httplive

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"millrace/internal/feed"
)

// errBye is the end of a viewer that says so.
var errBye = errors.New("the viewer closed the connection")

// outlet carries bytes to one viewer. One goroutine uses it.
type outlet interface {
	// Send fails with feed.ErrGone when the viewer left, else as a feed.Sink does.
	feed.Sink
	// close ends the viewer's connection or response.
	close(err error)
}

// responseOutlet writes to an HTTP response: HTTP/2, and what cannot be hijacked.
type responseOutlet struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	scratch feed.Scratch
}

func openResponse(w http.ResponseWriter, timeout time.Duration) *responseOutlet {
	o := &responseOutlet{w: w, control: http.NewResponseController(w), timeout: timeout}
	_ = o.control.SetWriteDeadline(time.Time{}) // the server's own
	w.WriteHeader(http.StatusOK)
	return o
}

func (o *responseOutlet) Send(ctx context.Context, batch net.Buffers) error {
	began := time.Now()
	// Where deadlines are not supported, the request's context ends a write.
	_ = o.control.SetWriteDeadline(began.Add(o.timeout))
	// A cancellation from here on cuts the deadline short.
	stop := feed.AbortOn(ctx, func() { _ = o.control.SetWriteDeadline(time.Now().Add(feed.LastWords)) })
	defer stop()
	_, err := o.w.Write(o.scratch.Gather(batch))
	if err == nil {
		err = o.control.Flush()
	}
	if err == nil {
		_ = o.control.SetWriteDeadline(time.Time{}) // HTTP/2 would end a response that is quiet for as long
	}
	return feed.SendError(ctx, err, began, o.timeout)
}

func (o *responseOutlet) close(error) {}
