package live

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
)

func TestReaderBeginsAtNewestKeyFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		p := publishTracks(t, h, testName)
		early := subscribe(t, h, testName)
		write(t, p, sound(0), picture(0, false), sound(20*time.Millisecond), picture(40*time.Millisecond, true),
			sound(40*time.Millisecond), picture(80*time.Millisecond, true), sound(80*time.Millisecond))
		late := subscribe(t, h, testName)
		if f := next(t, late); !f.Key || f.Track != testVideo || next(t, late).Track != testAudio {
			t.Error("did not begin at the newest key frame")
		}
		// One that is placed later begins later, whenever it subscribed.
		if f := next(t, early); f.Track != testVideo || f.DTS.Sub(media.Time(time.Second)) != 80*time.Millisecond {
			t.Errorf("began at %v %v", f.Track.Kind, f.DTS)
		}
	})
}

func TestReaderBeforeTheFirstKeyFrameHearsSound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		p := publishTracks(t, h, testName)
		r := subscribe(t, h, testName)
		if f, err := poll(r); f != nil || err != nil {
			t.Fatalf("%v, %v from an empty stream", f, err)
		}
		write(t, p, sound(0), picture(0, false), picture(40*time.Millisecond, true))
		if a, v := next(t, r), next(t, r); a.Track != testAudio || !v.Key {
			t.Errorf("got %v, %v", a, v)
		}
	})
}

// An audio stream can be joined anywhere: at its newest frame.
func TestReaderOfAudioAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		p := publish(t, h, testName)
		p.Announce(nil, testAudio)
		for i := range 100 {
			write(t, p, sound(time.Duration(i)*20*time.Millisecond))
		}
		r := subscribe(t, h, testName)
		if f := next(t, r); f.DTS.Sub(media.Time(time.Second)) != 99*20*time.Millisecond {
			t.Errorf("began at %v", f.DTS)
		}
		if f, _ := poll(r); f != nil {
			t.Errorf("and got %v", f)
		}
	})
}

func TestReaderSkipsByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		p := publishTracks(t, h, testName)
		r := subscribe(t, h, testName)
		write(t, p, picture(0, true))
		next(t, r)
		// 3.5 s that nobody reads: too old to play, though still in the log.
		clip := frameRun(20*time.Millisecond, 3500*time.Millisecond, 1500*time.Millisecond)
		playRun(t, p, clip)
		f := next(t, r)
		if !f.Key || f.Track != testVideo {
			t.Fatalf("went on at %v", f)
		}
		skipped := 0
		for _, c := range clip {
			if c == f {
				break
			}
			skipped++
		}
		if got := r.Skips(); len(got) != 1 || got[reason.SkipAge] != uint64(skipped) {
			t.Errorf("skips %v, want %d by age", got, skipped)
		}
		r.Skips()[reason.SkipAge] = 0
		if r.Skips()[reason.SkipAge] == 0 {
			t.Error("Skips hands out its own map")
		}
	})
}

// A pause of the publisher makes no frame too old: there is no newer key frame.
func TestReaderKeepsOldFramesWithoutNewerKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		p := publishTracks(t, h, testName)
		r := subscribe(t, h, testName)
		clip := frameRun(0, time.Second, time.Hour)
		playRun(t, p, clip)
		p.Close(reason.PeerGone)
		pass(9 * time.Second)
		for i, want := range clip {
			if got := next(t, r); got != want {
				t.Fatalf("frame %d is %v", i, got)
			}
		}
		if n := len(r.Skips()); n != 0 {
			t.Errorf("skips %v", r.Skips())
		}
	})
}

func TestReaderSkipsWhenOverrun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		p := publishTracks(t, h, testName)
		r := subscribe(t, h, testName)
		write(t, p, picture(0, true))
		next(t, r)
		playRun(t, p, frameRun(20*time.Millisecond, 8*time.Second, 2*time.Second))
		if f := next(t, r); !f.Key || f.Track != testVideo {
			t.Fatalf("went on at %v", f)
		}
		if got := r.Skips(); len(got) != 1 || got[reason.SkipOverrun] == 0 {
			t.Errorf("skips %v, want some by overrun", got)
		}
	})
}

// A group of pictures longer than the log loses its beginning. Readers that
// join or were overrun then hear sound and wait for the next key frame.
func TestReaderInVeryLongGroupOfPictures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		p := publishTracks(t, h, testName)
		stuck := subscribe(t, h, testName)
		write(t, p, picture(0, true))
		next(t, stuck)
		var clip []*media.Frame
		for at := 40 * time.Millisecond; at < 25*time.Second; at += 40 * time.Millisecond {
			clip = append(clip, picture(at, false), sound(at))
		}
		playRun(t, p, clip)
		joined := subscribe(t, h, testName)
		if f, err := poll(joined); f != nil || err != nil {
			t.Fatalf("joined at %v, %v; want the head", f, err)
		}
		if pk := joined.Packets(); pk.Head() != 0 || pk.NewestKey() != -1 || pk.Start() != 0 {
			t.Errorf("packets [%d] begin at %d though no key frame is held", pk.Head(), pk.NewestKey())
		}
		if f, err := poll(stuck); f != nil || err != nil {
			t.Fatalf("overrun reader went on at %v, %v; want the head", f, err)
		}
		write(t, p, picture(25*time.Second, false), sound(25*time.Second), picture(26*time.Second, true))
		for _, r := range []*Reader{joined, stuck} {
			if a, v := next(t, r), next(t, r); a.Track != testAudio || !v.Key {
				t.Errorf("got %v, %v", a, v)
			}
		}
		if got := joined.Skips(); len(got) != 1 || got[reason.SkipKeyWait] != 1 {
			t.Errorf("skips of the one who joined: %v", got)
		}
	})
}

func TestReaderThatNeverCatchesUpIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		p := publishTracks(t, h, testName)
		r, saved := subscribe(t, h, testName), subscribe(t, h, testName)
		write(t, p, picture(0, true))
		next(t, r)
		next(t, saved)
		at := 40 * time.Millisecond
		var err error
		rounds := 0
		for ; err == nil && rounds < 20; rounds++ {
			playRun(t, p, frameRun(at, 4*time.Second, 500*time.Millisecond))
			at += 4 * time.Second
			var f *media.Frame
			if f, err = poll(r); err == nil && (f == nil || !f.Key) {
				t.Fatalf("round %d: %v", rounds, f)
			}
			for f := next(t, saved); f != nil; { // as slow, but catches up
				var err error
				if f, err = poll(saved); err != nil {
					t.Fatal(err)
				}
			}
		}
		wantErr(t, err, ErrSlow)
		if rounds != maxSkips+1 {
			t.Errorf("slow after %d skips, want %d", rounds, maxSkips+1)
		}
	})
}

func TestNextHonoursItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		p := publishTracks(t, h, testName)
		r := subscribe(t, h, testName)
		gone := errors.New("player left")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(gone) })
		_, err := r.Next(ctx)
		wantErr(t, err, gone)
		if n := r.stream.asleep.Load(); n != 0 {
			t.Errorf("%d readers counted asleep", n)
		}
		time.AfterFunc(time.Second, func() { p.Write(sound(0)) })
		if _, err := r.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
