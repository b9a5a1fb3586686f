package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"millrace/internal/config"
	"millrace/internal/media"
	"millrace/internal/node"
	"millrace/internal/rtmp"
	"millrace/internal/wire/flv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is a liveness bound: what takes longer has hung.
const patience = 60 * time.Second

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// server is a node on loopback that serves.
type server struct {
	t          testing.TB
	cfg        config.Config
	http, rtmp string // host:port
	log        *testLog
	stop       func()
}

type testLog struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *testLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *testLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// ownAddress is one that nobody listens on, and that stays so until the test does: by
// themselves connections and listeners get ports of 127.0.0.1 alone.
func ownAddress(t testing.TB) string {
	t.Helper()
	own := net.IPv4(127, byte(1+rand.N(254)), byte(rand.N(256)), byte(1+rand.N(254)))
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: own})
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

func newServer(t testing.TB, change ...func(*config.Config)) *server {
	t.Helper()
	cfg := config.Default()
	cfg.DataDir, cfg.NoAuth = t.TempDir(), true
	cfg.SRTAddr = ""
	cfg.HTTPAddr, cfg.RTMPAddr, cfg.RTCAddr, cfg.AdminAddr = ownAddress(t), ownAddress(t), "127.0.0.1:0", "127.0.0.1:0"
	cfg.RTCIPs = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	for _, f := range change {
		f(&cfg)
	}
	s := &server{t: t, cfg: cfg, http: cfg.HTTPAddr, rtmp: cfg.RTMPAddr, log: &testLog{}}
	s.start()
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Log(s.log.String())
		}
	})
	return s
}

// ready is written to when the banner is printed.
type ready chan struct{}

func (r ready) Write(b []byte) (int, error) {
	select {
	case r <- struct{}{}:
	default:
	}
	return len(b), nil
}

// start runs the node, again after stop.
func (s *server) start() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	up, done := make(ready, 1), make(chan error, 1)
	go func() { done <- node.Run(ctx, "test", s.cfg, up, slog.New(slog.NewTextHandler(s.log, nil))) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				s.t.Errorf("node: %v", err)
			}
		case <-time.After(patience):
			s.t.Error("the node does not stop")
		}
	})
	select {
	case <-up:
	case err := <-done:
		s.t.Fatalf("node: %v", err)
	}
}

func (s *server) artc(stream string) string { return "artc://" + s.http + "/live/" + stream }
func (s *server) whip(stream string) string { return "http://" + s.http + "/live/" + stream }
func (s *server) whep(stream string) string { return "http://" + s.http + "/whep/live/" + stream }

// clip is real media, made once.
type clip struct {
	video, audio *media.Track
	frames       []*media.Frame
}

var (
	// withBFrames has H264 with B-frames and AAC at 44.1 kHz.
	withBFrames = sync.OnceValues(func() (*clip, error) { return encode("2", "-c:a", "aac", "-ar", "44100") })
	plain       = sync.OnceValues(func() (*clip, error) { return encode("0", "-c:a", "aac", "-ar", "48000") })
)

func encode(bFrames string, audio ...string) (*clip, error) {
	args := []string{"-v", "error", "-nostdin",
		"-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
		"-t", "4", "-ac", "2", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-bf", bFrames, "-g", "25",
		"-x264-params", "scenecut=0:b-adapt=0", "-b:v", "900k"}
	out, err := exec.Command("ffmpeg", append(append(args, audio...), "-f", "flv", "-")...).Output()
	if err != nil {
		return nil, err
	}
	r := flv.NewReader(bytes.NewReader(out))
	c := &clip{}
	if c.video, c.audio, err = r.Open(); err != nil {
		return nil, err
	}
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			return c, nil
		}
		if err != nil {
			return nil, err
		}
		c.frames = append(c.frames, f)
	}
}

func clipOf(t testing.TB, make func() (*clip, error)) *clip {
	t.Helper()
	c, err := make()
	must(t, err)
	return c
}

// units are the clip's frames as access units that are published.
func (c *clip) units() []AccessUnit {
	tracks := map[media.Kind]*Track{media.Video: trackOf(c.video), media.Audio: trackOf(c.audio)}
	var out []AccessUnit
	for _, f := range c.frames {
		u := AccessUnit{Kind: Kind(f.Track.Kind), Track: tracks[f.Track.Kind], DTS: time.Duration(f.DTS), PTS: time.Duration(f.PTS), Key: f.Key, Data: f.Data}
		if f.Track.Codec == media.H264 {
			var params [][]byte
			if f.Key {
				params = f.Track.Params
			}
			u.Data = joinAnnexB(params, f.Data)
		}
		out = append(out, u)
	}
	return out
}

// length is how far apart two runs of the clip begin.
func (c *clip) length() time.Duration {
	end := media.Time(0)
	for _, f := range c.frames {
		end = max(end, f.DTS)
	}
	return time.Duration(end) + 40*time.Millisecond
}

// paced calls write with the units, over and over, when their time has come,
// until ctx ends.
func paced(ctx context.Context, length time.Duration, units []AccessUnit, write func(AccessUnit) error) error {
	began := time.Now()
	for run := 0; ; run++ {
		for _, u := range units {
			u.DTS, u.PTS = u.DTS+time.Duration(run)*length, u.PTS+time.Duration(run)*length
			timer := time.NewTimer(time.Until(began.Add(u.DTS)))
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return nil
			}
			u.Capture = began.Add(u.PTS)
			if err := write(u); err != nil {
				return err
			}
		}
	}
}

// background runs f until the test ends, or until the function returned is called.
func background(t testing.TB, f func(ctx context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f(ctx); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return stop
}

// airRTMP publishes the clip over RTMP, over and over in real time.
func (s *server) airRTMP(stream string, c *clip) (stop func()) {
	s.t.Helper()
	conn, err := rtmp.Dial(s.t.Context(), "rtmp://"+s.rtmp+"/live/"+stream)
	must(s.t, err)
	must(s.t, conn.Announce(c.video, c.audio))
	began := time.Now()
	return background(s.t, func(ctx context.Context) error {
		defer conn.Close()
		for i := 0; ; i++ {
			f := *c.frames[i%len(c.frames)]
			shift := media.Time(i/len(c.frames)) * media.Time(c.length())
			f.DTS, f.PTS = f.DTS+shift, f.PTS+shift
			timer := time.NewTimer(time.Until(began.Add(time.Duration(f.DTS))))
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return nil
			}
			if err := conn.Write(&f); err != nil {
				return err
			}
		}
	})
}

// eventually is a policy for streams that are about to begin.
var eventually = Connection{Reconnect: Reconnect{Initial: true, Attempts: 1000, Least: 20 * time.Millisecond, Most: 100 * time.Millisecond}}

func play(t testing.TB, url string, o PlayOptions) *Player {
	t.Helper()
	if o.Reconnect == (Reconnect{}) {
		o.Reconnect = eventually.Reconnect
	}
	if o.Timeout == 0 {
		o.Timeout = patience
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := Play(ctx, url, o)
	must(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func publish(t testing.TB, url string, o PublishOptions) *Publisher {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = patience
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := Publish(ctx, url, o)
	must(t, err)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func next(t testing.TB, p *Player) AccessUnit {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	u, err := p.Next(ctx)
	if err != nil {
		t.Fatalf("%v: %+v", err, p.Stats())
	}
	return u
}

// await waits until something is so.
func await(t testing.TB, what string, so func() bool) {
	t.Helper()
	limit := time.After(patience)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for !so() {
		select {
		case <-poll.C:
		case <-limit:
			t.Fatalf("waited too long for %s", what)
		}
	}
}

// name is a stream's for one test.
func name(t testing.TB) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r == '/' || r == ' ' || r == '#' {
			return '-'
		}
		return r
	}, t.Name())) + strconv.Itoa(1)
}
