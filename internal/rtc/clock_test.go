package rtc

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"millrace/internal/media"
)

// emitter is a source of a simulated publisher: its RTP clock, and how long its
// packets are under way.
type emitter struct {
	clock *rtpClock
	every time.Duration
	drift float64 // of the RTP clock against true time
	first uint32  // timestamp of true time 0
	late  func() time.Duration
	shift time.Duration // of the RTP clock, as when it is set
	last  media.Time
	jumps int
}

// ticks is the timestamp of a true time.
func (e *emitter) ticks(at time.Duration) uint32 {
	local := float64(at+e.shift) * (1 + e.drift)
	return e.first + uint32(int64(math.Round(local*float64(e.clock.rate)/1e9)))
}

// emit sends what was captured at a true time, and checks what holds always.
func (e *emitter) emit(t testing.TB, at time.Duration) media.Time {
	t.Helper()
	got, jumped := e.clock.place(e.ticks(at), int64(at+e.late()))
	if jumped {
		e.jumps++
	}
	if e.last != 0 && got <= e.last {
		t.Fatalf("at %v time goes from %v to %v", at, e.last, got)
	}
	if d := time.Duration(got - e.last); e.last != 0 && !jumped && e.clock == e.clock.wall.lead {
		// Its packets follow each other to the sample, whatever the clocks do.
		if want := float64(e.every) * (1 + e.drift); math.Abs(float64(d)-want) > 1.1e9/float64(e.clock.rate) {
			t.Fatalf("at %v a step of %v between packets %v apart", at, d, e.every)
		}
	} else if e.last != 0 && !jumped {
		if off := d - e.every; off > e.every/slewShare+e.every/1000+time.Microsecond*50 || off < -e.every/slewShare-e.every/1000-time.Microsecond*50 {
			t.Fatalf("at %v a step of %v between pictures %v apart", at, d, e.every)
		}
	}
	e.last = got
	return got
}

// report tells what a sender report does. wrong is added to its wall clock.
func (e *emitter) report(at, wrong time.Duration) {
	const someDay = 1_790_000_000_000_000_000
	e.clock.report(someDay+int64(at+wrong), e.ticks(at))
}

func pairOf(late func() time.Duration) (video, audio *emitter) {
	wall := &wallClock{}
	video = &emitter{clock: &rtpClock{rate: 90000, wall: wall}, every: 40 * time.Millisecond, late: late, first: 4_000_000_000}
	audio = &emitter{clock: &rtpClock{rate: 48000, wall: wall}, every: 20 * time.Millisecond, late: late, first: 77}
	wall.lead = audio.clock
	return video, audio
}

// apart is how far video and audio of one true time are from each other now.
func apart(v, a *emitter, at time.Duration) time.Duration {
	d := v.clock.time(v.ticks(at)) - a.clock.time(a.ticks(at))
	return time.Duration(max(d, -d))
}

// Half an hour of two clocks that drift, through several wraps of 32 bits.
func TestClocksStayInStep(t *testing.T) {
	for _, drift := range [][2]float64{{200e-6, -200e-6}, {-200e-6, 200e-6}, {0, 200e-6}} {
		dice := rand.New(rand.NewPCG(1, 2))
		v, a := pairOf(func() time.Duration { return time.Duration(dice.ExpFloat64() * float64(8*time.Millisecond)) })
		v.drift, a.drift = drift[0], drift[1]
		for at := time.Second; at < 30*time.Minute; at += 20 * time.Millisecond {
			a.emit(t, at)
			if at%(40*time.Millisecond) == 0 {
				v.emit(t, at)
			}
			if at%time.Second == 0 {
				a.report(at, 0)
			}
			if at%time.Second == 500*time.Millisecond {
				v.report(at, 0)
			}
			if d := apart(v, a, at); at > 5*time.Second && d > 2*time.Millisecond {
				t.Fatalf("drift %v: %v apart at %v", drift, d, at)
			}
		}
		if v.jumps+a.jumps != 0 {
			t.Fatalf("drift %v: %d jumps", drift, v.jumps+a.jumps)
		}
	}
}

// Before any report what arrives early keeps them in step.
func TestClocksBeforeReports(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dice := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		// No later than what three seconds of slewing make good.
		late := func(mean time.Duration) func() time.Duration {
			return func() time.Duration { return min(time.Duration(dice.ExpFloat64()*float64(mean)), 120*time.Millisecond) }
		}
		v, a := pairOf(late(15 * time.Millisecond))
		v.late = late(25 * time.Millisecond)
		v.first, a.first = uint32(dice.Uint64()), uint32(dice.Uint64())
		for at := time.Second; at < 6*time.Second; at += 20 * time.Millisecond {
			a.emit(t, at)
			if at%(40*time.Millisecond) == 0 {
				v.emit(t, at)
			}
			if d := apart(v, a, at); at > 4*time.Second && d > 40*time.Millisecond {
				rt.Fatalf("%v apart at %v", d, at)
			}
		}
	})
}

// A report that comes late corrects what arrival got wrong, by slewing.
func TestClockLateReport(t *testing.T) {
	v, a := pairOf(func() time.Duration { return 0 })
	v.late = func() time.Duration { return 300 * time.Millisecond } // an encoder's delay
	for at := time.Second; at < 30*time.Second; at += 20 * time.Millisecond {
		a.emit(t, at)
		if at%(40*time.Millisecond) == 0 {
			v.emit(t, at)
		}
		if at >= 10*time.Second && at%time.Second == 0 {
			a.report(at, 0)
			v.report(at, 0)
		}
		d := apart(v, a, at)
		if at < 10*time.Second && at > 2*time.Second && d != 300*time.Millisecond || at > 18*time.Second && d > time.Millisecond {
			t.Fatalf("%v apart at %v", d, at)
		}
	}
}

// A report that is wrong changes nothing; one wall clock that is set is followed.
func TestClockWrongReports(t *testing.T) {
	v, a := pairOf(func() time.Duration { return 0 })
	wrong := time.Duration(0)
	for at := time.Second; at < 60*time.Second; at += 20 * time.Millisecond {
		a.emit(t, at)
		if at%(40*time.Millisecond) == 0 {
			v.emit(t, at)
		}
		if at%time.Second == 0 {
			switch at {
			case 20 * time.Second:
				v.report(at, time.Hour)
			case 30 * time.Second:
				wrong = -3 * time.Hour // the publisher's clock is set
				fallthrough
			default:
				v.report(at, wrong)
			}
			a.report(at, wrong)
		}
		if d := apart(v, a, at); d > time.Millisecond {
			t.Fatalf("%v apart at %v", d, at)
		}
	}
	if v.clock.wall.generation != 1 {
		t.Fatalf("the wall clock was taken anew %d times", v.clock.wall.generation)
	}
}

// An RTP clock that is set, or stands still, goes on from where it was.
func TestClockJumps(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour, 3 * time.Second, -3 * time.Second} {
		v, a := pairOf(func() time.Duration { return 0 })
		for at := time.Second; at < 30*time.Second; at += 20 * time.Millisecond {
			if at == 10*time.Second {
				v.shift += by
			}
			a.emit(t, at)
			if at%(40*time.Millisecond) == 0 {
				v.emit(t, at)
			}
			if d := apart(v, a, at); at > 12*time.Second && d > 2*time.Millisecond {
				t.Fatalf("%v: %v apart at %v", by, d, at)
			}
		}
		if v.jumps != 1 || a.jumps != 0 {
			t.Fatalf("%v: %d and %d jumps", by, v.jumps, a.jumps)
		}
	}
}

// A network that holds everything for two seconds and then lets it go is no jump.
func TestClockBurst(t *testing.T) {
	v, _ := pairOf(nil)
	now := time.Duration(0)
	v.late = func() time.Duration { return max(0, 12*time.Second-now) }
	for now = time.Second; now < 20*time.Second; now += v.every {
		if now < 10*time.Second {
			v.late = func() time.Duration { return 0 }
		} else {
			v.late = func() time.Duration { return max(0, 12*time.Second-now) }
		}
		v.emit(t, now)
	}
	if v.jumps != 0 {
		t.Fatalf("%d jumps", v.jumps)
	}
}
