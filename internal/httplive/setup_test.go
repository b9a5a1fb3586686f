package httplive_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"millrace/internal/catalog"
	"millrace/internal/httplive"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/transcode"
	"millrace/internal/wire/flv"
	"millrace/internal/wire/rtp"
)

// patience bounds waits that only a defect makes long.
const patience = 2 * time.Minute

func TestMain(m *testing.M) {
	if addr := os.Getenv(drainVariable); addr != "" {
		os.Exit(drain(addr))
	}
	goleak.VerifyTestMain(m)
}

var demo = live.Name{Domain: "play.localhost", App: "live", Stream: "demo"}

// admission is a function that is an httplive.Admission.
type admission func(ctx context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error)

func (a admission) Play(ctx context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error) {
	return a(ctx, q, variant)
}

// stage is a hub, a server that plays from it, and its log.
type stage struct {
	hub     *live.Hub
	server  *httplive.Server
	web     *httptest.Server
	metrics *prometheus.Registry
	client  *http.Client
	closing chan map[string]string // attributes of each closing line
	played  chan struct{}          // one token per admitted viewer
}

type stageOptions struct {
	config httplive.Config
	linger time.Duration
	adm    httplive.Admission
	start  func(*httptest.Server) // nil: plain HTTP
	// converts says that the hub makes variants of streams.
	converts bool
}

func newStage(t testing.TB, o stageOptions) *stage {
	t.Helper()
	if o.linger == 0 {
		o.linger = time.Millisecond
	}
	if o.start == nil {
		o.start = (*httptest.Server).Start
	}
	s := &stage{
		hub: live.NewHub(live.Options{
			Linger:        o.linger,
			NewPacketizer: func() live.Packetizer { return rtp.New() },
			NewAssembler:  func(v, a *media.Track) live.Assembler { return rtp.NewAssembler(v, a) },
		}),
		metrics: prometheus.NewRegistry(),
		closing: make(chan map[string]string, 1000), played: make(chan struct{}, 1000),
	}
	if o.adm == nil {
		o.adm = admission(func(ctx context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error) {
			r, err := s.hub.Subscribe(ctx, live.Name{Domain: demo.Domain, App: q.App, Stream: q.Stream, Variant: variant})
			if err == nil && variant == "" {
				s.played <- struct{}{}
			}
			return r, catalog.SubSecond, err
		})
	}
	if o.converts {
		s.hub.AddSupplier(transcode.NewSupplier(s.hub, transcode.Options{Metrics: transcode.NewMetrics(s.metrics)}))
	}
	s.server = httplive.New(o.config, o.adm, slog.New(closingLines{s.closing, nil}), httplive.NewMetrics(s.metrics))
	s.web = httptest.NewUnstartedServer(http.HandlerFunc(s.server.ServeFLV))
	o.start(s.web)
	s.client = s.web.Client()
	t.Cleanup(func() {
		s.server.Close()
		s.hub.Close()
		s.client.CloseIdleConnections()
		s.web.Close()
	})
	return s
}

// get opens the demo stream and returns a Reader of the response.
func (s *stage) get(t testing.TB, arguments ...string) (*flv.Reader, *http.Response) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	url := s.web.URL + "/live/demo.flv?auth_key=1-0-0-x&nonsense=1&" + strings.Join(arguments, "&")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("status %s", resp.Status)
	}
	return flv.NewReader(resp.Body), resp
}

// closed waits for the closing line of a viewer.
func (s *stage) closed(t testing.TB) map[string]string {
	t.Helper()
	select {
	case line := <-s.closing:
		return line
	case <-time.After(patience):
		t.Fatal("no viewer was closed")
		return nil
	}
}

// count returns the value of a counter or gauge; labels are "name=value".
func (s *stage) count(t testing.TB, name string, labels map[string]string) float64 {
	t.Helper()
	families, err := s.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			matched := 0
			for _, l := range m.GetLabel() {
				if labels[l.GetName()] == l.GetValue() {
					matched++
				}
			}
			if matched == len(labels) {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

// closingLines is a slog.Handler that passes on the attributes of closing lines.
type closingLines struct {
	to    chan<- map[string]string
	attrs []slog.Attr
}

func (h closingLines) Enabled(context.Context, slog.Level) bool { return true }
func (h closingLines) WithGroup(string) slog.Handler            { return h }

func (h closingLines) WithAttrs(attrs []slog.Attr) slog.Handler {
	return closingLines{h.to, append(append([]slog.Attr{}, h.attrs...), attrs...)}
}

func (h closingLines) Handle(_ context.Context, r slog.Record) error {
	line := map[string]string{"msg": r.Message}
	for _, a := range h.attrs {
		line[a.Key] = a.Value.String()
	}
	r.Attrs(func(a slog.Attr) bool {
		line[a.Key] = a.Value.String()
		return true
	})
	h.to <- line
	return nil
}

// clip is two seconds of H264 with B-frames and AAC in one GOP, by ffmpeg.
var clip = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "httplive")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "clip.flv")
	out, err := exec.Command("ffmpeg", "-loglevel", "error",
		"-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100",
		"-t", "2", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-b_strategy", "0", "-g", "1000", "-pix_fmt", "yuv420p",
		"-c:a", "aac", "-ac", "2", "-f", "flv", "-y", path).CombinedOutput()
	if err != nil {
		return nil, &exec.Error{Name: string(out), Err: err}
	}
	return os.ReadFile(path)
})

// frames reads the clip anew: publishing takes frames over.
func frames(t testing.TB) []*media.Frame {
	t.Helper()
	file, err := clip()
	if err != nil {
		t.Fatal(err)
	}
	var all []*media.Frame
	r := flv.NewReader(bytes.NewReader(file))
	for {
		f, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
}

// tracks returns the first track of each kind.
func tracks(all []*media.Frame) (video, audio *media.Track) {
	for _, f := range all {
		if f.Track.Kind == media.Video && video == nil {
			video = f.Track
		}
		if f.Track.Kind == media.Audio && audio == nil {
			audio = f.Track
		}
	}
	return video, audio
}

// publish starts a publisher of demo with the given tracks.
func (s *stage) publish(t testing.TB, video, audio *media.Track) *live.Publisher {
	t.Helper()
	p, err := s.hub.Publish(demo, "test", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(reason.ClosedByPeer) })
	p.Announce(video, audio)
	return p
}

func write(t testing.TB, p *live.Publisher, all ...*media.Frame) {
	t.Helper()
	for _, f := range all {
		if err := p.Write(f); err != nil {
			t.Fatal(err)
		}
	}
}

// next reads n frames.
func next(t testing.TB, r *flv.Reader, n int) []*media.Frame {
	t.Helper()
	got := make([]*media.Frame, 0, n)
	for range n {
		f, err := r.Next()
		if err != nil {
			t.Fatalf("after %d of %d frames: %v", len(got), n, err)
		}
		got = append(got, f)
	}
	return got
}
