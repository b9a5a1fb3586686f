package live

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"millrace/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	testVideo = &media.Track{Kind: media.Video, Codec: media.H264, Width: 64, Height: 64}
	testAudio = &media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: 48000, Channels: 2}
	testName  = Name{Domain: "play.test", App: "live", Stream: "demo"}
)

// slicer is a Packetizer that cuts payloads into pieces of 1000 bytes, huge ones
// into 40.
type slicer struct{ seq [2]int64 }

func newSlicer() Packetizer { return &slicer{} }

func (c *slicer) Packetize(f *media.Frame) []media.Packet {
	size := max(1000, (len(f.Data)+39)/40)
	var run []media.Packet
	for at := 0; at == 0 || at < len(f.Data); at += size {
		run = append(run, media.Packet{
			Seq: c.seq[f.Track.Kind], Kind: f.Track.Kind, Codec: f.Track.Codec,
			Time: f.DTS, Composition: int64(f.PTS - f.DTS), Capture: f.Capture, Arrived: f.Arrived,
			Payload: f.Data[at:min(at+size, len(f.Data))],
			Key:     f.Key && f.Track.Kind == media.Video, Discontinuity: f.Discontinuity,
			Start: at == 0, Marker: at+size >= len(f.Data),
		})
		c.seq[f.Track.Kind]++
	}
	return run
}

// newTestHub returns a hub that is closed, and waited for, when t ends.
func newTestHub(t testing.TB, o Options) *Hub {
	t.Helper()
	if o.NewPacketizer == nil {
		o.NewPacketizer = newSlicer
	}
	h := NewHub(o)
	t.Cleanup(h.Close)
	return h
}

func publish(t testing.TB, h *Hub, n Name) *Publisher {
	t.Helper()
	p, err := h.Publish(n, "test", "peer")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// publishTracks publishes and announces video and audio.
func publishTracks(t testing.TB, h *Hub, n Name) *Publisher {
	t.Helper()
	p := publish(t, h, n)
	p.Announce(testVideo, testAudio)
	return p
}

func subscribe(t testing.TB, h *Hub, n Name) *Reader {
	t.Helper()
	r, err := h.Subscribe(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func picture(dts time.Duration, key bool) *media.Frame {
	return &media.Frame{Track: testVideo, DTS: media.Time(dts), PTS: media.Time(dts), Key: key, Data: make([]byte, 2500)}
}

func sound(dts time.Duration) *media.Frame {
	return &media.Frame{Track: testAudio, DTS: media.Time(dts), PTS: media.Time(dts), Key: true, Data: make([]byte, 200)}
}

func write(t testing.TB, p *Publisher, frames ...*media.Frame) {
	t.Helper()
	for _, f := range frames {
		if err := p.Write(f); err != nil {
			t.Fatalf("write: %v", err)
		}
	}
}

// poll returns the next frame when it is there already, else nil.
func poll(r *Reader) (*media.Frame, error) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	f, err := r.Next(ctx)
	if errors.Is(err, context.Canceled) {
		return nil, nil
	}
	return f, err
}

// next returns the frame that must be there already.
func next(t testing.TB, r *Reader) *media.Frame {
	t.Helper()
	f, err := poll(r)
	if err != nil || f == nil {
		t.Fatalf("next frame = %v, %v; want one", f, err)
	}
	return f
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error = %v, want %v", err, want)
	}
}

// frameRun is a clip: audio every 20 ms, video every 40 ms, a key frame every gop.
func frameRun(from, length, gop time.Duration) []*media.Frame {
	var clip []*media.Frame
	for at := from; at < from+length; at += 20 * time.Millisecond {
		if (at-from)%(40*time.Millisecond) == 0 {
			clip = append(clip, picture(at, (at-from)%gop == 0))
		}
		clip = append(clip, sound(at))
	}
	return clip
}

// playRun writes a clip in real (bubble) time.
func playRun(t testing.TB, p *Publisher, clip []*media.Frame) {
	t.Helper()
	start, first := time.Now(), clip[0].DTS
	for _, f := range clip {
		until(start.Add(f.DTS.Sub(first)))
		write(t, p, f)
	}
}

// until waits for a moment of the bubble's clock.
func until(moment time.Time) {
	if d := time.Until(moment); d > 0 {
		<-time.After(d)
	}
}

// pass lets bubble time go by.
func pass(d time.Duration) { <-time.After(d) }
