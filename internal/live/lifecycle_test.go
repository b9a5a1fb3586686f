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

// A publisher that comes back within the linger time continues the stream for
// the readers that stayed.
func TestPublisherComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		p := publishTracks(t, h, testName)
		r := subscribe(t, h, testName)
		write(t, p, picture(5*time.Second, true), sound(5*time.Second))
		last := next(t, r).DTS
		if f := next(t, r); f.Discontinuity {
			t.Error("first publisher's first frame is marked as a discontinuity")
		}
		p.Close(reason.PeerGone)
		wantErr(t, p.Write(picture(6*time.Second, true)), ErrClosed)

		const gone = 4 * time.Second
		pass(gone)
		p = publish(t, h, testName) // its own scale starts elsewhere
		write(t, p, sound(time.Hour), picture(time.Hour+10*time.Millisecond, true),
			sound(time.Hour+20*time.Millisecond), picture(time.Hour+50*time.Millisecond, false))
		for i, want := range []struct {
			kind media.Kind
			at   time.Duration
			mark bool
		}{
			{media.Audio, gone, true},
			{media.Video, gone + 10*time.Millisecond, true},
			{media.Audio, gone + 20*time.Millisecond, false},
			{media.Video, gone + 50*time.Millisecond, false},
		} {
			f := next(t, r)
			if f.Track.Kind != want.kind || f.DTS.Sub(last) != want.at || f.Discontinuity != want.mark {
				t.Errorf("frame %d: %v at +%v, discontinuity %v; want %v at +%v, %v",
					i, f.Track.Kind, f.DTS.Sub(last), f.Discontinuity, want.kind, want.at, want.mark)
			}
		}
		if n := len(r.Skips()); n != 0 {
			t.Errorf("skips %v", r.Skips())
		}
	})
}

func TestStreamEndsAfterLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		p := publishTracks(t, h, testName)
		r := subscribe(t, h, testName)
		write(t, p, picture(0, true))
		start := time.Now()
		p.Close(reason.ClosedByPeer)
		if _, err := r.Next(t.Context()); err != nil {
			t.Fatalf("what was written before: %v", err)
		}
		_, err := r.Next(t.Context())
		wantErr(t, err, ErrEnded)
		if got := time.Since(start); got != 10*time.Second {
			t.Errorf("ended after %v, want 10s", got)
		}
		<-r.Ended()
		wantErr(t, r.Err(), ErrEnded)
		_, err = h.Subscribe(t.Context(), testName)
		wantErr(t, err, ErrNotFound)
		if got := h.Stats(); len(got) != 0 {
			t.Errorf("hub still knows %v", got)
		}
	})
}

// The linger of a first absence must not end the stream in a second one.
func TestLingerStartsAnewEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{Linger: 5 * time.Second})
		p := publishTracks(t, h, testName)
		r := subscribe(t, h, testName)
		for range 4 {
			p.Close(reason.PeerGone)
			pass(4 * time.Second)
			p = publish(t, h, testName)
		}
		pass(time.Hour)
		if err := r.Err(); err != nil {
			t.Fatalf("published stream has ended: %v", err)
		}
		p.Close(reason.PeerGone)
		start := time.Now()
		<-r.Ended()
		if got := time.Since(start); got != 5*time.Second {
			t.Errorf("ended after %v, want 5s", got)
		}
	})
}

func TestPublisherWithoutTracksLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		p := publish(t, h, testName)
		waiting := make(chan error)
		go func() {
			_, err := h.Subscribe(t.Context(), testName)
			waiting <- err
		}()
		synctest.Wait()
		start := time.Now()
		p.Close(reason.Codec)
		wantErr(t, <-waiting, ErrEnded)
		if len(h.Stats()) != 0 || time.Since(start) != 0 {
			t.Errorf("stream lingers: %v", h.Stats())
		}
		publish(t, h, testName)
	})
}

func TestNameIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		first := publishTracks(t, h, testName)
		_, err := h.Publish(testName, "test", "")
		wantErr(t, err, ErrTaken)
		write(t, first, picture(0, true))
		r := subscribe(t, h, testName)
		next(t, r)

		pass(silence - time.Millisecond)
		_, err = h.Publish(testName, "test", "")
		wantErr(t, err, ErrTaken)
		// A frame that is dropped as undecodable is still a sign of life.
		write(t, first, sound(2*time.Second))
		next(t, r)
		pass(silence - time.Millisecond)
		_, err = h.Publish(testName, "test", "")
		wantErr(t, err, ErrTaken)

		pass(time.Millisecond)
		second := publish(t, h, testName)
		<-first.Done()
		wantErr(t, first.Err(), ErrReplaced)
		wantErr(t, first.Write(picture(3*time.Second, true)), ErrReplaced)
		first.Announce(nil, nil)
		first.Close(reason.Replaced)
		if v, _ := r.Tracks(); v != testVideo {
			t.Error("a replaced publisher changed the tracks")
		}
		write(t, second, picture(0, true))
		if f := next(t, r); !f.Discontinuity {
			t.Error("no discontinuity after the replacement")
		}
		if second.Err() != nil || r.Err() != nil {
			t.Errorf("closing the replaced publisher ended %v, %v", second.Err(), r.Err())
		}
	})
}

func TestUndecodableVideoKeepsTheName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		p := publishTracks(t, h, testName)
		r := subscribe(t, h, testName)
		for at := time.Duration(0); at < 6*time.Second; at += time.Second {
			write(t, p, picture(at, false))
			pass(time.Second)
		}
		_, err := h.Publish(testName, "test", "")
		wantErr(t, err, ErrTaken)
		if f, err := poll(r); f != nil || err != nil {
			t.Fatalf("read %v, %v before the first key frame", f, err)
		}
		write(t, p, picture(6*time.Second, true))
		if f := next(t, r); !f.Key {
			t.Fatal("not the key frame")
		}
	})
}

func TestSubscribeWaitsForTracks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		_, err := h.Subscribe(t.Context(), testName)
		wantErr(t, err, ErrNotFound)

		p := publish(t, h, testName)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		_, err = h.Subscribe(ctx, testName)
		wantErr(t, err, ErrLate)
		if got := time.Since(start); got != 3*time.Second {
			t.Errorf("waited %v", got)
		}
		cause := errors.New("viewer left")
		why, leave := context.WithCancelCause(t.Context())
		leave(cause)
		_, err = h.Subscribe(why, testName)
		wantErr(t, err, cause)
		if got := h.Stats()[0].Readers; got != 0 {
			t.Errorf("%d readers left behind", got)
		}

		go func() {
			pass(time.Second)
			p.Announce(testVideo, nil)
		}()
		r, err := h.Subscribe(t.Context(), testName)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if v, a := r.Tracks(); v != testVideo || a != nil {
			t.Errorf("tracks %v, %v", v, a)
		}
		p.Announce(testVideo, testAudio)
		if _, a := r.Tracks(); a != testAudio {
			t.Errorf("audio %v after the second announcement", a)
		}
		// A stream that is ready is joined even by one in a hurry.
		r, err = h.Subscribe(why, testName)
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		if r.Name() != testName {
			t.Errorf("name %v", r.Name())
		}
	})
}

func TestHubClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(Options{NewPacketizer: newSlicer})
		p := publishTracks(t, h, testName)
		write(t, p, picture(0, true))
		silent := publish(t, h, Name{Stream: "silent"})
		lingering := publishTracks(t, h, Name{Stream: "lingering"})
		reader := subscribe(t, h, testName)
		pk := reader.Packets()
		watch := make(chan struct{}, 1)
		pk.Watch(watch)
		left := subscribe(t, h, Name{Stream: "lingering"})
		lingering.Close(reason.ClosedByPeer)

		ends := make(chan error, 2)
		go func() {
			_, err := h.Subscribe(context.Background(), Name{Stream: "silent"})
			ends <- err
		}()
		go func() {
			for {
				if _, err := left.Next(context.Background()); err != nil {
					ends <- err
					return
				}
			}
		}()
		synctest.Wait()
		h.Close()
		wantErr(t, <-ends, ErrShutdown)
		wantErr(t, <-ends, ErrShutdown)
		<-watch // packet readers wake to see the end
		wantErr(t, p.Err(), ErrShutdown)
		wantErr(t, silent.Write(sound(0)), ErrShutdown)
		next(t, reader) // what was written can still be read
		_, err := reader.Next(t.Context())
		wantErr(t, err, ErrShutdown)
		_, err = h.Publish(testName, "test", "")
		wantErr(t, err, ErrShutdown)
		_, err = h.Subscribe(t.Context(), testName)
		wantErr(t, err, ErrShutdown)
		p.Close(reason.Shutdown)
		h.Close()
		if got := h.Stats(); len(got) != 0 {
			t.Errorf("streams left: %v", got)
		}
	})
}

func TestReasonOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want reason.Reason
	}{
		{ErrNotFound, reason.NotFound},
		{ErrTaken, reason.Taken},
		{ErrEnded, reason.StreamEnded},
		{ErrSlow, reason.Slow},
		{ErrReplaced, reason.Replaced},
		{ErrKicked, reason.Kicked},
		{ErrShutdown, reason.Shutdown},
		{ErrClosed, reason.ClosedByPeer},
		{context.DeadlineExceeded, reason.Timeout},
		{ErrLate, reason.Timeout},
		{context.Canceled, reason.ClosedByPeer},
		{errors.New("other"), reason.Internal},
	} {
		if got := ReasonOf(errors.Join(errors.New("while at it"), c.err)); got != c.want {
			t.Errorf("ReasonOf(%v) = %q, want %q", c.err, got, c.want)
		}
	}
}

func TestName(t *testing.T) {
	n := Name{Domain: "play.test", App: "live", Stream: "demo", Variant: VariantOpus}
	if got := n.String(); got != "play.test/live/demo#opus" {
		t.Errorf("String = %q", got)
	}
	if got := n.Source(); got != testName || got.String() != "play.test/live/demo" {
		t.Errorf("Source = %v", got)
	}
	if n.Variant != VariantOpus {
		t.Error("Source changed the name it was asked of")
	}
}
