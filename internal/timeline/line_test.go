package timeline

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"millrace/internal/media"
)

const ms = media.Time(time.Millisecond)

func TestLine(t *testing.T) {
	const v, a = media.Video, media.Audio
	type step struct {
		kind media.Kind
		ms   uint32
		wall int // ms since the first frame
		want int64
		done Correction
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"as it is", []step{{v, 100, 0, 100, None}, {a, 90, 0, 90, None}, {v, 140, 40, 140, None}, {a, 113, 40, 113, None}}},
		{"faster than the clock", []step{{v, 0, 0, 0, None}, {v, 5000, 1, 5000, None}, {v, 14_000, 2, 14_000, None}}},
		{"32 bits wrap", []step{{v, 0xfffffff0, 0, 0xfffffff0, None}, {a, 0xfffffff8, 10, 0xfffffff8, None}, {v, 24, 40, 0x100000018, None}, {a, 15, 41, 0x10000000f, None}}},
		{"small step back is held", []step{{v, 1000, 0, 1000, None}, {v, 900, 40, 1000, Held}, {v, 1040, 80, 1040, None}}},
		{"step back of seconds", []step{{v, 9000, 0, 9000, None}, {a, 9010, 10, 9010, None}, {v, 6040, 40, 9040, Jumped}, {a, 6033, 41, 9033, Jumped}, {v, 6080, 80, 9080, None}}},
		{"a track that begins behind the other", []step{{v, 9000, 0, 9000, None}, {a, 6000, 0, 6000, None}, {a, 6023, 1, 6023, None}}},
		{"stall, then all at once", []step{{v, 0, 0, 0, None}, {v, 40, 14_000, 40, None}, {v, 80, 14_000, 80, None}, {v, 14_000, 14_001, 14_000, None}}},
		{"pause with its time", []step{{v, 0, 0, 0, None}, {v, 14_000, 14_000, 14_000, None}}},
		{"jump ahead, both tracks", []step{
			{v, 0, 0, 0, None}, {a, 10, 10, 10, None},
			{v, 3_600_040, 40, 40, Jumped}, {a, 33, 41, 33, None}, {a, 3_600_056, 56, 56, Jumped}, {v, 3_600_080, 80, 80, None}, {a, 3_600_079, 81, 79, None},
		}},
		{"jump back, both tracks", []step{
			{v, 3_600_000, 0, 3_600_000, None}, {a, 3_600_010, 10, 3_600_010, None},
			{v, 0, 40, 3_600_040, Jumped}, {a, 16, 50, 3_600_056, Jumped}, {v, 40, 80, 3_600_080, None},
		}},
		{"scales of their own", []step{{a, 5, 0, 5, None}, {v, 90_000_000, 10, 15, Jumped}, {a, 28, 23, 28, None}, {v, 90_000_040, 50, 55, None}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, clock := Line{}, Unroller{Bits: 32}
			start := time.Unix(1, 0)
			for i, s := range c.steps {
				got, done := l.Place(s.kind, media.Time(clock.Place(int64(s.ms)))*ms, start.Add(time.Duration(s.wall)*time.Millisecond))
				if got != media.Time(s.want)*ms || done != s.done {
					t.Errorf("step %d: got %d ms, %q; want %d, %q", i, got.Millis(), done, s.want, s.done)
				}
			}
		})
	}
}

// source is a publisher: what it captures at true times it stamps with its own
// clock, in some unit and width, and sends after some delay.
type source struct {
	rate  int64 // of timestamps, Hz
	bits  int
	drift float64 // of its clock against ours
	base  media.Time
}

func (s *source) stamp(at media.Time) int64 {
	own := s.base + at + media.Time(float64(at)*s.drift)
	return own.Units(s.rate) & (1<<s.bits - 1)
}

// inStep is what sound and picture may be apart (EBU R37 asks for 40 ms).
const inStep = 40 * ms

// run plays a day of a source and holds what comes out against what must be.
type run struct {
	t           rapid.TB
	line        Line
	clock       Unroller
	last        [2]media.Time
	seen        [2]bool
	lead        [2]media.Time // out - true time
	corrections int
}

func newRun(t rapid.TB, s *source) *run { return &run{t: t, clock: Unroller{Bits: s.bits}} }

// take places a frame that was captured at and came delay later.
func (r *run) take(s *source, kind media.Kind, at, delay media.Time) {
	raw := media.FromUnits(r.clock.Place(s.stamp(at)), s.rate)
	out, c := r.line.Place(kind, raw, time.Unix(1, 0).Add(time.Duration(at+delay)))
	if r.seen[kind] && out < r.last[kind] {
		r.t.Fatalf("%s runs back from %d to %d ms", kind, r.last[kind].Millis(), out.Millis())
	}
	if c != None {
		r.corrections++
	}
	r.last[kind], r.seen[kind] = out, true
	r.lead[kind] = out - at
}

// apart is how far sound and picture are from being in step.
func (r *run) apart() media.Time {
	if !r.seen[media.Video] || !r.seen[media.Audio] {
		return 0
	}
	d := r.lead[media.Video] - r.lead[media.Audio]
	return max(d, -d)
}

// Twenty-six hours, over all that wraps around, with a clock that drifts, at a
// variable frame rate: nothing is corrected, and nothing gets out of step.
func TestADayAndTwoHours(t *testing.T) {
	for name, s := range map[string]*source{
		"RTMP, over 32 bits": {rate: 1000, bits: 32, drift: 200e-6, base: (1<<32 - 3_600_000) * ms},
		"TS, over 33 bits":   {rate: 90000, bits: 33, drift: -200e-6, base: media.FromUnits(1<<33-90000*3600, 90000)},
	} {
		t.Run(name, func(t *testing.T) {
			const day = media.Time(26 * time.Hour)
			r := newRun(t, s)
			gaps := []media.Time{33 * ms, 50 * ms, 400 * ms, 2000 * ms, 33 * ms}
			sound, turn := media.Time(0), 0
			// Sound begins three seconds before the picture.
			for at := 3000 * ms; at < day; at += gaps[turn%len(gaps)] {
				for ; sound <= at; sound += 480 * ms { // as many frames at once
					r.take(s, media.Audio, sound, 30*ms)
				}
				r.take(s, media.Video, at, media.Time(turn%7)*20*ms)
				turn++
				if d := r.apart(); d > inStep+media.Time(float64(480*ms)*200e-6) {
					t.Fatalf("%v in: %v apart", time.Duration(at), time.Duration(d))
				}
			}
			if r.corrections != 0 {
				t.Errorf("%d corrections", r.corrections)
			}
		})
	}
}

// Whatever the clock does, times only grow, sound and picture are in step once
// both have come over a jump, and there is a correction for each jump and track.
func TestJumpsAreCorrectedAndCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &source{
			rate: 1000, bits: 32,
			drift: rapid.Float64Range(-300e-6, 300e-6).Draw(t, "drift"), base: media.Time(rapid.Int64Range(0, 1<<33).Draw(t, "base")) * ms,
		}
		if rapid.Bool().Draw(t, "TS") {
			s.rate, s.bits = 90000, 33
		}
		r := newRun(t, s)
		at := media.Time(0)
		lead := media.Time(rapid.Int64Range(0, 8000).Draw(t, "lead")) * ms // of the sound
		for jumps := 0; jumps < 5; jumps++ {
			for n := rapid.IntRange(3, 30).Draw(t, "frames"); n > 0; n-- {
				at += media.Time(rapid.Int64Range(1, 200).Draw(t, "gap")) * ms
				r.take(s, media.Audio, at, media.Time(rapid.Int64Range(0, 30).Draw(t, "delay"))*ms)
				if at >= lead {
					r.take(s, media.Video, at+5*ms, 0)
				}
				if d := r.apart(); d > inStep {
					t.Fatalf("%v apart", time.Duration(d))
				}
			}
			if r.corrections > 2*jumps {
				t.Fatalf("%d corrections after %d jumps", r.corrections, jumps)
			}
			before := r.corrections
			far := media.Time(rapid.Int64Range(15_000, 40_000_000).Draw(t, "jump")) * ms
			if rapid.Bool().Draw(t, "back") {
				far = -far
			}
			s.base += far
			at += 20 * ms
			r.take(s, media.Audio, at, 0)
			if r.corrections != before+1 {
				t.Fatalf("a jump by %v is not counted", time.Duration(far))
			}
			if r.seen[media.Video] {
				r.take(s, media.Video, at, 0)
				if r.corrections != before+2 {
					t.Fatalf("a jump by %v of the picture is not counted", time.Duration(far))
				}
			}
		}
	})
}

func FuzzLine(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 1, 1, 0xff, 0xff, 0xff, 0xf0, 0, 0, 0, 0, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		l, clock := Line{}, Unroller{Bits: 32}
		var last [2]media.Time
		var seen [2]bool
		now := time.Unix(1, 0)
		for ; len(b) >= 6; b = b[6:] {
			kind := media.Kind(b[0] & 1)
			now = now.Add(time.Duration(b[1]) * time.Millisecond)
			stamp := int64(b[2])<<24 | int64(b[3])<<16 | int64(b[4])<<8 | int64(b[5])
			at, _ := l.Place(kind, media.Time(clock.Place(stamp))*ms, now)
			if seen[kind] && at < last[kind] {
				t.Fatalf("%v runs back from %d to %d", kind, last[kind], at)
			}
			if seen[kind] && at-last[kind] > jumpLimit+media.Time(2*time.Hour) {
				t.Fatalf("%v goes from %d to %d", kind, last[kind], at)
			}
			seen[kind], last[kind] = true, at
		}
	})
}

func TestUnrollerIsNearest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.IntRange(8, 48).Draw(t, "bits")
		u, at := Unroller{Bits: bits}, rapid.Int64Range(0, 1<<bits-1).Draw(t, "start")
		if got := u.Place(at); got != at {
			t.Fatalf("begins at %d, not %d", got, at)
		}
		for range 20 {
			at += rapid.Int64Range(-(1<<(bits-1))+1, 1<<(bits-1)-1).Draw(t, "step")
			if got := u.Place(at & (1<<bits - 1)); got != at {
				t.Fatalf("%d becomes %d", at, got)
			}
		}
	})
}
