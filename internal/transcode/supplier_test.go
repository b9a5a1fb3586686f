package transcode

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

var (
	sourceName  = live.Name{Domain: "play.test", App: "live", Stream: "a"}
	variantName = live.Name{Domain: "play.test", App: "live", Stream: "a", Variant: live.VariantOpus}
	pictures    = &media.Track{Kind: media.Video, Codec: media.H264, Width: 320, Height: 240}
)

// room is a hub with a supplier.
type room struct {
	hub     *live.Hub
	metrics *Metrics
	log     bytes.Buffer
}

func newRoom(ffmpegPath string) *room {
	r := &room{metrics: NewMetrics(prometheus.NewRegistry())}
	log := slog.New(slog.NewTextHandler(&r.log, nil))
	r.hub = live.NewHub(live.Options{Linger: time.Second, SupplyLinger: 500 * time.Millisecond})
	r.hub.AddSupplier(NewSupplier(r.hub, Options{FFmpeg: ffmpegPath, Metrics: r.metrics, Log: log}))
	return r
}

func (r *room) running(path string) float64 {
	return value(r.metrics.variants.WithLabelValues(path))
}

func (r *room) drops(why reason.Reason) float64 {
	return value(r.metrics.drops.WithLabelValues(string(why)))
}

// value reads a counter or a gauge.
func value(m prometheus.Metric) float64 {
	var d dto.Metric
	if err := m.Write(&d); err != nil {
		panic(err)
	}
	return d.GetCounter().GetValue() + d.GetGauge().GetValue()
}

func (r *room) publish(t testing.TB, audio *media.Track) *live.Publisher {
	t.Helper()
	p, err := r.hub.Publish(sourceName, "test", "")
	if err != nil {
		t.Fatal(err)
	}
	p.Announce(pictures, audio)
	return p
}

// play reads n frames of a stream, in one goroutine of its own.
func play(ctx context.Context, hub *live.Hub, name live.Name, n int) (chan []*media.Frame, *live.Reader, error) {
	r, err := hub.Subscribe(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	got := make(chan []*media.Frame, 1)
	go func() {
		var frames []*media.Frame
		for range n {
			f, err := r.Next(ctx)
			if err != nil {
				break
			}
			frames = append(frames, f)
		}
		got <- frames
	}()
	return got, r, nil
}

// mix interleaves the frames of a clip with 25 pictures a second, a key frame
// each second.
func mix(sounds []*media.Frame) []*media.Frame {
	end := origin
	if len(sounds) > 0 {
		end = sounds[len(sounds)-1].PTS
	}
	out := slices.Clone(sounds)
	for i, at := 0, origin; at < end || i < 25; i, at = i+1, at.Add(40*time.Millisecond) {
		out = append(out, &media.Frame{
			Track: pictures, DTS: at, PTS: at.Add(80 * time.Millisecond), Key: i%25 == 0, Data: []byte{0, 0, 0, 1, byte(i)},
		})
	}
	slices.SortStableFunc(out, func(a, b *media.Frame) int { return int(a.DTS - b.DTS) })
	for _, f := range out {
		f.Arrived, f.Capture = 0, 0
	}
	return out
}

// send publishes frames as they are due. In a bubble that takes no time.
func send(t testing.TB, p *live.Publisher, frames []*media.Frame) {
	t.Helper()
	last := frames[0].DTS
	for _, f := range frames {
		if f.DTS > last {
			<-time.After(f.DTS.Sub(last))
			last = f.DTS
		}
		own := *f
		if err := p.Write(&own); err != nil {
			t.Error(err)
			return
		}
	}
}

func split(frames []*media.Frame) (video, audio []*media.Frame) {
	for _, f := range frames {
		if f.Track.Kind == media.Video {
			video = append(video, f)
		} else {
			audio = append(audio, f)
		}
	}
	return video, audio
}

// Three readers share one conversion; the pictures are those of the source, the
// sound is in step with them; it ends a while after the last reader has left.
func TestSupplier(t *testing.T) {
	c, _ := read(t, "speech.aac", nil)
	synctest.Test(t, func(t *testing.T) {
		room := newRoom("")
		defer room.hub.Close()
		source := room.publish(t, c.track)
		frames := mix(c.frames())
		send(t, source, frames[:10])
		originals, original, err := play(t.Context(), room.hub, sourceName, 150)
		if err != nil {
			t.Fatal(err)
		}
		var played []chan []*media.Frame
		var readers []*live.Reader
		const wanted = 200
		for range 3 {
			got, r, err := play(t.Context(), room.hub, variantName, wanted)
			if err != nil {
				t.Fatal(err)
			}
			if v, a := r.Tracks(); v != pictures || a == nil || a.Codec != media.Opus || a.Channels != 1 || a.SampleRate != 48000 {
				t.Errorf("tracks %+v, %+v", v, a)
			}
			played, readers = append(played, got), append(readers, r)
		}
		send(t, source, frames[10:])
		shared := map[*byte]*media.Frame{}
		for _, f := range <-originals {
			shared[&f.Data[0]] = f
		}
		for _, got := range played {
			all := <-got
			video, audio := split(all)
			if len(all) != wanted {
				t.Fatalf("%d frames", len(all))
			}
			onGrid(t, audio)
			// Both scales start at 1 s with the source's first frame.
			var shift time.Duration
			for i, f := range video {
				s := shared[&f.Data[0]]
				if i < 20 && s == nil {
					t.Fatalf("picture %d is a copy", i)
				}
				if s == nil {
					continue
				}
				if i == 0 {
					shift = f.DTS.Sub(s.DTS)
				}
				if f.DTS.Sub(s.DTS) != shift || f.PTS.Sub(f.DTS) != s.PTS.Sub(s.DTS) || f.Key != s.Key || f.Capture != s.Capture {
					t.Fatalf("picture %d: %+v, was %+v", i, f, s)
				}
			}
		}
		synctest.Wait()
		if n := room.running(pathLC); n != 1 {
			t.Errorf("%g conversions", n)
		}
		want := float64(len(c.units)*lcSamples) / 44100 * 50
		if made := value(room.metrics.packets); made < want-3 || made > want+1 {
			t.Errorf("%g packets made of %g", made, want)
		}
		for _, r := range readers {
			if n := room.running(pathLC); n != 1 {
				t.Errorf("%g conversions while somebody reads", n)
			}
			r.Close()
		}
		<-time.After(499 * time.Millisecond)
		synctest.Wait()
		if n := room.running(pathLC); n != 1 {
			t.Errorf("%g conversions before the linger time is over", n)
		}
		<-time.After(2 * time.Millisecond)
		synctest.Wait()
		if n := room.running(pathLC); n != 0 {
			t.Errorf("%g conversions after it", n)
		}
		original.Close()
		if n := strings.Count(room.log.String(), "variant closed"); n != 1 {
			t.Errorf("%d closing lines: %s", n, room.log.String())
		}
	})
}

// The sound keeps its distance from the pictures.
func TestSupplierSync(t *testing.T) {
	c, b := read(t, "speech.aac", nil)
	want := floats(ffmpeg(t, b, "-f", "aac", "-i", "pipe:0", "-f", "f32le", "-ar", "48000", "-ac", "1", "pipe:1"), 1)
	var audio []*media.Frame
	var begin media.Time
	synctest.Test(t, func(t *testing.T) {
		room := newRoom("")
		defer room.hub.Close()
		source := room.publish(t, c.track)
		got, r, err := play(t.Context(), room.hub, variantName, 280)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		send(t, source, mix(c.frames()))
		var video []*media.Frame
		video, audio = split(<-got)
		begin = video[0].DTS // origin in the source
	})
	compare(t, decodeOpus(t, audio, 1), audio[0].PTS, want, begin.Add(c.at(0).Sub(origin)))
}

// The variant ends when the source does, and the publisher's return continues it.
func TestSupplierEnds(t *testing.T) {
	c, _ := read(t, "speech.aac", nil)
	synctest.Test(t, func(t *testing.T) {
		room := newRoom("")
		defer room.hub.Close()
		source := room.publish(t, c.track)
		got, r, err := play(t.Context(), room.hub, variantName, 1e6)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		frames := mix(c.frames())
		send(t, source, frames)
		source.Close(reason.PeerGone)
		<-time.After(900 * time.Millisecond)
		source = room.publish(t, c.track)
		send(t, source, frames)
		source.Close(reason.PeerGone)
		all := <-got
		if _, err := r.Next(t.Context()); !errors.Is(err, live.ErrEnded) {
			t.Error(err)
		}
		var last [2]media.Time
		breaks := 0
		for _, f := range all {
			if f.DTS < last[f.Track.Kind] {
				t.Fatalf("%v goes back from %v to %v", f.Track.Kind, last[f.Track.Kind], f.DTS)
			}
			last[f.Track.Kind] = f.DTS
			if f.Discontinuity {
				breaks++
			}
		}
		if breaks != 2 {
			t.Errorf("%d discontinuities, want one of each kind", breaks)
		}
		synctest.Wait()
		if n := room.running(pathLC); n != 0 {
			t.Errorf("%g conversions left", n)
		}
	})
}

// What needs no conversion, or cannot have one, is passed on.
func TestSupplierWays(t *testing.T) {
	speech, _ := read(t, "speech.aac", nil)
	he, _ := read(t, "he1.aac", nil)
	opus := opusTrack(2, 312)
	sounds := []*media.Frame{}
	for i := range 100 {
		at := origin.Add(time.Duration(i) * packetLong)
		sounds = append(sounds, &media.Frame{Track: opus, DTS: at, PTS: at, Key: true, Data: []byte{0xfc, 0xff, byte(i)}})
	}
	for _, way := range []struct {
		path   string
		track  *media.Track
		sounds []*media.Frame
		heard  media.Codec // 0: none
	}{
		{pathNone, nil, nil, 0},
		{pathSame, opus, sounds, media.Opus},
		{pathLC, speech.track, speech.frames(), media.Opus},
		{pathMute, he.track, he.frames(), 0},
	} {
		t.Run(way.path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				room := newRoom("")
				defer room.hub.Close()
				source := room.publish(t, way.track)
				got, r, err := play(t.Context(), room.hub, variantName, 45)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				send(t, source, mix(way.sounds))
				synctest.Wait()
				_, track := r.Tracks()
				if track == nil && way.heard != 0 || track != nil && track.Codec != way.heard {
					t.Errorf("track %+v", track)
				}
				if room.running(way.path) != 1 {
					t.Errorf("not on its way: %s", room.log.String())
				}
				source.Close(reason.ClosedByPeer)
				video, audio := split(<-got)
				if len(video) == 0 || (len(audio) == 0) != (way.heard == 0) {
					t.Errorf("%d pictures, %d sounds", len(video), len(audio))
				}
				for _, f := range audio {
					if way.path == pathSame && &f.Data[0] != &sounds[f.Data[2]].Data[0] {
						t.Fatal("Opus was copied")
					}
				}
				if way.path == pathMute {
					if n := strings.Count(room.log.String(), "reason=no_decoder"); n != 1 {
						t.Errorf("said %d times: %s", n, room.log.String())
					}
					if room.drops(reason.NoDecoder) == 0 {
						t.Error("not counted")
					}
				}
			})
		})
	}
}

// A source may change its sound while it runs: kind, channels, none at all.
func TestSupplierChanges(t *testing.T) {
	mono, _ := read(t, "speech.aac", nil)
	stereo := encodeAAC(t, sine(440, 48000, 48000, 2), 48000, 2)
	synctest.Test(t, func(t *testing.T) {
		room := newRoom("")
		defer room.hub.Close()
		source := room.publish(t, mono.track)
		r, err := room.hub.Subscribe(t.Context(), variantName)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		channels := func() int {
			synctest.Wait()
			if _, a := r.Tracks(); a != nil {
				return a.Channels
			}
			return 0
		}
		first, second := mix(mono.frames()), mix(stereo.frames())
		long := first[len(first)-1].DTS.Sub(origin) + 40*time.Millisecond
		send(t, source, first)
		if n := channels(); n != 1 {
			t.Errorf("%d channels", n)
		}
		source.Announce(pictures, stereo.track)
		move(second, long)
		send(t, source, second)
		if n := channels(); n != 2 {
			t.Errorf("%d channels", n)
		}
		source.Announce(pictures, mono.track)
		move(first, 2*long)
		send(t, source, first)
		if n := channels(); n != 1 {
			t.Errorf("%d channels", n)
		}
		if room.running(pathLC) != 1 || room.drops(reason.DecodeFailed) != 0 {
			t.Errorf("%g running, %g failed", room.running(pathLC), room.drops(reason.DecodeFailed))
		}
	})
}

func TestSupplierNotFound(t *testing.T) {
	room := newRoom("")
	defer room.hub.Close()
	if _, err := room.hub.Subscribe(t.Context(), variantName); !errors.Is(err, live.ErrNotFound) {
		t.Error(err)
	}
}

// HE-AAC that looks like AAC-LC goes to ffmpeg at its first frame; nothing of
// that is left behind.
func TestSupplierProcess(t *testing.T) {
	c, adts := read(t, "he1.aac", nil)
	room := newRoom(FindFFmpeg())
	source := room.publish(t, c.track)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := room.hub.Subscribe(ctx, variantName)
	if err != nil {
		t.Fatal(err)
	}
	frames := mix(c.frames())
	send(t, source, frames[:4])
	var video, audio []*media.Frame
	for len(video) == 0 { // both readers are in place now
		f, err := r.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if f.Track.Kind == media.Video {
			video = append(video, f)
		}
	}
	for _, f := range frames[4:] {
		if err := source.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	for len(video) < 70 || audio == nil || audio[len(audio)-1].PTS < video[69].DTS.Add(-100*time.Millisecond) {
		f, err := r.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if f.Track.Kind == media.Video {
			video = append(video, f)
		} else {
			audio = append(audio, f)
		}
	}
	if n := len(children(t)); n != 1 {
		t.Errorf("%d processes", n)
	}
	if room.running(pathProcess) != 1 || room.running(pathLC) != 0 {
		t.Error("not on its way")
	}
	onGrid(t, audio)
	compare(t, decodeOpus(t, audio, 2), audio[0].PTS, reference(t, adts), video[0].DTS.Add(c.at(0).Sub(origin)))
	r.Close()
	room.hub.Close()
	if n := len(children(t)); n != 0 {
		t.Errorf("%d processes left", n)
	}
	if room.running(pathProcess) != 0 {
		t.Error("still counted")
	}
}

// children are the processes that this one has started and not yet reaped.
func children(t *testing.T) []string {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(lists) == 0 {
		t.Fatal("no /proc", err)
	}
	var all []string
	for _, l := range lists {
		b, err := os.ReadFile(l)
		if err == nil { // a thread may have ended meanwhile
			all = append(all, strings.Fields(string(b))...)
		}
	}
	return all
}
