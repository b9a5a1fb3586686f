package hls_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"millrace/internal/catalog"
	"millrace/internal/hls"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/transcode"
	"millrace/internal/wire/flv"
	"millrace/internal/wire/rtp"
)

// patience bounds waits that only a defect makes long.
const patience = 2 * time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var demo = live.Name{Domain: "play.localhost", App: "live", Stream: "demo"}

// admission is a function that is an hls.Admission.
type admission func(ctx context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error)

func (a admission) Play(ctx context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error) {
	return a(ctx, q, variant)
}

// stage is a hub and a server that plays from it.
type stage struct {
	hub     *live.Hub
	server  *hls.Server
	web     *httptest.Server
	metrics *prometheus.Registry
	client  *http.Client
}

type stageOptions struct {
	config hls.Config
	linger time.Duration
	adm    hls.Admission
	start  func(*httptest.Server) // nil: plain HTTP
	// converts says that the hub makes variants of streams.
	converts bool
}

func newHub(linger time.Duration) *live.Hub {
	return live.NewHub(live.Options{
		Linger:        linger,
		NewPacketizer: func() live.Packetizer { return rtp.New() },
		NewAssembler:  func(v, a *media.Track) live.Assembler { return rtp.NewAssembler(v, a) },
	})
}

// mux routes as the live port does.
func mux(s *hls.Server) http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("/{app}/{stream}", s.ServeMultivariant)
	m.HandleFunc("/{app}/{stream}/{playlist}", s.ServePlaylist)
	m.HandleFunc("/{app}/{stream}/{run}/{file}", s.ServeFile)
	return m
}

func newStage(t testing.TB, o stageOptions) *stage {
	t.Helper()
	if o.linger == 0 {
		o.linger = time.Millisecond
	}
	if o.start == nil {
		o.start = (*httptest.Server).Start
	}
	s := &stage{hub: newHub(o.linger), metrics: prometheus.NewRegistry()}
	if o.adm == nil {
		o.adm = admission(func(ctx context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error) {
			r, err := s.hub.Subscribe(ctx, live.Name{Domain: demo.Domain, App: q.App, Stream: q.Stream, Variant: variant})
			return r, catalog.SubSecond, err
		})
	}
	if o.converts {
		s.hub.AddSupplier(transcode.NewSupplier(s.hub, transcode.Options{Metrics: transcode.NewMetrics(s.metrics)}))
	}
	s.server = hls.New(o.config, o.adm, slog.New(slog.DiscardHandler), hls.NewMetrics(s.metrics))
	s.web = httptest.NewUnstartedServer(mux(s.server))
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

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *stage) fetch(t testing.TB, method, address string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if !strings.HasPrefix(address, "http") {
		address = s.web.URL + address
	}
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// get fetches what must be there.
func (s *stage) get(t testing.TB, address string) answer {
	t.Helper()
	a := s.fetch(t, http.MethodGet, address)
	if a.status != http.StatusOK {
		t.Fatalf("GET %s: %d %s", address, a.status, a.body)
	}
	return a
}

// open begins a session and returns the addresses of its media playlists; that
// of the sound is "" where it has none of its own.
func (s *stage) open(t testing.TB, query string) (video, audio string) {
	t.Helper()
	a := s.get(t, "/live/demo.m3u8?"+query)
	lines := strings.Split(strings.TrimSpace(a.body), "\n")
	base := s.web.URL + "/live/demo.m3u8"
	if m := regexp.MustCompile(`TYPE=AUDIO.*URI="([^"]+)"`).FindStringSubmatch(a.body); m != nil {
		audio = resolve(t, base, m[1])
	}
	return resolve(t, base, lines[len(lines)-1]), audio
}

func resolve(t testing.TB, base, address string) string {
	t.Helper()
	b, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	to, err := b.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return to.String()
}

// count returns the value of a counter or gauge; labels are those that matter.
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
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// clip is 10 seconds of H264 with B-frames, a key frame per second, and AAC.
var clip = sync.OnceValues(func() ([]byte, error) { return encode("libx264", "-bf", "2", "-b_strategy", "0") })

// encode makes 10 seconds of FLV, with a key frame per second.
func encode(codec string, options ...string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "hls")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "clip.flv")
	args := []string{
		"-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100",
		"-t", "10", "-c:v", codec, "-preset", "ultrafast", "-g", "25", "-sc_threshold", "0", "-pix_fmt", "yuv420p",
	}
	args = append(append(args, options...), "-c:a", "aac", "-ac", "2", "-f", "flv", "-y", path)
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		return nil, &exec.Error{Name: string(out), Err: err}
	}
	return os.ReadFile(path)
}

// large is the same in another size, without B-frames.
var large = sync.OnceValues(func() ([]byte, error) { return encode("libx264", "-bf", "0", "-s", "640x360") })

// frames reads the clip anew: publishing takes frames over.
func frames(t testing.TB) []*media.Frame {
	t.Helper()
	return framesOf(t, clip)
}

func framesOf(t testing.TB, clip func() ([]byte, error)) []*media.Frame {
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

// before splits frames at a decode time.
func before(all []*media.Frame, at time.Duration) (head, tail []*media.Frame) {
	for i, f := range all {
		if f.DTS >= media.Time(at) {
			return all[:i], all[i:]
		}
	}
	return all, nil
}

// await waits until something is so.
func (s *stage) await(t testing.TB, is func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("waited in vain")
		}
	}
}
