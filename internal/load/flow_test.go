package load

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/httplive"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// Viewers by HTTP-FLV find the stamps of what a real server plays, count all of
// it, and leave when told to.
func TestFLVViewer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	hub := live.NewHub(live.Options{})
	defer hub.Close()
	server := httplive.New(httplive.Config{}, door{hub}, slog.New(slog.DiscardHandler), httplive.NewMetrics(prometheus.NewRegistry()))
	defer server.Close()
	web := httptest.NewServer(http.HandlerFunc(server.ServeFLV))
	defer web.Close()
	p, err := hub.Publish(live.Name{Domain: "d", App: "live", Stream: "s"}, "test", "")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(reason.ClosedByPeer)
	video := &media.Track{Kind: media.Video, Codec: media.H264, Width: 1920, Height: 1080, Params: [][]byte{sps, pps}}
	p.Announce(video, nil)

	a, err := openAudience(ctx, None, Network{}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	var all []*member
	for i := range uint32(40) {
		s := stamp{at: time.Now().UnixNano(), number: i, key: i%10 == 0}
		if err := p.Write(&media.Frame{Track: video, DTS: media.Time(i) * 1e7, PTS: media.Time(i) * 1e7, Key: s.key, Data: FullHD.frame(s)}); err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 {
			m, err := a.join(ctx, web.URL+"/live/s.flv")
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
		}
	}
	for i, m := range all {
		until(ctx, t, "the last picture has come", func() bool { return m.number.Load() == 39 })
		if want := uint64(40 - 10*i); m.frames.Load() < want || m.firstKey.Load() == 0 { // it begins with a key frame
			t.Errorf("viewer %d has seen %d pictures, not %d at least", i, m.frames.Load(), want)
		}
		if err := m.leave(ctx, true); err != nil {
			t.Error(err)
		}
	}
	until(ctx, t, "all have left", func() bool { return hub.Stats()[0].Readers == 0 })
}
