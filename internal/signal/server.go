package signal

import (
	"context"
	"log/slog"
	"net/http"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

// Admission decides who may play and who may publish what.
type Admission interface {
	// Play returns a reader of the requested stream, which the caller owns.
	// It waits, bounded by ctx, until the stream's tracks are known. Its
	// errors are *catalog.Denied and those of package live.
	Play(ctx context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error)
	// Publish makes the caller the publisher of the requested stream. It may
	// wait, bounded by ctx, for one that is most likely dead. Errors as above.
	Publish(ctx context.Context, q catalog.Request) (*live.Publisher, error)
}

// Peers makes and ends WebRTC sessions.
type Peers interface {
	// Play sends what sel says of r to the offerer. It does not block. The id
	// names the session in logs. On success the session owns r. An error that
	// is neither a *catalog.Denied nor one of package live means that no
	// further session can be made now.
	Play(offer *sdp.Offer, sel sdp.Selection, r *live.Reader, mode catalog.Mode) (id string, t sdp.Transport, err error)
	// Publish receives what rec says from the offerer, for p. As for Play, it
	// does not block, and on success the session owns p.
	Publish(offer *sdp.Offer, rec sdp.Reception, p *live.Publisher) (id string, t sdp.Transport, err error)
	// Restart gives a session new ICE credentials, the peer's being ufrag and
	// pwd. Of t, Ufrag, Pwd and Candidates are set. It does not block. The
	// error says that there is no session of this id.
	Restart(id, ufrag, pwd string) (t sdp.Transport, err error)
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
	// ice has the marks of the latest restarts: a client whose mark was
	// forgotten restarts once more. ended has the sessions that said goodbye.
	ice, ended *recent
	pending    chan struct{}
}

// New returns a Server. A nil log is silent.
func New(c Config, adm Admission, peers Peers, log *slog.Logger, m *Metrics) *Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c = c.withDefaults()
	return &Server{
		config: c, admission: adm, peers: peers, log: log, metrics: m,
		seal: newSeal(), ice: newRecent(), ended: newRecent(), pending: make(chan struct{}, c.MaxPending),
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
