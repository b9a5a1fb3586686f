package timeline

import (
	"time"

	"millrace/internal/media"
)

// jumpLimit is how far a track's clock may step back, or forward beyond the time
// that has passed. A step that is too small is none: after a stall the frames
// that it held up come at once, with the times that they were captured at; and
// one that makes up for such a stall is none either.
const jumpLimit = media.Time(10 * time.Second)

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

// Place returns the decode time for a frame of a kind that arrived at now with
// the unrolled time raw, and whether its clock jumped. Times of one kind never
// run backwards.
func (l *Line) Place(kind media.Kind, raw media.Time, now time.Time) (dts media.Time, jumped bool) {
	t, other := &l.tracks[kind], &l.tracks[1-kind]
	base := t
	if !t.started {
		base = other
	}
	if !base.started {
		*t = track{started: true, out: raw, arrived: now, wall: now, media: raw}
		return raw, false
	}
	shift := base.shift
	elapsed := max(media.Time(now.Sub(base.arrived)), 0)
	step := raw + shift - base.out
	if step < -jumpLimit || step > jumpLimit+max(elapsed, base.behind(now)) {
		jumped = true
		shift = base.out + elapsed - raw
		if other.started && within(other.shift-shift, sameJump) {
			shift = other.shift
		}
	}
	out := raw + shift
	if t.started {
		out = max(out, t.out)
	}
	if jumped || !t.started {
		t.wall, t.media = now, out
	}
	t.started, t.shift, t.out, t.arrived = true, shift, out, now
	return out, jumped
}

func within(d, limit media.Time) bool { return -limit <= d && d <= limit }
