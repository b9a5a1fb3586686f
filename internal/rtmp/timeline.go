package rtmp

import (
	"time"

	"millrace/internal/media"
)

// jumpLimit is how far a track's clock may step back, or forward beyond the time
// that has passed. A step that is too small is none: after a stall the frames
// that it held up come at once, with the times that they were captured at; and
// one that makes up for such a stall is none either.
const jumpLimit = 10 * time.Second

// sameJump is how well one track's shift must fit another track to be taken for
// the same jump.
const sameJump = time.Second

// timeline turns RTMP timestamps into decode times: it unrolls their 32 bits,
// holds steps backwards, and moves the scale where a track's clock jumps.
type timeline struct{ tracks [2]trackClock }

// trackClock is one kind's state. raw is unrolled; out = raw + shift.
type trackClock struct {
	started bool
	raw     int64 // ms
	shift   int64 // ms
	out     int64 // ms
	arrived time.Time
	// wall and media are when and where the scale was placed last.
	wall  time.Time
	media int64 // ms
}

// behind is how much less media than wall time has gone by until now.
func (c *trackClock) behind(now time.Time) int64 {
	return now.Sub(c.wall).Milliseconds() - (c.out - c.media)
}

// place returns the decode time for a timestamp of a kind that arrived at now,
// and whether its clock jumped.
func (t *timeline) place(kind media.Kind, ms uint32, now time.Time) (dts media.Time, jumped bool) {
	c, other := &t.tracks[kind], &t.tracks[1-kind]
	base := c
	if !c.started {
		base = other
	}
	if !base.started {
		*c = trackClock{started: true, raw: int64(ms), out: int64(ms), arrived: now, wall: now, media: int64(ms)}
		return media.Time(c.out) * 1e6, false
	}
	raw := base.raw + int64(int32(ms-uint32(base.raw)))
	shift := base.shift
	elapsed := max(now.Sub(base.arrived).Milliseconds(), 0)
	step := raw + shift - base.out
	if limit := jumpLimit.Milliseconds(); step < -limit || step > limit+max(elapsed, base.behind(now)) {
		jumped = true
		shift = base.out + elapsed - raw
		if other.started && within(other.shift-shift, sameJump) {
			shift = other.shift
		}
	}
	out := raw + shift
	if c.started {
		out = max(out, c.out)
	}
	if jumped || !c.started {
		c.wall, c.media = now, out
	}
	c.started, c.raw, c.shift, c.out, c.arrived = true, raw, shift, out, now
	return media.Time(out) * 1e6, jumped
}

func within(ms int64, limit time.Duration) bool {
	return -limit.Milliseconds() <= ms && ms <= limit.Milliseconds()
}
