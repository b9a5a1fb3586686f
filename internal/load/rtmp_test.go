package load

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/rtmp"
)

// door lets everybody in, to streams as they are published.
type door struct{ hub *live.Hub }

func (d door) name(q catalog.Request) live.Name {
	return live.Name{Domain: "d", App: q.App, Stream: q.Stream}
}

func (d door) Publish(_ context.Context, q catalog.Request) (*live.Publisher, error) {
	return d.hub.Publish(d.name(q), string(q.Protocol), q.RemoteAddr)
}

func (d door) Play(ctx context.Context, q catalog.Request, _ string) (*live.Reader, catalog.Mode, error) {
	r, err := d.hub.Subscribe(ctx, d.name(q))
	return r, catalog.SubSecond, err
}

// A viewer by RTMP finds the stamps of what a publisher of this package sends to
// a real server, and leaves when told to.
func TestRTMPViewer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	hub := live.NewHub(live.Options{})
	defer hub.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving, stop := context.WithCancel(ctx)
	served, published := make(chan error, 1), make(chan error, 1)
	server := rtmp.New(rtmp.Config{}, door{hub}, slog.New(slog.DiscardHandler), rtmp.NewMetrics(prometheus.NewRegistry()))
	go func() { served <- server.Serve(serving, ln, catalog.RTMP) }()
	url := "rtmp://" + ln.Addr().String() + "/live/s"
	publishing, end := context.WithCancel(ctx)
	go func() { published <- Publish(publishing, url, Source{Picture: FullHD}) }()
	defer func() {
		end()
		if err := <-published; err != nil {
			t.Errorf("publish: %v", err)
		}
		stop()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	a, err := openAudience(ctx, None, Network{}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	var m *member
	until(ctx, t, "the stream can be played", func() bool {
		if m, err = a.join(ctx, url); err != nil {
			return false
		}
		return true
	})
	until(ctx, t, "a key frame and others have come", func() bool { return m.firstKey.Load() > 0 && m.frames.Load() > 3 })
	if m.packets.Load() <= m.frames.Load() || m.bytes.Load() < uint64(FullHD.KeySize) {
		t.Errorf("%d messages of %d bytes, %d pictures", m.packets.Load(), m.bytes.Load(), m.frames.Load())
	}
	if err := m.leave(ctx, true); err != nil {
		t.Error(err)
	}
	until(ctx, t, "the viewer has left", func() bool { return hub.Stats()[0].Readers == 0 })
}

// until waits for a condition, as long as ctx lasts.
func until(ctx context.Context, t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not in time", what)
		}
	}
}
