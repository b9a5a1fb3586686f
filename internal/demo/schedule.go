package demo

import "time"

// How far the schedule may be off before it gives up the present position.
const (
	maxLate  = time.Second     // a group of pictures: less is caught up with, at once
	maxEarly = 2 * time.Second // no wait is longer than a group: the clock was set back
)

// schedule says what is sent when: the frame of the loop at t is due whenever
// the wall clock reads t modulo the loop's length. Timestamps follow the wall
// clock, without a drift, and never run backwards, even when it is set.
//
// Wall times are nanoseconds since the Unix epoch; mono is the monotonic time
// since an arbitrary point.
type schedule struct {
	loop *Loop

	round  int64         // wall time at which the present round began
	next   int           // index of the next frame
	origin int64         // wall time of timestamp 0
	zero   time.Duration // mono of timestamp 0
	last   time.Duration // timestamp of the newest frame that was sent
	began  bool
	jumps  int
}

func (s *schedule) due() int64 { return s.round + int64(s.loop.frames[s.next].DTS) }

// peek returns how long to wait for the next frame, at most 0 when it is due,
// and the timestamp to send it with. Call it again after the wait: the clock
// may have been set, or the wait may have taken longer.
func (s *schedule) peek(wall int64, mono time.Duration) (wait, at time.Duration) {
	late := time.Duration(wall - s.due())
	if !s.began || late > maxLate || late < -maxEarly {
		s.lock(wall, mono)
	}
	return time.Duration(s.due() - wall), time.Duration(s.due() - s.origin)
}

// advance goes on to the frame after the one that was sent.
func (s *schedule) advance() {
	s.last = time.Duration(s.due() - s.origin)
	s.next++
	if s.next == len(s.loop.frames) {
		s.next = 0
		s.round += int64(s.loop.length)
	}
}

// lock goes to the next key frame, whose timestamp is what a clock that was
// never set would say.
func (s *schedule) lock(wall int64, mono time.Duration) {
	s.round = wall - wall%int64(s.loop.length)
	s.next = s.loop.keys[0]
	for _, k := range s.loop.keys {
		if s.next = k; s.due() >= wall {
			break
		}
	}
	if s.due() < wall {
		s.round += int64(s.loop.length)
		s.next = s.loop.keys[0]
	}
	at := mono + time.Duration(s.due()-wall) // of the key frame, by the monotonic clock
	if !s.began {
		s.began = true
		s.zero = at
		s.origin = s.due()
		return
	}
	s.jumps++
	s.origin = s.due() - int64(max(at-s.zero, s.last+time.Millisecond))
}
