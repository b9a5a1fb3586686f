package intake

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ms = media.Time(time.Millisecond)

var (
	video = &media.Track{Kind: media.Video, Codec: media.H264}
	audio = &media.Track{Kind: media.Audio, Codec: media.AAC}
	name  = live.Name{Domain: "d", App: "live", Stream: "s"}
)

// stage is an Intake, its stream, and what was counted.
type stage struct {
	*Intake
	hub   *live.Hub
	pub   *live.Publisher
	drops map[reason.Reason]int
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{hub: live.NewHub(live.Options{}), drops: map[reason.Reason]int{}}
	t.Cleanup(s.hub.Close)
	var err error
	if s.pub, err = s.hub.Publish(name, "test", ""); err != nil {
		t.Fatal(err)
	}
	s.Intake = New(s.pub, func(why reason.Reason) { s.drops[why]++ })
	return s
}

func frame(track *media.Track, at media.Time) *media.Frame {
	return &media.Frame{Track: track, DTS: at, PTS: at, Key: true, Data: []byte{1}}
}

func (s *stage) write(t *testing.T, f *media.Frame) {
	t.Helper()
	if err := s.Write(f, time.Unix(1, 0).Add(time.Duration(f.DTS))); err != nil {
		t.Fatal(err)
	}
}

// announced is what the hub knows of the tracks.
func (s *stage) announced() (got [2]*media.Track) {
	got[media.Video], got[media.Audio] = s.pub.Tracks()
	return got
}

func TestTracksAreAnnouncedTogether(t *testing.T) {
	none, both := [2]*media.Track{}, [2]*media.Track{video, audio}
	for name, c := range map[string]struct {
		do   func(s *stage)
		want [2]*media.Track
	}{
		"nothing is promised":           {func(s *stage) { s.write(t, frame(video, 0)) }, none},
		"both have come":                {func(s *stage) { s.write(t, frame(video, 0)); s.write(t, frame(audio, 0)) }, both},
		"a second has gone by":          {func(s *stage) { s.write(t, frame(video, 0)); s.write(t, frame(video, 1000*ms)) }, [2]*media.Track{video}},
		"pictures alone are promised":   {func(s *stage) { s.Expect(true, false, true); s.write(t, frame(video, 0)) }, [2]*media.Track{video}},
		"sound is promised":             {func(s *stage) { s.Expect(true, true, true); s.write(t, frame(video, 0)) }, none},
		"what is promised comes later":  {func(s *stage) { s.write(t, frame(video, 0)); s.Expect(true, false, true) }, [2]*media.Track{video}},
		"both are known before a frame": {func(s *stage) { s.Know(video); s.Know(audio) }, both},
		"one is known, one has come":    {func(s *stage) { s.Know(audio); s.Know(nil); s.write(t, frame(video, 0)) }, both},
		"another is known in its place": {func(s *stage) { s.Know(video); s.Know(audio); s.Know(&media.Track{}) }, [2]*media.Track{{}, audio}},
		"sound comes after its time": {func(s *stage) {
			s.write(t, frame(video, 0))
			s.write(t, frame(video, 1000*ms))
			s.write(t, frame(audio, 1000*ms))
		}, both},
		"one that was promised never has": {func(s *stage) {
			s.Expect(true, true, true)
			s.write(t, frame(audio, 0))
			s.write(t, frame(audio, 1001*ms))
		}, [2]*media.Track{nil, audio}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			c.do(s)
			for kind, got := range s.announced() {
				if want := c.want[kind]; (got == nil) != (want == nil) || got != nil && got.Codec != want.Codec {
					t.Errorf("%s is %+v, want %+v", media.Kind(kind), got, want)
				}
			}
		})
	}
}

func TestWhoHasLostTheStreamIsTold(t *testing.T) {
	s := newStage(t)
	s.write(t, frame(video, 0))
	s.pub.Kick()
	if err := s.Write(frame(video, 40*ms), time.Unix(1, 0)); !errors.Is(err, live.ErrKicked) {
		t.Errorf("error is %v", err)
	}
	if s.Frames(media.Video) == 0 || s.Drops() != 0 {
		t.Errorf("%d frames, %d drops", s.Frames(media.Video), s.Drops())
	}
}

// Twenty-six hours of a publisher whose clock drifts and jumps every two of them,
// both ways, with pictures at a variable rate that are decoded in another order
// than shown, and sound that began three seconds before: what comes out grows, is
// in step, and each jump is counted once per track.
func TestADayOfJumps(t *testing.T) {
	s := newStage(t)
	s.Expect(true, true, true)
	s.Know(video)
	s.Know(audio)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := s.hub.Subscribe(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	late, end := context.WithCancel(ctx)
	end()
	if _, err := r.Next(late); err == nil { // it stands at the beginning now
		t.Fatal("a frame before the first")
	}

	const day, drift = media.Time(26 * time.Hour), 200e-6
	base, jumps := 7_000*ms, 0
	var last, lead [2]media.Time
	var seen [2]bool
	take := func(track *media.Track, at, composition media.Time) {
		own := base + at + media.Time(float64(at)*drift)
		f := &media.Frame{Track: track, DTS: own, PTS: own + composition, Key: true, Data: []byte{1}}
		if err := s.Write(f, time.Unix(1, 0).Add(time.Duration(at))); err != nil {
			t.Fatal(err)
		}
		got, err := r.Next(ctx)
		if err != nil {
			t.Fatalf("%s %v in: %v; skips %v", track.Kind, time.Duration(at), err, r.Skips())
		}
		kind := track.Kind
		if got.Track != track || seen[kind] && got.DTS < last[kind] || got.PTS-got.DTS != composition {
			t.Fatalf("%v in: %+v after %v", time.Duration(at), got, time.Duration(last[kind]))
		}
		last[kind], seen[kind], lead[kind] = got.DTS, true, got.PTS-composition-at
	}
	gaps := []media.Time{33 * ms, 40 * ms, 400 * ms, 9000 * ms, 33 * ms}
	far := []media.Time{media.Time(time.Hour), -media.Time(3 * time.Hour), 30_000 * ms, -30_000 * ms}
	orders := []media.Time{80 * ms, 0, 120 * ms, 40 * ms}
	sound := media.Time(0)
	for i, at := 0, 3000*ms; at < day; i++ {
		if at > media.Time(jumps+1)*media.Time(2*time.Hour) {
			base += far[jumps%len(far)]
			jumps++
		}
		for ; sound <= at; sound += 1920 * ms {
			take(audio, sound, 0)
		}
		take(video, at, orders[i%len(orders)])
		// Sound of before the jump may come with the clock after it: they are in
		// step again with the next of each.
		if d := lead[0] - lead[1]; max(d, -d) > 40*ms {
			t.Fatalf("%v in, after %d jumps: sound and picture are %v apart", time.Duration(at), jumps, time.Duration(d))
		}
		at += gaps[i%len(gaps)]
	}
	if n := s.drops[reason.TimestampJump]; n != 2*jumps || len(s.drops) != 1 {
		t.Errorf("%d jumps of two tracks are counted as %v", jumps, s.drops)
	}
}
