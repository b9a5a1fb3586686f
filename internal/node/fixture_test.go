package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"millrace/internal/config"
	"millrace/internal/links"
)

func TestMain(m *testing.M) {
	dir, err := trusted()
	if err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// patience is a liveness bound: what takes longer has hung.
const patience = time.Minute

// testLog collects what the node logs and shows it when a test fails.
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

// running is a node that serves on free loopback ports.
type running struct {
	*node
	log  *testLog
	stop func()
}

func testConfig(t *testing.T) config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.DataDir = t.TempDir()
	cfg.HTTPAddr, cfg.RTMPAddr, cfg.RTCAddr, cfg.AdminAddr = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg.SRTAddr = "127.0.0.1:0"
	return cfg
}

func serveNode(t *testing.T, change func(*config.Config)) *running {
	t.Helper()
	cfg := testConfig(t)
	if change != nil {
		change(&cfg)
	}
	log := &testLog{}
	n, err := start(cfg, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- n.serve(ctx, func() { close(ready) }) }()
	stop := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("serve: %v", err)
			}
		case <-time.After(patience):
			t.Error("the node does not stop")
		}
		http.DefaultClient.CloseIdleConnections()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	t.Cleanup(stop)
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	return &running{n, log, stop}
}

// links are the signed URLs of a stream.
func (r *running) links(t *testing.T, stream string) links.Set {
	t.Helper()
	set, err := r.linksOver(false, stream)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func (r *running) linksOver(tls bool, stream string) (links.Set, error) {
	return links.Make(r.catalog.Snapshot(), r.place("127.0.0.1", tls), links.Order{App: "live", Stream: stream, At: time.Now()})
}

// insecure makes ask take certificates that nobody has signed.
func insecure(t *testing.T) {
	t.Helper()
	plain := http.DefaultClient.Transport
	lax := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // a node's own
	http.DefaultClient.Transport = lax
	t.Cleanup(func() {
		lax.CloseIdleConnections()
		http.DefaultClient.Transport = plain
	})
}

// ffmpeg starts a publisher of a test picture and a tone. kill ends it without
// a goodbye.
func ffmpeg(t *testing.T, url string, options ...string) (kill func()) {
	t.Helper()
	args := []string{"-hide_banner", "-loglevel", "warning", "-re",
		"-f", "lavfi", "-i", "testsrc=size=320x180:rate=30", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2"}
	if len(options) == 0 {
		options = []string{"-tune", "zerolatency"}
	}
	format := "flv"
	if strings.HasPrefix(url, "srt:") {
		format = "mpegts"
	}
	args = append(append(args, options...), "-f", format, url)
	var said bytes.Buffer
	cmd := exec.Command("ffmpeg", args...)
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	t.Cleanup(kill)
	return kill
}

// await polls until f is true.
func await(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited for %s in vain", what)
		}
	}
}

// live waits until somebody publishes a stream whose tracks are known.
func (r *running) live(t *testing.T, stream string) {
	t.Helper()
	await(t, stream+" to be published", func() bool {
		for _, s := range r.hub.Stats() {
			if s.Name.Stream == stream && s.Publishing && s.Video != nil && s.Audio != nil {
				return true
			}
		}
		return false
	})
}

// ask makes a request and returns the answer and its body.
func ask(t *testing.T, method, url, contentType, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func (r *running) url(path string) string {
	return fmt.Sprintf("http://127.0.0.1:%d%s", port(r.open.http), path)
}

// captured is an offer that some client has made.
func captured(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "signal", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
