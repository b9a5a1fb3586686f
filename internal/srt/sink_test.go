package srt

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"millrace/internal/live"
)

// way is a connection whose peer takes things as the test says.
type way struct {
	gosrt.Conn
	written uint64
	repeats float64
	again   float64       // part that is sent again
	stuck   time.Duration // age of what is on its way
}

func (w *way) Write(b []byte) (int, error) {
	w.written++
	w.repeats += w.again
	return len(b), nil
}

func (w *way) Stats(s *gosrt.Statistics) {
	s.Accumulated.PktRetrans = uint64(w.repeats)
	s.Accumulated.PktSent = w.written + s.Accumulated.PktRetrans
	s.Instantaneous.MsSendBuf = uint64(w.stuck.Milliseconds())
}

// feedFor sends a message every 5 ms and returns when and how that ended.
func feedFor(t *testing.T, s *sink, d time.Duration) (lasted time.Duration, err error) {
	t.Helper()
	began := time.Now()
	for time.Since(began) < d && err == nil {
		err = s.Send(t.Context(), net.Buffers{make([]byte, message)})
		<-time.After(5 * time.Millisecond)
	}
	return time.Since(began), err
}

func TestAViewerThatKeepsUpIsNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &way{again: 0.1, stuck: 300 * time.Millisecond}
		lasted, err := feedFor(t, &sink{conn: w, limit: 10 * time.Second}, time.Minute)
		if err != nil || w.written < uint64(lasted/(6*time.Millisecond)) {
			t.Errorf("%d messages in %v, %v", w.written, lasted, err)
		}
	})
}

func TestAViewerWhoseWayIsTooNarrowRestsAndIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &way{again: 0.8}
		lasted, err := feedFor(t, &sink{conn: w, limit: 10 * time.Second}, time.Hour)
		if !errors.Is(err, live.ErrSlow) || lasted < maxRests*rest || lasted > time.Minute {
			t.Errorf("after %v: %v", lasted, err)
		}
	})
	// One that gets well in between goes on.
	synctest.Test(t, func(t *testing.T) {
		w := &way{}
		s := &sink{conn: w, limit: 10 * time.Second}
		for range 10 {
			w.again = 0.8
			if _, err := feedFor(t, s, 2*time.Second+rest); err != nil {
				t.Fatal(err)
			}
			w.again = 0
			if _, err := feedFor(t, s, 8*time.Second); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestAViewerThatConfirmsNothingIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &way{stuck: 2 * time.Second}
		s := &sink{conn: w, limit: 10 * time.Second}
		if lasted, err := feedFor(t, s, time.Hour); !errors.Is(err, live.ErrSlow) || lasted < 10*time.Second || lasted > 20*time.Second {
			t.Errorf("after %v: %v", lasted, err)
		}
	})
}

// A group of pictures goes out at a pace, and the wait for that ends with its
// context.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &way{}
		s := &sink{conn: w, limit: 10 * time.Second}
		began := time.Now()
		if err := s.Send(t.Context(), net.Buffers{make([]byte, 1000*message+188), make([]byte, 10)}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); w.written != 1002 || took < 140*time.Millisecond || took > time.Second {
			t.Errorf("%d messages in %v", w.written, took)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(live.ErrShutdown)
		if err := s.Send(ctx, net.Buffers{make([]byte, 100*message)}); !errors.Is(err, live.ErrShutdown) {
			t.Errorf("after the end: %v", err)
		}
	})
}
