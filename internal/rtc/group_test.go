package rtc

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"millrace/internal/media"
)

// metronome feeds a rhythm pictures of three packets.
type metronome struct {
	rhythm
	seq int64
	at  time.Duration
}

func (m *metronome) picture(late time.Duration, lost ...int) {
	for i := range 3 {
		m.seq++
		if len(lost) > 0 && lost[0] == i {
			continue
		}
		m.see(&media.Packet{
			Seq: m.seq, Time: media.Time(m.at), Arrived: int64(time.Hour + m.at + late), Start: i == 0 || len(lost) > 0 && lost[0] == 0 && i == 1,
		})
	}
	m.at += pictureEvery
}

func newMetronome() *metronome { return &metronome{rhythm: rhythm{even: true}} }

// What strays little and loses nothing is even, however long it runs and
// whatever its clock does; more makes it uneven at once and for a while.
func TestRhythm(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	m := newMetronome()
	drift := time.Duration(0)
	for range 3000 { // two minutes of a clock that drifts by 200 ppm
		drift += pictureEvery / 5000
		m.picture(time.Duration(rnd.Int64N(evenSpread)) + drift)
		if !m.even {
			t.Fatalf("uneven at %v", m.at)
		}
	}
	recovers := func(what string) {
		t.Helper()
		if m.even {
			t.Fatalf("even in spite of %s", what)
		}
		from := m.at
		for !m.even {
			if m.picture(drift); m.at-from > 10*time.Second {
				t.Fatalf("uneven long after %s", what)
			}
		}
		if m.at-from < 2*time.Second {
			t.Fatalf("even %v after %s", m.at-from, what)
		}
	}
	m.picture(drift + time.Duration(unevenSpread) + 5*time.Millisecond)
	recovers("a late picture")
	for range 100 {
		m.picture(drift)
	}
	m.picture(drift, 1)
	if !m.even {
		t.Fatal("one loss makes it uneven")
	}
	m.picture(drift, 0)
	recovers("two losses")
	// Another publisher, of another delay, is no unevenness.
	for range 100 {
		m.picture(drift)
	}
	drift += time.Second
	m.see(&media.Packet{Seq: m.seq + 1, Time: media.Time(m.at), Arrived: int64(time.Hour + m.at + drift), Start: true, Discontinuity: true})
	m.seq++
	for range 100 {
		m.at += pictureEvery
		if m.picture(drift); !m.even {
			t.Fatal("uneven after a change of publisher")
		}
	}
}

// Between the two bounds nothing changes.
func TestRhythmDoesNotFlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMetronome()
		m.even = rapid.Bool().Draw(t, "even")
		spread := rapid.Int64Range(evenSpread+1, unevenSpread-1).Draw(t, "spread")
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		was := m.even
		for i := range 1000 {
			late := rnd.Int64N(spread + 1)
			if i%10 == 0 { // every window sees both ends
				late = int64(i/10%2) * spread
			}
			if m.picture(time.Duration(late)); m.even != was && m.at > 3*time.Second {
				t.Fatalf("it changes at %v", m.at)
			}
		}
	})
}

// The capture clock moves smoothly, and follows a drift.
func TestCaptureClock(t *testing.T) {
	const start = int64(1e18)
	g := &group{}
	now := start
	offset := start - int64(time.Hour)
	step := func(kind media.Kind, off int64) int64 {
		was := g.offset
		now += int64(pictureEvery)
		at := now - off
		g.follow(&media.Packet{Kind: kind, Time: media.Time(at), Composition: 5, Capture: at + off + 5}, now)
		return g.offset - was
	}
	if step(media.Video, offset); g.offset != offset {
		t.Fatalf("it begins with %d, want %d", g.offset, offset)
	}
	const most = int64(pictureEvery) / clockSlew
	for range 100 { // the estimate jitters by a millisecond
		for _, off := range []int64{offset + 1e6, offset - 1e6} {
			if moved := step(media.Video, off); moved > most || moved < -most {
				t.Fatalf("it jumps by %v", time.Duration(moved))
			}
		}
	}
	if d := g.offset - offset; d > 1e6 || d < -1e6 {
		t.Fatalf("it is off by %v", time.Duration(d))
	}
	drifted := offset
	for range 25 * 60 { // a minute at 200 ppm
		drifted += int64(pictureEvery) / 5000
		step(media.Video, drifted)
	}
	if d := g.offset - drifted; d > 1e6 || d < -1e6 {
		t.Fatalf("it is %v behind a drift", time.Duration(d))
	}
	if step(media.Audio, drifted+20e6) != 0 {
		t.Fatal("sound moves it while there are pictures")
	}
	if step(media.Video, drifted+int64(time.Minute)); g.offset != drifted+int64(time.Minute) {
		t.Fatal("another clock is not taken over at once")
	}
	was := g.offset
	if g.follow(&media.Packet{Kind: media.Video}, now); g.offset != was {
		t.Fatal("a packet without capture time moves it")
	}
	now += int64(3 * time.Second)
	if step(media.Audio, was+20e6) == 0 {
		t.Fatal("sound alone does not move it")
	}
}
