package signal

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/reason"
)

// request is what a client asks for, and whether as a publisher.
type request struct {
	catalog.Request
	publish bool
}

// who is the role's word in logs.
func (q *request) who() string {
	if q.publish {
		return "publisher"
	}
	return "viewer"
}

// granted is a session that was made, and the answer that its peer gets.
type granted struct{ id, answer string }

// answered counts and logs a session that was made. Its owner logs its end.
func (s *Server) answered(q request, id, stream string, began time.Time) {
	s.metrics.answer(q, time.Since(began))
	s.log.Debug(q.who()+" answered", "stream", stream, "session", id, "proto", string(q.Protocol), "peer", q.RemoteAddr)
}

// refused counts and logs a refusal, and returns what to tell the client. The
// trace is in the log and in the answer, so that a user's report finds its line.
func (s *Server) refused(q request, err error) refusal {
	f := explain(err)
	f.trace = rand.Text()
	s.metrics.refuse(q, f.reason)
	s.log.Info(q.who()+" refused", "stream", q.App+"/"+q.Stream, "session", f.trace, "proto", string(q.Protocol),
		"peer", q.RemoteAddr, "reason", string(f.reason), "err", err)
	return f
}

// notReady is the refusal of a viewer whose time has not come.
func notReady(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &catalog.Denied{Reason: reason.Overload, Detail: "no further viewer can be let in now: " + err.Error()}
}

// noSession gives an error of Peers that has no word yet the one for it.
func noSession(err error) error {
	var denied *catalog.Denied
	if errors.As(err, &denied) || live.ReasonOf(err) != reason.Internal {
		return err
	}
	return &catalog.Denied{Reason: reason.Limit, Detail: "no further session can be made: " + err.Error()}
}
