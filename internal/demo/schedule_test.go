package demo

import (
	"testing"
	"time"

	"millrace/internal/media"
)

// toy is a loop of 2 s: a picture each 100 ms, a key frame each 500 ms.
func toy() *Loop {
	l := &Loop{length: 2 * time.Second}
	for i := range 20 {
		if i%5 == 0 {
			l.keys = append(l.keys, i)
		}
		l.frames = append(l.frames, &media.Frame{DTS: media.Time(i) * 100e6, Key: i%5 == 0})
	}
	return l
}

// clocks are a wall clock that can be set and a monotonic one that cannot.
type clocks struct {
	wall int64
	mono time.Duration
}

func (c *clocks) pass(d time.Duration) { c.wall += int64(d); c.mono += d }

// play sends n frames and checks what holds always: nothing is sent before its
// time, phase is that of the wall clock, timestamps rise.
func play(t *testing.T, s *schedule, c *clocks, n int) (at []time.Duration, frames []*media.Frame) {
	t.Helper()
	last := time.Duration(-1)
	if s.began {
		last = s.last
	}
	for range n {
		wait, ts := s.peek(c.wall, c.mono)
		for wait > 0 {
			c.pass(wait)
			wait, ts = s.peek(c.wall, c.mono)
		}
		f := s.loop.frames[s.next]
		late := (c.wall - int64(f.DTS)) % int64(s.loop.length)
		if late != int64(-wait) {
			t.Fatalf("frame %v sent at phase %v", time.Duration(f.DTS), time.Duration(c.wall%int64(s.loop.length)))
		}
		if ts <= last {
			t.Fatalf("timestamp %v after %v", ts, last)
		}
		last = ts
		at, frames = append(at, ts), append(frames, f)
		s.advance()
	}
	return at, frames
}

const epoch = 1763640000 * int64(time.Second) // a whole number of toy loops

func TestScheduleBeginsWithKeyFrameAndNeverDrifts(t *testing.T) {
	s, c := &schedule{loop: toy()}, &clocks{wall: epoch + 730e6}
	at, frames := play(t, s, c, 2000)
	if !frames[0].Key || frames[0].DTS != 1000e6 {
		t.Errorf("began at %v", time.Duration(frames[0].DTS))
	}
	for i, ts := range at {
		if want := time.Duration(i) * 100 * time.Millisecond; ts != want {
			t.Fatalf("frame %d has timestamp %v, want %v", i, ts, want)
		}
	}
	if s.jumps != 0 {
		t.Errorf("%d jumps", s.jumps)
	}
}

func TestScheduleCatchesUpAfterALateWake(t *testing.T) {
	s, c := &schedule{loop: toy()}, &clocks{wall: epoch}
	play(t, s, c, 7)
	c.pass(720 * time.Millisecond)
	at, frames := play(t, s, c, 9)
	if frames[0].DTS != 700e6 || at[0] != 700*time.Millisecond || s.jumps != 0 {
		t.Errorf("went on at %v, timestamp %v, %d jumps", time.Duration(frames[0].DTS), at[0], s.jumps)
	}
}

func TestScheduleSkipsToAKeyFrame(t *testing.T) {
	s, c := &schedule{loop: toy()}, &clocks{wall: epoch}
	play(t, s, c, 7)
	c.pass(time.Hour)
	at, frames := play(t, s, c, 30)
	if !frames[0].Key || s.jumps != 1 {
		t.Errorf("went on at %v, %d jumps", time.Duration(frames[0].DTS), s.jumps)
	}
	// Sent 600 ms after the beginning, slept 1 h, then the next key frame.
	if want := time.Hour + time.Second; at[0] != want {
		t.Errorf("timestamp %v, want %v", at[0], want)
	}
}

func TestScheduleFollowsAClockThatIsSet(t *testing.T) {
	for _, step := range []time.Duration{-time.Hour, time.Hour, -3 * time.Second} {
		s, c := &schedule{loop: toy()}, &clocks{wall: epoch + int64(24*time.Hour)}
		before, _ := play(t, s, c, 7)
		c.wall += int64(step)
		after, frames := play(t, s, c, 30)
		if gap := after[0] - before[6]; gap <= 0 || gap > 600*time.Millisecond {
			t.Errorf("step %v: timestamps go on after %v", step, gap)
		}
		if !frames[0].Key || s.jumps != 1 {
			t.Errorf("step %v: %d jumps", step, s.jumps)
		}
	}
}
