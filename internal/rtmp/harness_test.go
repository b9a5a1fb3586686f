package rtmp

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bound is how long a test waits for what must happen.
const bound = time.Minute

// admission is a fake door to a real hub.
type admission struct {
	publish func(ctx context.Context, q catalog.Request) (*live.Publisher, error)
	play    func(ctx context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error)
}

func (a admission) Play(ctx context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error) {
	return a.play(ctx, q, variant)
}

func (a admission) Publish(ctx context.Context, q catalog.Request) (*live.Publisher, error) {
	return a.publish(ctx, q)
}

// world is a running server.
type world struct {
	t        *testing.T
	hub      *live.Hub
	addr     string
	registry *prometheus.Registry
	ends     chan end // one per connection that ended
	stop     context.CancelFunc
	served   chan error
	admitted chan struct{} // one token per publisher

	mu       sync.Mutex
	requests []catalog.Request
	deny     error
}

// end is what the closing line of a connection says.
type end struct {
	why    reason.Reason
	stream string
	text   string
}

func run(t *testing.T, cfg Config) *world { return runFor(t, cfg, 0) }

// runFor is run with streams that outlive their publishers by linger.
func runFor(t *testing.T, cfg Config, linger time.Duration) *world {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &world{
		t: t, hub: live.NewHub(live.Options{Linger: linger}), addr: ln.Addr().String(), registry: prometheus.NewRegistry(),
		ends: make(chan end, 100), stop: cancel, served: make(chan error, 1),
		admitted: make(chan struct{}, 100),
	}
	s := New(cfg, admission{w.admit, w.play}, slog.New(closings{w.ends}), NewMetrics(w.registry))
	go func() { w.served <- s.Serve(ctx, ln, catalog.RTMP) }()
	t.Cleanup(func() {
		cancel()
		if err := <-w.served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		w.hub.Close()
	})
	return w
}

func (w *world) admit(_ context.Context, q catalog.Request) (*live.Publisher, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = append(w.requests, q)
	if w.deny != nil {
		return nil, w.deny
	}
	p, err := w.hub.Publish(live.Name{Domain: "d", App: q.App, Stream: q.Stream}, string(q.Protocol), q.RemoteAddr)
	if err == nil {
		w.admitted <- struct{}{}
	}
	return p, err
}

func (w *world) play(ctx context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error) {
	w.mu.Lock()
	w.requests = append(w.requests, q)
	deny := w.deny
	w.mu.Unlock()
	if deny != nil {
		return nil, "", deny
	}
	r, err := w.hub.Subscribe(ctx, live.Name{Domain: "d", App: q.App, Stream: q.Stream, Track: q.Track, Variant: variant})
	return r, catalog.SubSecond, err
}

func (w *world) refuse(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deny = err
}

func (w *world) lastRequest() catalog.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.requests) == 0 {
		return catalog.Request{}
	}
	return w.requests[len(w.requests)-1]
}

func (w *world) url(rest string) string { return "rtmp://" + w.addr + "/" + rest }

// ended waits for the next connection to end, which it must for the reason given.
func (w *world) ended(why reason.Reason) end {
	w.t.Helper()
	select {
	case e := <-w.ends:
		if e.why != why {
			w.t.Fatalf("connection ended for %s (%s), want %s", e.why, e.text, why)
		}
		return e
	case <-time.After(bound):
		w.t.Fatalf("no connection ended, want one for %s", why)
	}
	panic("unreachable")
}

// metric returns a figure, by its label reason if one is given.
func (w *world) metric(name string, why reason.Reason) float64 {
	w.t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if why == "" || len(m.GetLabel()) > 0 && m.GetLabel()[0].GetValue() == string(why) {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// await waits until a histogram has counted something.
func (w *world) await(name string) {
	w.t.Helper()
	for late := time.Now().Add(bound); time.Now().Before(late); <-time.After(time.Millisecond) {
		families, err := w.registry.Gather()
		must(w.t, err)
		for _, f := range families {
			if f.GetName() == name && f.GetMetric()[0].GetHistogram().GetSampleCount() > 0 {
				return
			}
		}
	}
	w.t.Fatalf("%s counts nothing", name)
}

// reader waits until a stream that is being published is announced.
func (w *world) reader(stream string) *live.Reader {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	r, err := w.hub.Subscribe(ctx, live.Name{Domain: "d", App: "live", Stream: stream})
	must(w.t, err)
	w.t.Cleanup(r.Close)
	return r
}

// next returns a reader's next frame of a kind.
func next(t *testing.T, r *live.Reader, kind media.Kind) *media.Frame {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	for {
		f, err := r.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if f.Track.Kind == kind {
			return f
		}
	}
}

func (w *world) dial(rest string) *Client {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	c, err := Dial(ctx, w.url(rest))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.net.Close() })
	return c
}

// closings is a log that keeps the closing lines.
type closings struct{ ends chan<- end }

func (closings) Enabled(context.Context, slog.Level) bool { return true }
func (h closings) WithAttrs([]slog.Attr) slog.Handler     { return h }
func (h closings) WithGroup(string) slog.Handler          { return h }

func (h closings) Handle(_ context.Context, r slog.Record) error {
	var e end
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "reason":
			e.why = reason.Reason(a.Value.String())
		case "stream":
			e.stream = a.Value.String()
		case "err":
			e.text = a.Value.String()
		}
		return true
	})
	h.ends <- e
	return nil
}

// Tracks for tests. The SPS is x264's baseline one of 640x360, and one of
// 1280x720, main profile, that says nothing about reordering.
var (
	spsSmall = []byte{0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03, 0x00, 0x3c, 0x0f, 0x16, 0x2e, 0x48}
	spsLarge = []byte{0x67, 0x4d, 0x00, 0x1f, 0xf4, 0x02, 0x80, 0x2d, 0xc8}
	ppsPlain = []byte{0x68, 0xcb, 0x83, 0xcb, 0x20}

	small  = &media.Track{Kind: media.Video, Codec: media.H264, Width: 640, Height: 360, Params: [][]byte{spsSmall, ppsPlain}}
	large  = &media.Track{Kind: media.Video, Codec: media.H264, Width: 1280, Height: 720, Params: [][]byte{spsLarge, ppsPlain}}
	stereo = &media.Track{Kind: media.Audio, Codec: media.AAC, SampleRate: 48000, Channels: 2, Config: []byte{0x11, 0x90}}
)

// Slices: an IDR picture, a P picture, a B picture.
var (
	idr = []byte{0x65, 0x88, 0x84, 0x21}
	pic = []byte{0x41, 0x98, 0x22, 0x33}
	bee = []byte{0x01, 0x9c, 0x33, 0x44}
)

// picture is a video frame at ms of the given NAL units.
func picture(track *media.Track, ms int64, nals ...[]byte) *media.Frame {
	f := &media.Frame{Track: track, DTS: media.Time(ms) * 1e6, PTS: media.Time(ms) * 1e6}
	for _, n := range nals {
		f.Data = append(f.Data, 0, 0, 0, byte(len(n)))
		f.Data = append(f.Data, n...)
		f.Key = f.Key || n[0]&31 == 5
	}
	return f
}

func sound(track *media.Track, ms int64, data string) *media.Frame {
	return &media.Frame{Track: track, DTS: media.Time(ms) * 1e6, PTS: media.Time(ms) * 1e6, Key: true, Data: []byte(data)}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
