package live

import (
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"millrace/internal/media"
)

// The estimate is the smallest offset of the current window and the one before.
func TestCaptureClockIsMinimumOverWindows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type sample struct{ arrived, offset int64 }
		var c CaptureClock
		var windows [][]sample
		var opened int64
		arrived := int64(1_700_000_000_000_000_000)
		for i := range rapid.IntRange(1, 60).Draw(t, "frames") {
			arrived += rapid.Int64Range(0, int64(12*time.Second)).Draw(t, "gap")
			offset := rapid.Int64Range(-5e9, 5e9).Draw(t, "offset")
			if i == 0 || arrived-opened > int64(captureWindow) {
				opened = arrived
				windows = append(windows, nil)
			}
			last := len(windows) - 1
			windows[last] = append(windows[last], sample{arrived, offset})
			want := offset
			for _, w := range windows[max(0, last-1):] {
				for _, s := range w {
					want = min(want, s.offset)
				}
			}
			if got := c.Estimate(media.Time(arrived-offset), arrived); got != want {
				t.Fatalf("frame %d: offset %d, want %d", i, got, want)
			}
		}
	})
}

// A source whose clock runs 100 ppm slow or fast is followed for an hour, with
// up to 80 ms of jitter on the way, and no frame is said to be captured after
// it arrived.
func TestCaptureClockFollowsDrift(t *testing.T) {
	for _, ppm := range []int64{-100, 0, 100} {
		var c CaptureClock
		jitter := uint64(1)
		for at := int64(0); at < int64(time.Hour); at += int64(40 * time.Millisecond) {
			jitter = jitter*6364136223846793005 + 1442695040888963407
			late := int64(jitter>>33) % int64(80*time.Millisecond)
			captured := int64(1_700_000_000_000_000_000) + at
			pts := media.Time(at + at/1e6*ppm)
			got := int64(pts) + c.Estimate(pts, captured+late)
			if got > captured+late {
				t.Fatalf("%d ppm: captured %v after arrival", ppm, time.Duration(got-captured-late))
			}
			off := time.Duration(got - captured)
			if at > int64(2*captureWindow) && (off < -10*time.Millisecond || off > 10*time.Millisecond) {
				t.Fatalf("%d ppm: capture time off by %v after %v", ppm, off, time.Duration(at))
			}
		}
	}
}

// Sound and picture of one moment get one capture time, whichever was late, and
// B-frames are not captured after they arrived.
func TestCaptureIsSharedByTracks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		p := publishTracks(t, h, testName)
		r := subscribe(t, h, testName)
		start := time.Now()
		for i := range 50 {
			at := time.Duration(i) * 40 * time.Millisecond
			until(start.Add(at + 15*time.Millisecond)) // video takes 15 ms longer
			v := picture(at, i == 0)
			v.PTS += media.Time(80 * time.Millisecond) // reordering
			a := sound(at + 80*time.Millisecond)
			write(t, p, v, a)
		}
		var captures [2][]int64
		for {
			f, err := poll(r)
			if err != nil {
				t.Fatal(err)
			}
			if f == nil {
				break
			}
			if f.Capture > f.Arrived {
				t.Fatalf("captured %v after arrival", time.Duration(f.Capture-f.Arrived))
			}
			captures[f.Track.Kind] = append(captures[f.Track.Kind], f.Capture)
		}
		if len(captures[0]) != 50 || len(captures[1]) != 50 {
			t.Fatalf("read %d pictures, %d sounds", len(captures[0]), len(captures[1]))
		}
		for i := range captures[0] {
			if captures[0][i] != captures[1][i] {
				t.Fatalf("frame %d: picture captured %v after the sound of the same moment",
					i, time.Duration(captures[0][i]-captures[1][i]))
			}
		}
	})
}

func TestCaptureOfThePublisherIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		p := publishTracks(t, h, testName)
		r := subscribe(t, h, testName)
		f := picture(0, true)
		f.Capture, f.Arrived = 123, time.Now().Add(-time.Millisecond).UnixNano()
		arrived := f.Arrived
		write(t, p, f)
		if got := next(t, r); got.Capture != 123 || got.Arrived != arrived {
			t.Fatalf("capture %d, arrived %d; want 123, %d", got.Capture, got.Arrived, arrived)
		}
	})
}

// A track that starts before the first frame keeps its distance to it; decode
// times that run backwards are held, and never presented before they decode.
func TestTimelinePlacesTracks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		p := publishTracks(t, h, testName)
		r := subscribe(t, h, testName)
		const origin = 26 * time.Hour
		write(t, p, picture(origin, true), sound(origin-600*time.Millisecond), picture(origin-time.Second, false),
			picture(origin+40*time.Millisecond, false))
		v1, a1, v2, v3 := next(t, r), next(t, r), next(t, r), next(t, r)
		if got := v1.DTS.Sub(a1.DTS); got != 600*time.Millisecond {
			t.Errorf("sound is %v before the picture, want 600ms", got)
		}
		if v2.DTS != v1.DTS || v2.PTS != v1.DTS {
			t.Errorf("picture that runs backwards at %v/%v, want held at %v", v2.DTS, v2.PTS, v1.DTS)
		}
		if got := v3.DTS.Sub(v1.DTS); got != 40*time.Millisecond {
			t.Errorf("next picture %v after the first, want 40ms", got)
		}
	})
}
