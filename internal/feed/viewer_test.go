package feed

import (
	"bytes"
	"context"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/flv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a Sink that keeps a copy of each batch.
type recorder struct{ batches chan []byte }

func (r *recorder) Send(_ context.Context, batch net.Buffers) error {
	r.batches <- bytes.Join(batch, nil)
	return nil
}

// renderer renders FLV tags.
type renderer struct{}

func (renderer) Carries(t *media.Track) bool { return flv.Carries(t) }

func (renderer) Header(video, audio *media.Track) []byte {
	return flv.AppendFileHeader(nil, video, audio)
}

func (renderer) Describe(video, audio *media.Track, more media.Metadata, at uint32) []byte {
	return flv.AppendDescription(nil, video, audio, more, at)
}

func (renderer) Script(body []byte, at uint32) []byte { return flv.AppendScript(nil, body, at) }

func (renderer) Config(t *media.Track, at uint32) ([]byte, error) {
	return flv.AppendConfig(nil, t, at)
}

func (renderer) Frame(f *media.Frame, base media.Time) (net.Buffers, error) {
	t, err := flv.Render(f, base)
	return net.Buffers{t.Head, t.Body, t.Tail}, err
}

var (
	testSPS   = []byte{0x67, 0x42, 0xc0, 0x0a, 0xda, 0x08, 0x44, 0xac, 0x04, 0x40, 0, 0, 3, 0, 0x40, 0, 0, 7, 0xa3, 0xc4, 0x89, 0xa8}
	testVideo = &media.Track{Kind: media.Video, Codec: media.H264, Params: [][]byte{testSPS, {0x68, 0xce, 0x0f, 0xc8}}}
	testAudio = &media.Track{Kind: media.Audio, Codec: media.AAC, SampleRate: 48000, Channels: 2, Config: []byte{0x11, 0x90}}
)

// staged returns a hub with a publisher, and a feed of its stream.
func staged(t testing.TB) (*live.Publisher, *Feed) {
	t.Helper()
	hub := live.NewHub(live.Options{Linger: time.Millisecond})
	t.Cleanup(hub.Close)
	name := live.Name{Domain: "d", App: "a", Stream: "s"}
	p, err := hub.Publish(name, "test", "")
	if err != nil {
		t.Fatal(err)
	}
	p.Announce(testVideo, testAudio)
	r, err := hub.Subscribe(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return p, newFeed(key{name: name}, renderer{}, r, r, time.Second, func(reason.Reason, uint64) {})
}

func frame(track *media.Track, at time.Duration, key bool) *media.Frame {
	return &media.Frame{Track: track, DTS: media.Time(at), PTS: media.Time(at), Key: key, Data: []byte{0, 0, 0, 2, 0x65, 1}}
}

// TestFirstBatchHoldsAll checks that headers, metadata, configurations and the
// cached GOP are one write, for the viewer that starts the feed, too.
func TestFirstBatchHoldsAll(t *testing.T) {
	p, f := staged(t)
	for i := range 50 {
		at := time.Duration(i) * 20 * time.Millisecond
		for _, fr := range []*media.Frame{frame(testVideo, at, i == 0), frame(testAudio, at, true)} {
			if err := p.Write(fr); err != nil {
				t.Fatal(err)
			}
		}
	}
	out := &recorder{batches: make(chan []byte, 10)}
	v := NewViewer(f, out, ViewerOptions{
		Patience: time.Second, Sent: prometheus.NewCounter(prometheus.CounterOpts{}),
		First: func() {}, OnSkip: func(reason.Reason, uint64) {},
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error)
	go func() { ended <- v.Run(ctx) }()
	batch := <-out.batches
	cancel(live.ErrShutdown)
	if err := <-ended; err != live.ErrShutdown {
		t.Errorf("ended with %v", err)
	}
	r := flv.NewReader(bytes.NewReader(batch))
	n := 0
	for {
		fr, err := r.Next()
		if err != nil {
			break
		}
		if n++; n == 1 && !fr.Key {
			t.Error("the first frame is no key frame")
		}
	}
	if n != 100 || !bytes.Contains(batch, []byte("onMetaData")) {
		t.Errorf("the first batch holds %d frames of 100", n)
	}
}

// TestSoundRidesWithPictures checks that sound alone wakes nobody at once, but
// is not held for long.
func TestSoundRidesWithPictures(t *testing.T) {
	_, f := staged(t)
	f.render(frame(testVideo, 0, true))
	if f.waiting != (time.Time{}) {
		t.Error("a picture waits")
	}
	f.render(frame(testAudio, 0, true))
	if f.waiting.IsZero() {
		t.Error("sound does not wait")
	}
	woken := make(chan error, 1)
	go func() { woken <- f.log.wait(t.Context(), 2, nil) }()
	for waits := false; !waits; runtime.Gosched() {
		f.log.mu.Lock()
		waits = f.log.bell != nil
		f.log.mu.Unlock()
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { // no frame comes: the feed lets the sound go by itself
		defer close(done)
		if _, err := f.next(ctx); err != context.Canceled {
			t.Errorf("next: %v", err)
		}
	}()
	if err := <-woken; err != nil {
		t.Error(err)
	}
	cancel()
	<-done
}

// BenchmarkFeed is what a frame costs once per stream.
func BenchmarkFeed(b *testing.B) {
	_, f := staged(b)
	data := make([]byte, 10_416)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		at := media.Time(n) * media.Time(time.Second/30)
		f.render(&media.Frame{Track: testVideo, DTS: at, PTS: at, Key: n%60 == 0, Data: data})
		n++
	}
}
