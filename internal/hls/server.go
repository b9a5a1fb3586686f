package hls

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/hls"
)

// Admission decides who may play what.
type Admission interface {
	// Play returns a reader of the requested stream, which the caller owns.
	// It waits, bounded by ctx, until the stream's tracks are known. Its
	// errors are *catalog.Denied and those of package live.
	Play(ctx context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error)
}

// Server serves viewers of HLS.
type Server struct {
	config    Config
	admission Admission
	log       *slog.Logger
	metrics   *Metrics
	running   sync.WaitGroup // packagers
	waiting   atomic.Int64   // requests

	mu        sync.Mutex
	closed    bool
	sessions  map[string]*session // by id
	packagers map[packagerKey]*packager
	runs      map[string]*packager // those that have not gone yet, by run
}

// New returns a Server. A nil log is silent.
func New(c Config, adm Admission, log *slog.Logger, m *Metrics) *Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Server{
		config: c.withDefaults(), admission: adm, log: log, metrics: m,
		sessions: map[string]*session{}, packagers: map[packagerKey]*packager{}, runs: map[string]*packager{},
	}
}

// Close ends all sessions with reason.Shutdown, refuses new ones, and waits until
// no goroutine of the server is left. Requests that wait are answered.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for _, p := range s.runs {
		p.cancel(live.ErrShutdown)
	}
	s.mu.Unlock()
	s.running.Wait()
}

// startWait bounds how long a Multivariant Playlist waits for a packager to begin,
// which then knows the formats better.
const startWait = 5 * time.Second

// ServeMultivariant answers a request for /{app}/{stream}.m3u8: it admits a
// viewer and gives it a session. It waits a few seconds, if it must, until the
// stream's formats are known.
func (s *Server) ServeMultivariant(w http.ResponseWriter, r *http.Request) {
	if !opens(w, r) {
		return
	}
	q, err := parseWish(r)
	if err == nil {
		err = s.welcome(w, r, q)
	}
	if err != nil {
		why := refuse(w, err)
		s.metrics.refusals.WithLabelValues(fileMultivariant, string(why)).Inc()
		s.log.Info("viewer refused", "stream", q.App+"/"+q.Stream, "proto", string(q.Protocol), "peer", r.RemoteAddr,
			"reason", string(why), "err", err)
	}
}

// welcome answers q. An error is a refusal: nothing was answered yet.
func (s *Server) welcome(w http.ResponseWriter, r *http.Request, q wish) error {
	ctx, cancel := context.WithTimeout(r.Context(), s.config.StartTimeout)
	defer cancel()
	source, err := s.admit(ctx, q)
	if err != nil {
		return err
	}
	if q, err = choose(q, source); err != nil {
		source.Close()
		return err
	}
	setPlaylist(w.Header())
	if r.Method == http.MethodHead {
		source.Close()
		return nil
	}
	v, err := s.join(ctx, q, source)
	if err != nil {
		return err
	}
	late := time.NewTimer(startWait)
	defer late.Stop()
	select {
	case <-v.packager.started:
	case <-late.C: // what is known will have to do
	case <-ctx.Done():
	}
	s.allow(w)
	body := v.packager.multivariant(q.Path, v.id)
	s.metrics.bytes.WithLabelValues(fileMultivariant).Add(float64(len(body)))
	_, _ = w.Write(body) // who is gone has no use for it
	return nil
}

// choose settles the container, and refuses what HLS does not carry here.
func choose(q wish, source *live.Reader) (wish, error) {
	video, _ := source.Tracks()
	if q.container == "" {
		q.container = mpegTS
		if video != nil && video.Codec != media.H264 {
			q.container = fmp4
		}
	}
	if q.container == mpegTS {
		q.opus, q.apart = false, false // sound is converted
		if video != nil && !hls.CarriesTS(video.Codec) {
			return q, &catalog.Denied{Reason: reason.Codec, Detail: fmt.Sprintf(
				"the stream's video is %s, which is not sent as MPEG-TS: ask for %s=%s", video.Codec, formatArgument, fmp4)}
		}
	} else if video != nil && !hls.CarriesMP4(video.Codec) {
		return q, &catalog.Denied{Reason: reason.Codec, Detail: fmt.Sprintf(
			"the stream's video is %s, which is not sent as HLS: play it over WebRTC", video.Codec)}
	}
	return q, nil
}

// admit asks admission.
func (s *Server) admit(ctx context.Context, q wish) (*live.Reader, error) {
	r, _, err := s.admission.Play(ctx, q.Request, "")
	if err != nil {
		return nil, fmt.Errorf("admit viewer: %w", err)
	}
	return r, nil
}

// join gives the viewer a session, with the packager of what it asks for, which
// is started if need be. It takes ownership of source.
func (s *Server) join(ctx context.Context, q wish, source *live.Reader) (*session, error) {
	key := packagerKey{source.Name(), q.container, q.apart, q.opus}
	s.mu.Lock()
	v, err := s.shareLocked(key, q)
	s.mu.Unlock()
	if v != nil || err != nil {
		source.Close()
		return v, err
	}
	r, err := s.hear(ctx, q, source)
	if err != nil {
		source.Close()
		return nil, err
	}
	return s.start(ctx, newPackager(key, s.config, source, r, s.metrics.skip), q)
}

// shareLocked makes a session of the packager of key, if that runs and its
// lanes are still what the stream needs.
func (s *Server) shareLocked(key packagerKey, q wish) (*session, error) {
	p := s.packagers[key]
	if s.closed {
		return nil, live.ErrShutdown
	}
	if p == nil || p.outdated() {
		return nil, nil
	}
	return s.openSession(p, q, time.Now())
}

// start runs p for its first viewer, unless another viewer has started one like
// it meanwhile.
func (s *Server) start(ctx context.Context, p *packager, q wish) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.shareLocked(p.key, q)
	if err == nil && v == nil && len(s.runs) >= s.config.MaxPackagers {
		err = &catalog.Denied{Reason: reason.Limit, Detail: "too many streams are being packaged"}
	}
	if err == nil && v == nil {
		v, err = s.openSession(p, q, time.Now())
		if err == nil {
			s.runLocked(ctx, p)
			return v, nil
		}
	}
	p.close()
	return v, err
}

// runLocked starts p, which outlives the request that asked for it.
func (s *Server) runLocked(ctx context.Context, p *packager) {
	s.packagers[p.key], s.runs[p.run] = p, p
	ctx, p.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	s.running.Go(func() { s.run(ctx, p) })
}
