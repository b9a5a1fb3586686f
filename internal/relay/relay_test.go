package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/flv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	name    = live.Name{Domain: "d", App: "live", Stream: "s"}
	picture = &media.Track{Kind: media.Video, Codec: media.H264}
)

func frame(n int) *media.Frame {
	at := media.Time(n) * 40e6
	return &media.Frame{Track: picture, DTS: at, PTS: at, Key: n%25 == 0, Data: []byte{byte(n)}}
}

func value(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// source is an Origin that gives away frames and then waits, or ends.
type source struct {
	left  int
	ends  bool
	leave chan struct{}
	once  sync.Once
	next  int
}

func (s *source) Next() (*media.Frame, error) {
	if s.next < s.left {
		s.next++
		return frame(s.next - 1), nil
	}
	if s.ends {
		return nil, io.EOF
	}
	<-s.leave
	return nil, errors.New("closed")
}
func (s *source) Promised() (video, audio, known bool) { return true, false, true }
func (s *source) Close() error                         { s.once.Do(func() { close(s.leave) }); return nil }

// fetching is a hub that pulls from fakes.
func fetching(open Play, from ...string) (*live.Hub, *Puller, *Metrics) {
	m := NewMetrics(prometheus.NewRegistry())
	hub := live.NewHub(live.Options{})
	p := NewPuller(Config{
		Pulls: []Pull{{Domain: "d", Stream: "live/*", From: from}}, Ways: Ways{Play: map[string]Play{"rtmp": open}},
		Admit: func(live.Name) error { return nil },
	}, hub, slog.New(slog.DiscardHandler), m)
	hub.AddSupplier(p)
	return hub, p, m
}

// TestSilentSource wants a source that sends nothing any more to make way for the
// next one, and viewers to stay.
func TestSilentSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		hub, _, m := fetching(func(_ context.Context, url string) (Origin, error) {
			asked = append(asked, url)
			return &source{left: 50, leave: make(chan struct{})}, nil
		}, "rtmp://a/{app}/{stream}", "rtmp://b/x/y")
		defer hub.Close()
		r, err := hub.Subscribe(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		last, jumped := media.Time(0), false
		for range 75 {
			f, err := r.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if f.DTS < last {
				t.Fatalf("back from %v to %v", last, f.DTS)
			}
			last, jumped = f.DTS, jumped || f.Discontinuity
		}
		if len(asked) != 2 || asked[0] != "rtmp://a/live/s" || asked[1] != "rtmp://b/x/y" || !jumped {
			t.Errorf("asked %q, marked %v", asked, jumped)
		}
		if n := value(t, m.pullsClosed.WithLabelValues("rtmp", string(reason.IdleTimeout))); n != 1 {
			t.Errorf("%v ends counted", n)
		}
	})
}

// TestDeadSources wants a viewer told at once, the sources not asked again for
// each viewer, and a stream that was there to end when its sources stay away.
func TestDeadSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, alive := 0, false
		hub, _, _ := fetching(func(context.Context, string) (Origin, error) {
			if asked++; !alive {
				return nil, &failure{reason.Refused, errors.New("no")}
			}
			alive = false
			return &source{left: 10, ends: true, leave: make(chan struct{})}, nil
		}, "rtmp://a/live/s")
		defer hub.Close()
		for range 10 {
			_, err := hub.Subscribe(t.Context(), name)
			var denied *catalog.Denied
			if !errors.As(err, &denied) || denied.Reason != reason.Refused {
				t.Fatalf("told %v", err)
			}
		}
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}
		<-time.After(time.Second)
		alive = true
		r, err := hub.Subscribe(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		<-r.Ended()
		if !errors.Is(r.Err(), live.ErrEnded) || asked > 12 {
			t.Errorf("ended by %v after %d tries", r.Err(), asked)
		}
	})
}

// sluggish is a Target that takes nothing until it is let.
type sluggish struct {
	let, leave chan struct{}
	got        []*media.Frame
}

func (s *sluggish) Announce(_, _ *media.Track) error { return nil }
func (s *sluggish) Write(f *media.Frame) error {
	<-s.let
	s.got = append(s.got, f)
	return nil
}
func (s *sluggish) Listen() error { <-s.leave; return nil }
func (s *sluggish) Close() error  { close(s.leave); return nil }

// TestSlowTarget wants a target that takes nothing to hold nobody up, and to go on
// at a key frame.
func TestSlowTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		target := &sluggish{let: make(chan struct{}), leave: make(chan struct{})}
		m := NewMetrics(prometheus.NewRegistry())
		hub := live.NewHub(live.Options{Linger: time.Second})
		p := NewPusher(Config{
			Pushes: []Push{{Domain: "d", Stream: "live/s", To: []string{"rtmp://a/b/c"}, Opus: true}},
			Ways:   Ways{Publish: map[string]Publish{"rtmp": func(context.Context, string) (Target, error) { return target, nil }}},
		}, hub, slog.New(slog.DiscardHandler), m)
		hub.OnPublish(p.Published)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		pub, err := hub.Publish(name, "test", "")
		if err != nil {
			t.Fatal(err)
		}
		pub.Announce(picture, nil)
		began := time.Now()
		for n := range 250 {
			if err := pub.Write(frame(n)); err != nil {
				t.Fatal(err)
			}
			<-time.After(40 * time.Millisecond)
		}
		if d := time.Since(began); d != 10*time.Second {
			t.Errorf("the publisher took %v", d)
		}
		close(target.let)
		synctest.Wait()
		pub.Close(reason.ClosedByPeer)
		<-time.After(5 * time.Second) // the stream ends, and the push with it
		if len(target.got) < 3 || len(target.got) > 150 || !target.got[1].Key {
			t.Errorf("%d frames were sent", len(target.got))
		}
		if n := value(t, m.skipped.WithLabelValues(string(reason.SkipAge))) + value(t, m.skipped.WithLabelValues(string(reason.SkipOverrun))); n < 100 {
			t.Errorf("%v frames are counted as skipped", n)
		}
		if n := value(t, m.pushesClosed.WithLabelValues("rtmp", string(reason.StreamEnded))); n != 1 {
			t.Errorf("%v ends counted", n)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		hub.Close()
	})
}

// TestKicked wants a pull that is kicked to end without asking its other sources,
// and to be told of before.
func TestKicked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		hub, p, m := fetching(func(context.Context, string) (Origin, error) {
			asked++
			return &source{left: 10, leave: make(chan struct{})}, nil
		}, "rtmp://a.test/x/y", "rtmp://b.test/x/y")
		defer hub.Close()
		var pub *live.Publisher
		p.config.Fetched = func(pulled *live.Publisher, protocol catalog.Protocol, remote string) {
			if pub = pulled; protocol != catalog.RTMP || remote != "a.test" {
				t.Errorf("told of %s from %s", protocol, remote)
			}
		}
		r, err := hub.Subscribe(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		began := time.Now()
		pub.Kick()
		<-r.Ended()
		if !errors.Is(r.Err(), live.ErrEnded) || asked != 1 || time.Since(began) > 0 {
			t.Errorf("ended by %v after %v, %d sources asked", r.Err(), time.Since(began), asked)
		}
		if n := value(t, m.pullsClosed.WithLabelValues("rtmp", string(reason.Kicked))); n != 1 {
			t.Errorf("%v ends counted", n)
		}
	})
}

// echo is an Origin that has the stream from here.
type echo struct {
	*live.Reader
	leave context.CancelFunc
	ctx   func() context.Context
}

func newEcho(r *live.Reader) *echo {
	ctx, cancel := context.WithCancel(context.Background())
	return &echo{r, cancel, func() context.Context { return ctx }}
}

func (e *echo) Next() (*media.Frame, error) {
	f, err := e.Reader.Next(e.ctx())
	if err != nil {
		return nil, err
	}
	again := *f
	return &again, nil
}
func (e *echo) Promised() (video, audio, known bool) { return true, false, true }
func (e *echo) Close() error                         { e.leave(); e.Reader.Close(); return nil }

// TestOwnStream has a node that fetches a stream from itself, at first and after
// another source was gone: it must end.
func TestOwnStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hub *live.Hub
		real := 0
		hub, _, m := fetching(func(ctx context.Context, url string) (Origin, error) {
			if url == "rtmp://a/x/y" && real > 0 {
				real--
				return &source{left: 50, ends: true, leave: make(chan struct{})}, nil
			} else if url == "rtmp://a/x/y" {
				return nil, &failure{reason.NotFound, errors.New("no")}
			}
			r, err := hub.Subscribe(ctx, name)
			if err != nil {
				return nil, err
			}
			return newEcho(r), nil
		}, "rtmp://a/x/y", "rtmp://self/live/s")
		defer hub.Close()
		began := time.Now()
		_, err := hub.Subscribe(t.Context(), name)
		var denied *catalog.Denied
		if took := time.Since(began); !errors.As(err, &denied) || denied.Reason != reason.Timeout || took > 20*time.Second {
			t.Errorf("at first: %v after %v", err, took)
		}
		<-time.After(time.Second)

		real = 1
		r, err := hub.Subscribe(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		frames := 0
		for began = time.Now(); ; frames++ {
			if _, err = r.Next(t.Context()); err != nil {
				break
			}
		}
		if !errors.Is(err, live.ErrEnded) || frames > 20_000 || time.Since(began) > 5*time.Minute {
			t.Errorf("ended by %v after %d frames and %v", err, frames, time.Since(began))
		}
		if n := value(t, m.pullsClosed.WithLabelValues("rtmp", string(reason.Protocol))); n == 0 {
			t.Error("no end is counted")
		}
	})
}

// TestRefusals wants viewers told what is not their node's fault as such.
func TestRefusals(t *testing.T) {
	for err, want := range map[error]reason.Reason{
		&failure{reason.NotFound, io.EOF}: reason.NotFound, errIdle: reason.Timeout, errLate: reason.Timeout, io.EOF: reason.Refused,
		flv.ErrSignature: reason.Refused, io.ErrUnexpectedEOF: reason.Unreachable, tls.AlertError(42): reason.Unreachable,
		ErrPrivate: reason.PrivateAddress, errors.New("what"): reason.Refused,
	} {
		var denied *catalog.Denied
		if got := refusal(err); !errors.As(got, &denied) || denied.Reason != want {
			t.Errorf("%v: %v, want %s", err, got, want)
		}
	}
}

// repaired is a source that holds frames back.
type repaired struct{ *source }

func (repaired) HeldBack() time.Duration { return time.Second }

// TestHeldBack wants what a source holds back left out of capture times.
func TestHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, _, _ := fetching(func(context.Context, string) (Origin, error) {
			return repaired{&source{left: 1, leave: make(chan struct{})}}, nil
		}, "rtmp://a/x/y")
		defer hub.Close()
		r, err := hub.Subscribe(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if f, err := r.Next(t.Context()); err != nil || f.Arrived-f.Capture != int64(time.Second) {
			t.Errorf("%+v, %v", f, err)
		}
	})
}
