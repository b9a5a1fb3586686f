package rtc

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"

	"millrace/internal/media"
)

// A viewer's PLI goes to the publisher, at any time.
func TestPLIAsksPublisher(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	src := newFeed(t, r.hub, true)
	src.write(src.picture(0, true, 500, time.Now())...)
	c := r.watch(wish{})
	was := c.see()
	ssrc := c.ssrcOf(media.Video)
	drained(src.asked)
	for i := range 3 {
		for again := time.NewTicker(20 * time.Millisecond); len(src.asked) == 0; <-again.C {
			c.send(&rtcp.PictureLossIndication{MediaSSRC: ssrc}) // requests within 500 ms are one
		}
		src.awaitAsked()
		at := time.Duration(i+1) * time.Second
		src.write(src.picture(at, true, 500, time.Now())...)
		s := c.see()
		if !s.key {
			t.Fatal("no key frame follows")
		}
		if s.packets[0].SequenceNumber != was.packets[len(was.packets)-1].SequenceNumber+1 {
			t.Fatal("the numbers do not go on")
		}
		was = s
	}
}

func drained(c chan struct{}) {
	for len(c) > 0 {
		<-c
	}
}

// awaitAsked waits for a request for a key frame.
func (s *feed) awaitAsked() {
	s.t.Helper()
	select {
	case <-s.asked:
	case <-time.After(patience):
		s.t.Fatal("nobody asks for a key frame")
	}
}

// A packet that the source never repairs costs a key frame, not the picture: it
// is asked for as soon as the viewer misses what was given up.
func TestLossThatIsNeverRepaired(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	src := newFeed(t, r.hub, true)
	src.write(src.picture(0, true, 500, time.Now())...)
	c := r.watch(wish{})
	was := c.see()
	ssrc := c.ssrcOf(media.Video)
	drained(src.asked)
	long := time.Now().Add(-givenUp)
	run := src.picture(pictureEvery, false, 3000, long)
	src.write(run[0], run[2])
	src.write(src.picture(2*pictureEvery, false, 500, long)...)
	got := c.takes(media.Video, 3)
	missing := got[0].SequenceNumber + 1
	if last := was.packets[len(was.packets)-1].SequenceNumber; got[0].SequenceNumber != last+1 || got[1].SequenceNumber != missing+1 {
		t.Fatalf("after %d come %d and %d", last, got[0].SequenceNumber, got[1].SequenceNumber)
	}
	nack := &rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{missing})}
	c.send(nack)
	src.awaitAsked()
	src.write(src.picture(3*pictureEvery, true, 500, time.Now())...)
	if s := c.see(); !s.key || s.packets[0].SequenceNumber != got[2].SequenceNumber+1 {
		t.Fatalf("the picture does not go on: %+v", s.packets[0].Header)
	}
	// What comes after all is sent after all.
	run[1].Start = false
	src.write(run[1])
	if p := c.nextOf(media.Video); p.SequenceNumber != missing {
		t.Fatalf("number %d, want the late %d", p.SequenceNumber, missing)
	}
}

// A viewer's PLI is passed on however long it has been there; what a key frame
// has made good is not asked for.
func TestKeyFrameRequests(t *testing.T) {
	b := newPacketBench(t, true)
	b.src.write(b.src.picture(0, true, 500, b.now)...)
	v := b.viewer(videoOnly())
	b.sh.join(v, b.now.UnixNano())
	b.turn(0)
	drained(b.src.asked)
	b.sh.keyFrame(v, b.now.Add(time.Hour).UnixNano())
	if len(b.src.asked) != 1 || v.phase != liveEdge {
		t.Fatalf("asked %d times, phase %d", len(b.src.asked), v.phase)
	}
	run := b.src.picture(pictureEvery, false, 3000, b.now)
	b.src.write(run[0], run[2])
	b.turn(0)
	missing := uint16(v.video.next - 2)
	g := b.sh.groups[v.packets]
	soon, later := b.now.Add(givenUp).UnixNano(), b.now.Add(givenUp+1).UnixNano()
	drained(b.src.asked)
	tired := func(at int64) bool { // requests within 500 ms are one: the wish shows in the group
		b.sh.askAgain(g, at)
		return g.missed != nothing && g.hopeless(g.missed, at)
	}
	b.sh.repair(v, &command{ssrc: v.video.ssrc, lost: []uint16{missing - 1, missing + 1}}, later)
	if tired(later) {
		t.Fatal("what is there is given up")
	}
	b.sh.repair(v, &command{ssrc: v.video.ssrc, lost: []uint16{missing}}, later)
	if tired(soon) || !tired(later) {
		t.Fatal("it is given up too soon, or never")
	}
	b.src.write(b.src.picture(2*pictureEvery, true, 500, b.now)...)
	b.turn(0)
	if tired(later) {
		t.Fatal("a packet is missed that a key frame has made good")
	}
	if b.sh.repair(v, &command{ssrc: v.video.ssrc, lost: []uint16{missing}}, later); tired(later) {
		t.Fatal("it is missed again")
	}
}

// Who joins an askable source far behind its key frame gets a new one, and
// nothing before it; near it, or where little has followed, what there is.
func TestJoinAskable(t *testing.T) {
	for _, tt := range []struct {
		name    string
		askable bool
		age     time.Duration
		size    int
		asks    bool
	}{
		{"old and long", true, 3 * time.Second, 5000, true},
		{"old and short", true, 3 * time.Second, 100, false},
		{"young and long", true, 800 * time.Millisecond, 20_000, false},
		{"old and long, not askable", false, 3 * time.Second, 5000, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newPacketBench(t, tt.askable)
			b.now = time.Now().Add(-tt.age)
			for at := time.Duration(0); at < tt.age; at += pictureEvery {
				b.src.write(b.src.picture(at, at == 0, tt.size, b.now.Add(at))...)
			}
			v := b.viewer(videoOnly())
			b.sh.join(v, time.Now().UnixNano())
			b.sh.out.flush()
			if asks := len(b.src.asked) > 0; asks != tt.asks || asks != (v.phase == awaitKey) {
				t.Fatalf("asked %v, phase %d", asks, v.phase)
			}
			if !tt.asks {
				b.wants(v, 0)
				return
			}
			b.src.write(b.src.picture(tt.age, false, 100, time.Now())...)
			b.src.write(b.src.picture(tt.age+pictureEvery, true, 100, time.Now())...)
			b.turn(tt.age + pictureEvery)
			b.wants(v, tt.age+pictureEvery)
		})
	}
}

// As long as somebody waits, the publisher is asked again; not for those who
// could not show it, or whose connection is full.
func TestAskedAgain(t *testing.T) { synctest.Test(t, testAskedAgain) }

func testAskedAgain(t *testing.T) {
	b := newPacketBench(t, true)
	sel := videoOnly()
	v := b.viewer(sel)
	b.sh.join(v, b.now.UnixNano())
	b.src.awaitAsked() // there is no key frame
	b.src.write(b.src.picture(0, true, 500, b.now)...)
	b.turn(0)
	b.wants(v, 0)
	g := b.sh.groups[v.packets]
	asks := func() bool {
		drained(b.src.asked)
		limit := time.After(2 * time.Second) // requests within 500 ms are one
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			b.sh.askAgain(g, time.Now().UnixNano())
			select {
			case <-b.src.asked:
				return true
			case <-limit:
				return false
			case <-tick.C:
			}
		}
	}
	if asks() {
		t.Fatal("a key frame is asked for that nobody waits for")
	}
	v.wait(media.H264, 1)
	if !asks() {
		t.Fatal("nobody asks")
	}
	v.wait(media.VP8, 1)
	if !v.deaf || asks() {
		t.Fatal("a key frame is asked for that the viewer cannot show")
	}
}

// A viewer that waits for a key frame that the publisher does not give is shown
// the group of pictures that there is.
func TestJoinHeedless(t *testing.T) {
	b := newPacketBench(t, true)
	b.now = time.Now().Add(-3 * time.Second)
	at := time.Duration(0)
	write := func(until time.Duration) {
		for ; at < until; at += pictureEvery {
			b.src.write(b.src.picture(at, at == 0, 5000, b.now.Add(at))...)
		}
	}
	write(3 * time.Second)
	v := b.viewer(videoOnly())
	b.sh.join(v, b.now.Add(at).UnixNano())
	if len(b.src.asked) != 1 || v.phase != awaitKey {
		t.Fatalf("asked %d times, phase %d", len(b.src.asked), v.phase)
	}
	g := b.sh.groups[v.packets]
	write(4 * time.Second)
	b.turn(at)
	b.sh.askAgain(g, b.now.Add(at).UnixNano())
	if v.phase != awaitKey {
		t.Fatal("the viewer does not wait for the answer")
	}
	write(6 * time.Second)
	b.turn(at)
	b.sh.askAgain(g, b.now.Add(at).UnixNano())
	b.turn(at)
	b.wants(v, 0)
	if v.phase == awaitKey {
		t.Fatal("the viewer still waits")
	}
	// The next one does not wait at all.
	next := b.viewer(videoOnly())
	b.sh.join(next, b.now.Add(at).UnixNano())
	if next.phase == awaitKey {
		t.Fatal("the next viewer waits")
	}
}

// A hole in what a new viewer catches up with is made good by a key frame.
func TestJoinWithHole(t *testing.T) {
	b := newPacketBench(t, true)
	b.now = time.Now().Add(-600 * ms)
	b.src.write(b.src.picture(0, true, 3000, b.now)...)
	run := b.src.picture(pictureEvery, false, 3000, b.now)
	b.src.write(run[0], run[2])
	b.src.write(b.src.picture(2*pictureEvery, false, 3000, b.now)...)
	v := b.viewer(videoOnly())
	b.sh.join(v, time.Now().UnixNano())
	if len(b.src.asked) != 1 || v.phase != liveEdge {
		t.Fatalf("asked %d times, phase %d", len(b.src.asked), v.phase)
	}
}
