package httplive

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/reason"
)

// Admission decides who may play what.
type Admission interface {
	// Play returns a reader of the requested stream, which the caller owns.
	// It waits, bounded by ctx, until the stream's tracks are known. Its
	// errors are *catalog.Denied and those of package live.
	Play(ctx context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error)
}

// Server serves viewers of HTTP-FLV and WS-FLV.
type Server struct {
	config    Config
	admission Admission
	log       *slog.Logger
	metrics   *Metrics
	running   sync.WaitGroup // viewers and feeds

	mu      sync.Mutex
	closed  bool
	viewers map[string]context.CancelCauseFunc // by session
	feeds   map[feedKey]*feed
}

// New returns a Server. A nil log is silent.
func New(c Config, adm Admission, log *slog.Logger, m *Metrics) *Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Server{
		config: c.withDefaults(), admission: adm, log: log, metrics: m,
		viewers: map[string]context.CancelCauseFunc{}, feeds: map[feedKey]*feed{},
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
// viewer watches. A request that asks for an upgrade to WebSocket gets one.
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
	ctx, cancel, err := s.enter(r.Context(), session)
	if err != nil {
		return err
	}
	defer s.leave(session, cancel)
	q, source, err := s.admit(ctx, q)
	if err != nil {
		return err
	}
	if err := fits(source.Tracks()); err != nil || r.Method == http.MethodHead {
		source.Close()
		if err == nil {
			setHeaders(w.Header())
		}
		return err
	}
	f, err := s.join(ctx, q, source)
	if err != nil {
		return err
	}
	setHeaders(w.Header())
	defer s.part(f)
	out, err := s.open(ctx, w, r, q.Protocol, cancel)
	if err != nil {
		log.Info("viewer refused", "reason", string(reason.BadRequest), "err", err)
		s.metrics.refused(q.Protocol, reason.BadRequest)
		return nil // answered by the upgrade
	}
	s.play(ctx, f, out, q.Protocol, began, log)
	return nil
}

// play serves an admitted viewer to its end, and logs that.
func (s *Server) play(ctx context.Context, f *feed, out outlet, p catalog.Protocol, began time.Time, log *slog.Logger) {
	proto := string(p)
	v := &viewer{feed: f, out: out, skips: map[reason.Reason]uint64{}, sent: s.metrics.bytes.WithLabelValues(proto)}
	v.first = func() { s.metrics.firstByte.WithLabelValues(proto).Observe(time.Since(began).Seconds()) }
	v.cursor = cursor{log: f.log, patience: s.config.Patience, onSkip: func(why reason.Reason, n uint64) {
		v.skips[why] += n
		s.metrics.skip(why, n)
	}}
	gauge := s.metrics.viewers.WithLabelValues(proto)
	gauge.Inc()
	defer gauge.Dec()
	err := v.run(ctx)
	out.close(err)
	why := endReason(err)
	s.metrics.closes.WithLabelValues(proto, string(why)).Inc()
	log.LogAttrs(ctx, slog.LevelInfo, "viewer closed",
		append(v.totals(began), slog.String("reason", string(why)), slog.Any("err", err))...)
}

func setHeaders(h http.Header) {
	h.Set("Content-Type", "video/x-flv")
	h.Set("Cache-Control", "no-store")
}

// open makes the viewer's outlet.
func (s *Server) open(ctx context.Context, w http.ResponseWriter, r *http.Request, p catalog.Protocol, leave func(error)) (outlet, error) {
	if p == catalog.WSFLV {
		return openSocket(ctx, w, r, s.config.WriteTimeout, leave)
	}
	if r.ProtoMajor == 1 {
		if o, err := openConn(ctx, w, r, s.config.WriteTimeout); err == nil {
			return o, nil
		}
	}
	return openResponse(w, s.config.WriteTimeout), nil
}

// enter counts a viewer in. The returned context ends with Close, and with parent.
func (s *Server) enter(parent context.Context, session string) (context.Context, context.CancelCauseFunc, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil, live.ErrShutdown
	}
	if len(s.viewers) >= s.config.MaxViewers {
		return nil, nil, &catalog.Denied{Reason: reason.Limit, Detail: "too many viewers"}
	}
	ctx, cancel := context.WithCancelCause(parent)
	s.viewers[session] = cancel
	s.running.Add(1)
	return ctx, cancel, nil
}

func (s *Server) leave(session string, cancel context.CancelCauseFunc) {
	s.mu.Lock()
	delete(s.viewers, session)
	s.mu.Unlock()
	cancel(nil)
	s.running.Done()
}

// admit asks admission, a second time for the path without extension when the
// player says that it fell back from ARTC. It returns the wish that was granted.
func (s *Server) admit(ctx context.Context, q wish) (wish, *live.Reader, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.StartTimeout)
	defer cancel()
	r, _, err := s.admission.Play(ctx, q.Request, "")
	var denied *catalog.Denied
	if q.degraded && errors.As(err, &denied) && denied.Reason == reason.Auth {
		other := q.withoutExtension()
		if again, _, failed := s.admission.Play(ctx, other.Request, ""); failed == nil || !errors.As(failed, &denied) {
			q, r, err = other, again, failed
		}
	}
	if err != nil {
		return q, nil, fmt.Errorf("admit viewer: %w", err)
	}
	return q, r, nil
}

// join returns the feed of the source's stream, starting it for the first
// viewer. It takes ownership of source.
func (s *Server) join(ctx context.Context, q wish, source *live.Reader) (*feed, error) {
	key := feedKey{source.Name(), q.opus}
	if f := s.share(key); f != nil {
		source.Close()
		return f, nil
	}
	r, err := s.hear(ctx, q, source)
	if err != nil {
		source.Close()
		return nil, err
	}
	return s.start(ctx, newFeed(key, source, r, s.config.MaxAge, s.metrics.skip)), nil
}

// share counts a viewer in at the feed of key, if that runs.
func (s *Server) share(key feedKey) *feed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shareLocked(key)
}

func (s *Server) shareLocked(key feedKey) *feed {
	f := s.feeds[key]
	if f == nil || f.log.ended() {
		return nil
	}
	f.viewers++
	return f
}

// start runs f for its first viewer, unless another viewer has started one
// like it meanwhile.
func (s *Server) start(ctx context.Context, f *feed) *feed {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.shareLocked(f.key); other != nil {
		f.close()
		return other
	}
	f.viewers = 1
	s.feeds[f.key] = f
	// The feed outlives the request that started it.
	ctx, f.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	s.running.Go(func() {
		f.run(ctx)
		f.close()
	})
	return f
}

// part ends the feed with its last viewer.
func (s *Server) part(f *feed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.viewers--; f.viewers > 0 {
		return
	}
	if s.feeds[f.key] == f {
		delete(s.feeds, f.key)
	}
	f.cancel(live.ErrClosed)
}
