package rtc

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"pgregory.net/rapid"
)

// fataler is a test, of rapid or not.
type fataler interface{ Fatal(...any) }

// road is a network with one narrow place, in time of its own. What is sent
// over it is told of as Chromium does.
type road struct {
	t        fataler
	l        *link
	now      int64 // ns
	rate     float64
	way      int64 // ns, one way
	queue    int   // bytes that it holds
	loss     float64
	jitter   int64 // ns, most
	free     int64 // when the narrow place has sent all
	wide     uint16
	recorder *twcc.Recorder
	coming   []coming // arrivals at the viewer
	back     []coming // feedback to us
	next     int64    // when the viewer tells next
	rand     *rand.Rand
	got      int   // bytes that the viewer got
	clock    int64 // of the viewer at our epoch, ns
	epoch    int64
}

type coming struct {
	at   int64
	wide uint16
	size int
	b    []byte
}

func newRoad(t fataler, rate float64, way time.Duration) *road {
	return &road{
		t: t, l: &link{}, now: 1e18, epoch: 1e18, rate: rate, way: int64(way), queue: 150_000,
		recorder: twcc.NewRecorder(1), rand: rand.New(rand.NewPCG(1, 2)), clock: 77_000_000_000,
	}
}

// send puts a run of n packets on the road.
func (r *road) send(n, size int) {
	r.l.note(r.wide, n, n*size, r.now)
	r.put(n, size)
}

// put is send for a run that is noted already.
func (r *road) put(n, size int) {
	for range n {
		number := r.wide
		r.wide++
		r.free = max(r.free, r.now)
		if waits := float64(r.free-r.now) * r.rate / 8e9; int(waits)+size > r.queue || r.rand.Float64() < r.loss {
			continue
		}
		r.free += int64(float64(size) * 8e9 / r.rate)
		at := r.free + r.way
		if r.jitter > 0 {
			at += r.rand.Int64N(r.jitter)
		}
		if n := len(r.coming); n > 0 {
			at = max(at, r.coming[n-1].at)
		}
		r.coming = append(r.coming, coming{at: at, wide: number, size: size})
	}
}

// pass lets time pass.
func (r *road) pass(d time.Duration) {
	const step = int64(time.Millisecond)
	for end := r.now + int64(d); r.now < end; r.now += step {
		for len(r.coming) > 0 && r.coming[0].at <= r.now {
			c := r.coming[0]
			r.coming = r.coming[1:]
			r.got += c.size
			r.recorder.Record(2, c.wide, (c.at-r.epoch+r.clock)/1000)
		}
		if r.next <= r.now {
			r.next = r.now + 100*step
			for _, p := range r.recorder.BuildFeedbackPacket() {
				b, err := p.Marshal()
				if err != nil {
					r.t.Fatal(err)
				}
				r.back = append(r.back, coming{at: r.now + r.way, b: b})
			}
		}
		for len(r.back) > 0 && r.back[0].at <= r.now {
			if !r.l.told(r.back[0].b, r.now) {
				r.t.Fatal("a feedback is not understood")
			}
			r.back = r.back[1:]
		}
	}
}

// film sends a stream of some rate in one go per picture, with a key frame of
// eight times the size each second.
func (r *road) film(rate float64, d time.Duration) {
	for i := range int(d / (40 * time.Millisecond)) {
		size := rate / 25 / 8
		if i%25 == 0 {
			size *= 6
		}
		n := max(1, int(size/1200))
		for ; n > 50; n -= 50 {
			r.send(50, min(1200, int(size)))
		}
		r.send(n, min(1200, int(size)))
		r.pass(40 * time.Millisecond)
	}
}

func near(got, want, share float64) bool { return math.Abs(got-want) <= share*want }

// A link that the stream fits into is measured by the stream's own pictures.
func TestLinkMeasures(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := float64(rapid.IntRange(1_500, 20_000).Draw(t, "rate")) * 1000
		share := rapid.Float64Range(0.3, 0.7).Draw(t, "share")
		way := time.Duration(rapid.IntRange(1, 150).Draw(t, "way")) * time.Millisecond
		r := newRoad(t, rate, way)
		r.queue = 1 << 20
		r.jitter = int64(rapid.IntRange(0, 1).Draw(t, "jitter")) * int64(time.Millisecond)
		r.loss = float64(rapid.IntRange(0, 5).Draw(t, "loss")) / 100
		r.film(share*rate, 4*time.Second)
		if got := r.l.estimate(); !near(got, rate, 0.35) {
			t.Fatalf("%.2f Mbit/s measured as %.2f", rate/1e6, got/1e6)
		}
		if r.l.overused(r.now) {
			t.Fatalf("a link of %.1f Mbit/s counts as overused by %.1f: %+v", rate/1e6, share*rate/1e6, r.l)
		}
	})
}

// A link that becomes narrower than the stream is noticed, and measured.
func TestLinkNarrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRoad(t, 5e6, time.Duration(rapid.IntRange(1, 100).Draw(t, "way"))*time.Millisecond)
		r.queue = rapid.IntRange(8_000, 300_000).Draw(t, "queue")
		r.film(2.5e6, 3*time.Second)
		r.rate = float64(rapid.IntRange(300, 1_800).Draw(t, "rate")) * 1000
		r.film(2.5e6, 800*time.Millisecond)
		if got := r.l.estimate(); !near(got, r.rate, 0.3) {
			t.Fatalf("%.2f Mbit/s measured as %.2f", r.rate/1e6, got/1e6)
		}
		if r.queue > 30_000 && !r.l.overused(r.now) {
			t.Fatalf("it does not count as overused: %+v", r.l)
		}
	})
}

// A longer way is no queue, and no reason to send less for long.
func TestLinkWayChanges(t *testing.T) {
	r := newRoad(t, 20e6, 10*time.Millisecond)
	r.film(2.5e6, 3*time.Second)
	r.way = int64(80 * time.Millisecond)
	r.film(2.5e6, time.Second)
	if r.l.estimate() < 10e6 || r.l.overused(r.now) {
		t.Fatalf("%.2f Mbit/s, overused %v", r.l.estimate()/1e6, r.l.overused(r.now))
	}
}

// Loss by chance is no limit.
func TestLinkLossIsNoLimit(t *testing.T) {
	r := newRoad(t, 20e6, 50*time.Millisecond)
	r.loss = 0.2
	r.film(2.5e6, 10*time.Second)
	if r.l.estimate() < 8e6 || r.l.overused(r.now) {
		t.Fatalf("%.2f Mbit/s, overused %v", r.l.estimate()/1e6, r.l.overused(r.now))
	}
}

// What is lost beyond a rate, though next to nothing waits, is a policer's.
func TestLinkPoliced(t *testing.T) {
	r := newRoad(t, 1e6, 20*time.Millisecond)
	r.queue = 3_000
	r.film(2.5e6, 5*time.Second)
	for range 50 {
		r.film(2.5e6, 200*time.Millisecond)
		if got := r.l.estimate(); got > 1.3e6 {
			t.Fatalf("1 Mbit/s measured as %.2f: %+v", got/1e6, r.l)
		}
	}
}

// Nothing is allocated per packet or per feedback, and a feedback costs little.
func BenchmarkLinkFeedback(b *testing.B) {
	r := newRoad(b, 20e6, 10*time.Millisecond)
	r.film(2.5e6, time.Second)
	for _, c := range r.coming {
		r.recorder.Record(2, c.wide, (c.at-r.epoch+r.clock)/1000)
	}
	r.coming = nil
	for range 3 {
		for range 8 {
			r.recorder.Record(2, r.wide, (r.now-r.epoch+r.clock)/1000)
			r.l.note(r.wide, 1, 1200, r.now)
			r.wide++
		}
		r.now += 33e6
	}
	told, err := r.recorder.BuildFeedbackPacket()[0].Marshal()
	must(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if !r.l.told(told, r.now) {
			b.Fatal("not understood")
		}
	}
	b.ReportMetric(float64(len(told)), "bytes/feedback")
}

func BenchmarkLinkNote(b *testing.B) {
	l := link{}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		l.note(uint16(i*8), 8, 9600, int64(i)*1e6)
	}
}

// A feedback may be read at a time that was taken before its packets were sent:
// a shard's turn lasts.
func TestSentAfterNow(t *testing.T) {
	for _, off := range []time.Duration{-time.Minute, -50 * time.Millisecond, 0, 50 * time.Millisecond} {
		l, now := &link{}, int64(1e18)
		l.note(7, 3, 3000, now+int64(off))
		if got, want := l.at(0).sent(now), (now+int64(off))/1000; got != want {
			t.Errorf("sent at %+d µs, want %+d", got-now/1000, want-now/1000)
		}
	}
}
