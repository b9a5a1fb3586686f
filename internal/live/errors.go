package live

import (
	"context"
	"errors"

	"millrace/internal/reason"
)

// Errors that callers branch on.
var (
	ErrNotFound  = errors.New("nobody publishes this stream")
	ErrTaken     = errors.New("the stream has a publisher already")
	ErrLate      = errors.New("the stream did not start in time")
	ErrEnded     = errors.New("the stream has ended")
	ErrSlow      = errors.New("the reader cannot keep up")
	ErrReplaced  = errors.New("replaced by a new publisher")
	ErrKicked    = errors.New("ended by the operator")
	ErrForbidden = errors.New("forbidden by the operator")
	ErrShutdown  = errors.New("this node is shutting down")
	ErrClosed    = errors.New("closed by its owner")
)

// ReasonOf maps an error of this package, or of a context, to its word.
func ReasonOf(err error) reason.Reason {
	for _, m := range []struct {
		err error
		why reason.Reason
	}{
		{ErrNotFound, reason.NotFound},
		{ErrTaken, reason.Taken},
		{ErrLate, reason.Timeout},
		{ErrEnded, reason.StreamEnded},
		{ErrSlow, reason.Slow},
		{ErrReplaced, reason.Replaced},
		{ErrKicked, reason.Kicked},
		{ErrForbidden, reason.Forbidden},
		{ErrShutdown, reason.Shutdown},
		{ErrClosed, reason.ClosedByPeer},
		{context.DeadlineExceeded, reason.Timeout},
		{context.Canceled, reason.ClosedByPeer},
	} {
		if errors.Is(err, m.err) {
			return m.why
		}
	}
	return reason.Internal
}
