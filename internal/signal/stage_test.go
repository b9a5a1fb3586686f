package signal_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/signal"
	"millrace/internal/wire/sdp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const goodKey = "1700000000-0-0-abc"

var (
	h264 = &media.Track{Kind: media.Video, Codec: media.H264, Width: 640, Height: 360, Params: [][]byte{{0x67, 0x42, 0xc0, 0x1f}, {0x68, 0xce}}}
	high = &media.Track{Kind: media.Video, Codec: media.H264, Params: [][]byte{{0x67, 0x64, 0x00, 0x1f}, {0x68, 0xce}}, Reorder: true}
	opus = &media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: 48000, Channels: 2}
	aac  = &media.Track{Kind: media.Audio, Codec: media.AAC, SampleRate: 44100, Channels: 2, Config: []byte{0x12, 0x10}}
)

// admission is the hub behind one key.
type admission struct {
	hub  *live.Hub
	mode catalog.Mode
	deny func(q catalog.Request, variant string) error

	mu    sync.Mutex
	asked []catalog.Request
	wants []string // variants
}

func (a *admission) Play(ctx context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error) {
	a.mu.Lock()
	a.asked, a.wants = append(a.asked, q), append(a.wants, variant)
	a.mu.Unlock()
	if a.deny != nil {
		if err := a.deny(q, variant); err != nil {
			return nil, "", err
		}
	}
	if q.AuthKey != goodKey {
		return nil, "", &catalog.Denied{Reason: reason.Auth, Detail: "denied by req auth: invalid"}
	}
	r, err := a.hub.Subscribe(ctx, live.Name{Domain: "play.test", App: q.App, Stream: q.Stream, Variant: variant})
	if err != nil {
		return nil, "", fmt.Errorf("admit reader: %w", err)
	}
	return r, a.mode, nil
}

func (a *admission) Publish(ctx context.Context, q catalog.Request) (*live.Publisher, error) {
	a.mu.Lock()
	a.asked, a.wants = append(a.asked, q), append(a.wants, "publish")
	a.mu.Unlock()
	if a.deny != nil {
		if err := a.deny(q, "publish"); err != nil {
			return nil, err
		}
	}
	if q.AuthKey != goodKey {
		return nil, &catalog.Denied{Reason: reason.Auth, Detail: "denied by req auth: invalid"}
	}
	p, err := a.hub.AwaitPublish(ctx, live.Name{Domain: "play.test", App: q.App, Stream: q.Stream}, string(q.Protocol), q.RemoteAddr)
	if err != nil {
		return nil, fmt.Errorf("admit publisher: %w", err)
	}
	return p, nil
}

func (a *admission) last() catalog.Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked[len(a.asked)-1]
}

func (a *admission) variants() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.wants, ",")
}

// peers keeps what it is given.
type peers struct {
	fail error

	mu       sync.Mutex
	sessions map[string]func(reason.Reason)
	sel      sdp.Selection
	rec      sdp.Reception
	pub      *live.Publisher // the latest
	closed   []reason.Reason
	restarts []string // the peers' credentials
}

func (p *peers) begin(close func(reason.Reason)) (string, sdp.Transport) {
	id := fmt.Sprintf("Sess-_%d", len(p.sessions))
	p.sessions[id] = close
	return id, sdp.Transport{
		Ufrag: "ours", Pwd: "0123456789abcdefABCDEF", VideoSSRC: 1, VideoRTXSSRC: 2, AudioSSRC: 3,
		Candidates: []sdp.Candidate{{IP: netip.MustParseAddr("127.0.0.1"), Port: 8000}},
	}
}

func (p *peers) Play(_ *sdp.Offer, sel sdp.Selection, r *live.Reader, _ catalog.Mode) (string, sdp.Transport, error) {
	if p.fail != nil {
		return "", sdp.Transport{}, p.fail
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sel = sel
	id, t := p.begin(func(reason.Reason) { r.Close() })
	return id, t, nil
}

func (p *peers) Publish(_ *sdp.Offer, rec sdp.Reception, pub *live.Publisher) (string, sdp.Transport, error) {
	if p.fail != nil {
		return "", sdp.Transport{}, p.fail
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rec, p.pub = rec, pub
	id, t := p.begin(pub.Close)
	return id, t, nil
}

func (p *peers) Restart(id, ufrag, pwd string) (sdp.Transport, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sessions[id] == nil {
		return sdp.Transport{}, errors.New("no such session")
	}
	p.restarts = append(p.restarts, ufrag+" "+pwd)
	return sdp.Transport{
		Ufrag: fmt.Sprintf("again%d", len(p.restarts)), Pwd: "0123456789abcdefABCDEF",
		Candidates: []sdp.Candidate{{IP: netip.MustParseAddr("127.0.0.1"), Port: 8000}},
	}, nil
}

func (p *peers) Close(id string, why reason.Reason) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	end, ok := p.sessions[id]
	if ok {
		end(why)
		delete(p.sessions, id)
		p.closed = append(p.closed, why)
	}
	return ok
}

type stage struct {
	t        *testing.T
	hub      *live.Hub
	adm      *admission
	peers    *peers
	web      *httptest.Server
	registry *prometheus.Registry
	log      *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newStage serves as a node does: WHEP and WHIP below their prefixes, the rest is ARTC.
func newStage(t *testing.T, c signal.Config, suppliers ...live.Supplier) *stage {
	t.Helper()
	s := &stage{t: t, hub: live.NewHub(live.Options{}), registry: prometheus.NewRegistry(), log: &lockedBuffer{}}
	for _, sup := range suppliers {
		if v, ok := sup.(*variant); ok {
			v.hub = s.hub
		}
		s.hub.AddSupplier(sup)
	}
	s.adm = &admission{hub: s.hub, mode: catalog.SubSecond}
	s.peers = &peers{sessions: map[string]func(reason.Reason){}}
	server := signal.New(c, s.adm, s.peers, slog.New(slog.NewTextHandler(s.log, nil)), signal.NewMetrics(s.registry))
	mux := http.NewServeMux()
	mux.HandleFunc("/whep/", server.ServeWHEP)
	mux.HandleFunc("/whip/", server.ServeWHIP)
	mux.HandleFunc("/", server.ServeARTC)
	s.web = httptest.NewServer(mux)
	t.Cleanup(func() {
		s.web.Close()
		for id := range s.peers.sessions {
			s.peers.Close(id, reason.Shutdown)
		}
		s.hub.Close()
	})
	return s
}

// publish puts a stream on the hub.
func (s *stage) publish(stream string, video, audio *media.Track) {
	s.t.Helper()
	p, err := s.hub.Publish(live.Name{Domain: "play.test", App: "live", Stream: stream}, "test", "")
	if err != nil {
		s.t.Fatal(err)
	}
	p.Announce(video, audio)
	if video != nil {
		err = p.Write(&media.Frame{Track: video, Key: true, Data: []byte{0, 0, 0, 2, 0x65, 0x88}})
	} else {
		err = p.Write(&media.Frame{Track: audio, Key: true, Data: []byte{0xfc, 0xff, 0xfe}})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { p.Close(reason.ClosedByPeer) })
}

// readers counts those of all streams.
func (s *stage) readers() (n int) {
	for _, st := range s.hub.Stats() {
		n += st.Readers
	}
	return n
}

// publishing says whether somebody publishes a stream.
func (s *stage) publishing(stream string) bool {
	for _, st := range s.hub.Stats() {
		if st.Name.Stream == stream && st.Publishing {
			return true
		}
	}
	return false
}

// counters returns the values of a metric by its labels' values.
func (s *stage) counters(name string) map[string]float64 {
	s.t.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			out[strings.Join(labels, " ")] = m.GetCounter().GetValue()
		}
	}
	return out
}

// variant supplies variants that announce the given audio; its name is Opus's
// unless it says so.
type variant struct {
	name  string
	hub   *live.Hub
	audio *media.Track
	fail  error
}

func (v *variant) Supplies(n live.Name) bool {
	return n.Variant == cmp.Or(v.name, live.VariantOpus)
}

func (v *variant) Supply(ctx context.Context, n live.Name) error {
	if v.fail != nil {
		return v.fail
	}
	p, err := v.hub.Publish(n, "test", "")
	if err != nil {
		return err
	}
	defer p.Close(reason.StreamEnded)
	p.Announce(h264, v.audio)
	<-ctx.Done()
	return nil
}

func file(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

type reply struct {
	status int
	header http.Header
	body   string
}

// ask makes one request; header pairs follow the body.
func (s *stage) ask(method, path, body string, headers ...string) reply {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.web.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := s.web.Client().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	return read(s.t, res)
}

func read(t *testing.T, res *http.Response) reply {
	t.Helper()
	b, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	if res.Header.Get("Access-Control-Allow-Origin") != "*" ||
		res.Header.Get("Access-Control-Expose-Headers") != "Location, ETag, Link, X-Tengine-Error" {
		t.Errorf("status %d without CORS headers: %v", res.StatusCode, res.Header)
	}
	return reply{res.StatusCode, res.Header, string(b)}
}

// fields reads a JSON object.
func (r reply) fields(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(r.body), &m); err != nil {
		t.Fatalf("status %d: %v in %q", r.status, err, r.body)
	}
	return m
}

// artcBody makes the body of an ARTC play request. Fields that are "" are left out.
func artcBody(t testing.TB, url, amsid, vmsid, offer string) string {
	t.Helper()
	pull := map[string]any{"url": url}
	if amsid != "" {
		pull["amsid"] = []string{amsid}
	}
	if vmsid != "" {
		pull["vmsid"] = []string{vmsid}
	}
	b, err := json.Marshal(map[string]any{
		"version": 2, "sdk_version": "0.0.1", "mode": "live",
		"pull_streams": []any{pull}, "jsep": map[string]string{"type": "offer", "sdp": offer},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// pushBody makes the body of an ARTC publish request.
func pushBody(t testing.TB, url, offer string) string {
	t.Helper()
	b, err := json.Marshal(map[string]any{
		"version": 2, "sdk_version": "0.0.1", "mode": "rtc",
		"push_stream": url, "jsep": map[string]string{"type": "offer", "sdp": offer},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func artcURL(stream string) string {
	return "artc://play.test:8080/live/" + stream + "?auth_key=" + goodKey
}
