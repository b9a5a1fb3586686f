package signal

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

// Admission decides who may play what.
type Admission interface {
	// Play returns a reader of the requested stream, which the caller owns.
	// It waits, bounded by ctx, until the stream's tracks are known. Its
	// errors are *catalog.Denied and those of package live.
	Play(ctx context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error)
}

// Peers makes and ends WebRTC sessions.
type Peers interface {
	// Play sends what sel says of r to the offerer. It does not block. The id
	// names the session in logs. On success the session owns r. An error that
	// is neither a *catalog.Denied nor one of package live means that no
	// further session can be made now.
	Play(offer *sdp.Offer, sel sdp.Selection, r *live.Reader, mode catalog.Mode) (id string, t sdp.Transport, err error)
	// Close ends a session; false means that there is none of this id.
	Close(id string, why reason.Reason) bool
}

// Server answers offers. It has no goroutines of its own and needs no closing;
// any number of requests may be served at once.
type Server struct {
	config    Config
	admission Admission
	peers     Peers
	log       *slog.Logger
	metrics   *Metrics
	seal      seal
	pending   chan struct{}
}

// New returns a Server. A nil log is silent.
func New(c Config, adm Admission, peers Peers, log *slog.Logger, m *Metrics) *Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c = c.withDefaults()
	return &Server{
		config: c, admission: adm, peers: peers, log: log, metrics: m,
		seal: newSeal(), pending: make(chan struct{}, c.MaxPending),
	}
}

// errBusy is the refusal of a request beyond Config.MaxPending.
var errBusy = &catalog.Denied{Reason: reason.Limit, Detail: "too many requests are being worked on"}

// enter counts in a request that was read; leave must be called.
func (s *Server) enter() (leave func(), err error) {
	select {
	case s.pending <- struct{}{}:
	default:
		return nil, errBusy
	}
	s.metrics.pending.Inc()
	return func() {
		s.metrics.pending.Dec()
		<-s.pending
	}, nil
}

// read takes a request's body and then counts the request in, in this order:
// who is slow to send, signed or not, must not take the places of others. leave
// must be called.
func (s *Server) read(w http.ResponseWriter, r *http.Request) (body string, leave func(), err error) {
	if body, err = s.receive(w, r); err != nil {
		return "", nil, err
	}
	leave, err = s.enter()
	return body, leave, err
}

// refused counts and logs a refusal, and returns what to tell the client. The
// trace is in the log and in the answer, so that a user's report finds its line.
func (s *Server) refused(q catalog.Request, err error) refusal {
	f := explain(err)
	f.trace = rand.Text()
	s.metrics.refuse(q.Protocol, f.reason)
	s.log.Info("viewer refused", "stream", q.App+"/"+q.Stream, "session", f.trace, "proto", string(q.Protocol),
		"peer", q.RemoteAddr, "reason", string(f.reason), "err", err)
	return f
}

// wish says which media a viewer asks for besides what its offer says.
type wish struct{ video, audio bool }

// play makes a session for an offer and returns its id and the answer.
func (s *Server) play(ctx context.Context, q catalog.Request, offer *sdp.Offer, w wish) (id, answer string, err error) {
	began := time.Now()
	r, mode, err := s.admission.Play(ctx, q, "")
	if err != nil {
		return "", "", err
	}
	r, sel, err := s.choose(ctx, q, offer, w, r, mode)
	if err != nil {
		return "", "", err
	}
	id, transport, err := s.peers.Play(offer, sel, r, mode)
	if err != nil {
		r.Close()
		return "", "", noSession(err)
	}
	s.metrics.answer(q.Protocol, time.Since(began))
	s.log.Debug("viewer answered", "stream", r.Name().String(), "session", id, "proto", string(q.Protocol), "peer", q.RemoteAddr)
	return id, offer.Answer(sel, transport), nil
}

// noSession gives an error of Peers that has no word yet the one for it.
func noSession(err error) error {
	var denied *catalog.Denied
	if errors.As(err, &denied) || live.ReasonOf(err) != reason.Internal {
		return err
	}
	return &catalog.Denied{Reason: reason.Limit, Detail: "no further session can be made: " + err.Error()}
}
