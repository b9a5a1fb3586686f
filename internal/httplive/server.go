package httplive

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/feed"
	"millrace/internal/live"
	"millrace/internal/reason"
)

// Admission decides who may play what.
type Admission = feed.Admission

// Server serves viewers of HTTP-FLV and WS-FLV.
type Server struct {
	config    Config
	admission Admission
	log       *slog.Logger
	metrics   *Metrics
	feeds     *feed.Set
	running   sync.WaitGroup // viewers

	mu      sync.Mutex
	closed  bool
	viewers map[string]context.CancelCauseFunc // by session
}

// New returns a Server. A nil log is silent.
func New(c Config, adm Admission, log *slog.Logger, m *Metrics) *Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c = c.withDefaults()
	return &Server{
		config: c, admission: adm, log: log, metrics: m,
		feeds: &feed.Set{
			Admission: adm, Renderer: renderer{}, Log: log, OnDrop: m.skip,
			StartTimeout: c.StartTimeout, MaxAge: c.MaxAge,
		},
		viewers: map[string]context.CancelCauseFunc{},
	}
}

// Close ends all viewers with reason.Shutdown, refuses new ones, and waits
// until no goroutine of the server is left. Connections of HTTP/1 viewers are
// taken over from the http.Server, whose Shutdown does not wait for them.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for _, cancel := range s.viewers {
		cancel(live.ErrShutdown)
	}
	s.mu.Unlock()
	s.running.Wait()
}

// ServeFLV answers a request for /{app}/{stream}.flv. It blocks as long as the
// viewer watches, unless that is over a connection taken over from the
// http.Server: then it returns when the viewer is admitted. A request that asks
// for an upgrade to WebSocket gets one.
func (s *Server) ServeFLV(w http.ResponseWriter, r *http.Request) {
	began, session := time.Now(), rand.Text()
	openToAll(w.Header())
	switch r.Method {
	case http.MethodOptions:
		preflight(w)
		return
	case http.MethodGet, http.MethodHead:
	default:
		w.Header().Set("Allow", allowedMethods)
		w.Header().Set("Content-Type", "application/json")
		answer(w, refusal{Code: http.StatusMethodNotAllowed, Message: "method not allowed", TraceID: session})
		return
	}
	q, err := parseWish(r)
	log := s.log.With("stream", q.App+"/"+q.Stream, "session", session, "proto", string(q.Protocol), "peer", r.RemoteAddr)
	if err == nil {
		err = s.serve(w, r, q, session, began, log)
	}
	if err != nil {
		why, _ := explain(err)
		s.metrics.refused(q.Protocol, why)
		log.Info("viewer refused", "reason", string(why), "err", err)
		refuse(w, err, session)
	}
}

// serve plays q to the viewer. An error is a refusal: nothing was answered yet.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, q wish, session string, began time.Time, log *slog.Logger) error {
	ctx, v, err := s.enter(r.Context(), session)
	if err != nil {
		return err
	}
	watches := false
	defer func() {
		if !watches {
			s.leave(v)
		}
	}()
	source, err := s.admit(ctx, q)
	if err != nil {
		return err
	}
	if err := s.fits(q, source); err != nil || r.Method == http.MethodHead {
		source.Close()
		if err == nil {
			setHeaders(w.Header())
		}
		return err
	}
	f, err := s.feeds.Join(ctx, q.Wish, source)
	if err != nil {
		return err
	}
	setHeaders(w.Header())
	out, err := s.open(ctx, v, w, r, q.Protocol)
	if err != nil {
		s.feeds.Part(f)
		log.Info("viewer refused", "reason", string(reason.BadRequest), "err", err)
		s.metrics.refused(q.Protocol, reason.BadRequest)
		return nil // answered by the upgrade
	}
	watch := func() {
		defer s.leave(v)
		s.play(ctx, f, out, q, began, log)
	}
	watches = true
	if _, own := out.(*connOutlet); !own {
		watch()
		return nil
	}
	v.detach()
	go watch() // so that net/http lets go of the request, its buffers and its stack
	return nil
}

// play serves an admitted viewer to its end, gives its place in f up, and logs that.
func (s *Server) play(ctx context.Context, f *feed.Feed, out outlet, q wish, began time.Time, log *slog.Logger) {
	proto := string(q.Protocol)
	v := feed.NewViewer(f, out, feed.ViewerOptions{
		Without: q.Without, Patience: s.config.Patience, Sent: s.metrics.bytes.WithLabelValues(proto), OnSkip: s.metrics.skip,
		First: func() { s.metrics.firstByte.WithLabelValues(proto).Observe(time.Since(began).Seconds()) },
	})
	gauge := s.metrics.viewers.WithLabelValues(proto)
	gauge.Inc()
	part := sync.OnceFunc(func() {
		s.feeds.Part(f)
		gauge.Dec()
	})
	defer part() // net/http survives a panic
	err := v.Run(ctx)
	out.close(err)
	part()
	why := endReason(err)
	s.metrics.closes.WithLabelValues(proto, string(why)).Inc()
	log.LogAttrs(ctx, slog.LevelInfo, "viewer closed", append(v.Totals(),
		slog.Duration("lasted", time.Since(began).Round(time.Millisecond)), slog.String("reason", string(why)), slog.Any("err", err))...)
}

func setHeaders(h http.Header) {
	h.Set("Content-Type", "video/x-flv")
	h.Set("Cache-Control", "no-store")
}

// open makes the viewer's outlet.
func (s *Server) open(ctx context.Context, v *visit, w http.ResponseWriter, r *http.Request, p catalog.Protocol) (outlet, error) {
	if p == catalog.WSFLV {
		return openSocket(ctx, w, r, s.config.WriteTimeout, v.cancel)
	}
	if r.ProtoMajor == 1 {
		if o, err := openConn(ctx, w, r, s.config.WriteTimeout, v.cancel); err == nil {
			return o, nil
		}
	}
	return openResponse(w, s.config.WriteTimeout), nil
}

// visit is a viewer that is counted in.
type visit struct {
	session string
	cancel  context.CancelCauseFunc
	detach  func() bool // from the request's context
}

// enter counts a viewer in, until leave. The returned context ends with Close, and
// until detach with the request.
func (s *Server) enter(request context.Context, session string) (context.Context, *visit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, live.ErrShutdown
	}
	if len(s.viewers) >= s.config.MaxViewers {
		return nil, nil, &catalog.Denied{Reason: reason.Limit, Detail: "too many viewers"}
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(request))
	v := &visit{session: session, cancel: cancel}
	v.detach = context.AfterFunc(request, func() { cancel(context.Cause(request)) })
	s.viewers[session] = cancel
	s.running.Add(1)
	return ctx, v, nil
}

func (s *Server) leave(v *visit) {
	s.mu.Lock()
	delete(s.viewers, v.session)
	s.mu.Unlock()
	v.detach()
	v.cancel(nil)
	s.running.Done()
}

// admit asks admission.
func (s *Server) admit(ctx context.Context, q wish) (*live.Reader, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.StartTimeout)
	defer cancel()
	r, _, err := s.admission.Play(ctx, q.Request, "")
	if err != nil {
		return nil, fmt.Errorf("admit viewer: %w", err)
	}
	return r, nil
}
