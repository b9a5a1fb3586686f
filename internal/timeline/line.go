package timeline

import (
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// jumpLimit is how far a track's clock may step forward beyond the time that has
// passed, and how far a track may begin before or behind the other one. A step
// that is too small is none: after a stall the frames that it held up come at
// once, with the times that they were captured at; and one that makes up for
// such a stall is none either.
const jumpLimit = media.Time(10 * time.Second)

// holdLimit is how far a track's clock may step back and be waited for.
const holdLimit = media.Time(time.Second)

// sameJump is how well one track's shift must fit another track to be taken for
// the same jump.
const sameJump = media.Time(time.Second)

// Line turns the decode times of a publisher's two tracks into times without
// jumps. The zero value is ready.
type Line struct{ tracks [2]track }

// track is one kind's state. out = raw + shift.
type track struct {
	started bool
	shift   media.Time
	out     media.Time
	arrived time.Time
	// wall and media are when and where the scale was placed last.
	wall  time.Time
	media media.Time
}

// behind is how much less media than wall time has gone by until now.
func (t *track) behind(now time.Time) media.Time {
	return media.Time(now.Sub(t.wall)) - (t.out - t.media)
}

// Correction is what was done to a frame's time, "" for nothing.
type Correction reason.Reason

// The corrections.
const (
	None   Correction = ""
	Held              = Correction(reason.TimestampHeld) // it is that of the frame before
	Jumped            = Correction(reason.TimestampJump) // the scale was moved
)

// Place returns the decode time for a frame of a kind that arrived at now with
// the unrolled time raw, and how its clock was corrected. Times of one kind never
// run backwards, and the two kinds stay in step over jumps of both clocks.
func (l *Line) Place(kind media.Kind, raw media.Time, now time.Time) (dts media.Time, c Correction) {
	t, other := &l.tracks[kind], &l.tracks[1-kind]
	base := t
	if !t.started {
		base = other
	}
	if !base.started {
		*t = track{started: true, out: raw, arrived: now, wall: now, media: raw}
		return raw, None
	}
	shift := base.shift
	elapsed := max(media.Time(now.Sub(base.arrived)), 0)
	step := raw + shift - base.out
	back := jumpLimit
	if t.started {
		back = holdLimit
	}
	if step < -back || step > jumpLimit+max(elapsed, base.behind(now)) {
		c = Jumped
		shift = base.out + elapsed - raw
		if other.started && within(other.shift-shift, sameJump) {
			shift = other.shift
		}
	}
	out := raw + shift
	if t.started && out < t.out {
		out = t.out
		if c == None {
			c = Held
		}
	}
	if c == Jumped || !t.started {
		t.wall, t.media = now, out
	}
	t.started, t.shift, t.out, t.arrived = true, shift, out, now
	return out, c
}

func within(d, limit media.Time) bool { return -limit <= d && d <= limit }
