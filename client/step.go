package client

import (
	"cmp"
	"slices"
	"time"

	"millrace/internal/media"
)

const (
	// reportWait is how long the first access units wait for sender reports,
	// which come each second: without them nobody knows how sound and pictures
	// belong together.
	reportWait = 1200 * time.Millisecond
	// otherWait is how long they wait for the other medium to begin.
	otherWait = time.Second
)

// step puts the access units of one connection onto one scale, and holds the
// first ones until it is known.
type step struct {
	expects [2]bool // what the answer sends
	// origin is the wall clock at time 0 of a lane, by the server's first
	// report on it. It stays: later ones repeat it with the noise of clocks.
	origin [2]int64
	known  [2]bool
	first  [2]bool // units have come
	since  time.Time
	held   []unit
	going  bool
}

// unit is a frame on its way out.
type unit struct {
	frame  *media.Frame
	broken bool
	wall   int64 // its DTS on the wall clock
}

// report takes a sender report: at wall, in Unix ns, it was at on a lane.
func (s *step) report(k media.Kind, wall int64, at media.Time) {
	if !s.known[k] {
		s.origin[k], s.known[k] = wall-int64(at), true
	}
}

// take takes a unit and returns those that may go out.
func (s *step) take(u unit, now time.Time) []unit {
	if len(s.held) == 0 && !s.going {
		s.since = now
	}
	k := u.frame.Track.Kind
	s.first[k] = true
	s.held = append(s.held, u)
	return s.release(now)
}

// release returns the units that may go out, placed on the wall clock.
func (s *step) release(now time.Time) []unit {
	if len(s.held) == 0 || !s.going && !s.ready(now) {
		return nil
	}
	s.going = true
	out := s.held
	s.held = nil
	for i := range out {
		f := out[i].frame
		k := f.Track.Kind
		if !s.known[k] { // it began late, or nobody reports
			s.origin[k], s.known[k] = f.Arrived-int64(f.DTS), true
		}
		out[i].wall = s.origin[k] + int64(f.DTS)
	}
	slices.SortStableFunc(out, func(a, b unit) int { return cmp.Compare(a.wall, b.wall) })
	return out
}

func (s *step) ready(now time.Time) bool {
	waited := now.Sub(s.since)
	if !s.expects[media.Video] || !s.expects[media.Audio] {
		return true
	}
	for k := range s.expects {
		if !s.first[k] && waited < otherWait || s.first[k] && !s.known[k] && waited < reportWait {
			return false
		}
	}
	return true
}
