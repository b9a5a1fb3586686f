package rtc

import (
	"testing"
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// asks makes v ask for numbers and returns what became of them.
func (b *bench) asks(v *viewer, at time.Duration, lost ...uint16) (fate map[string]uint64) {
	before := v.totals.repairs
	b.sh.repair(v, &command{kind: cmdNACK, viewer: v, ssrc: v.video.ssrc, lost: lost}, b.now.Add(at).UnixNano())
	b.sh.out.flush()
	after := v.totals.repairs
	for i := range after {
		after[i] -= before[i]
	}
	return named(&after)
}

// Each packet that is asked for has one fate.
func TestFates(t *testing.T) {
	b := newPacketBench(t, false)
	b.src.write(b.src.picture(0, true, 5000, b.now)...)
	v := b.viewer(videoOnly())
	b.sh.join(v, b.now.UnixNano())
	run := b.src.picture(pictureEvery, false, 5000, b.now)
	b.src.write(append(run[:2:2], run[3:]...)...)
	b.turn(0)
	v.line.measured(50 * time.Millisecond)
	next := uint16(v.video.next)
	lacking := next - uint16(len(run)) + 2
	check := func(at time.Duration, want fate, lost ...uint16) {
		t.Helper()
		if got := b.asks(v, at, lost...); len(got) != 1 || got[fateWords[want]] != uint64(len(lost)) {
			t.Fatalf("after %v: %v, want %s", at, got, fateWords[want])
		}
	}
	check(0, answered, next-1, next-2)
	check(40*ms, guarded, next-1, next-2)
	check(50*ms, answered, next-1)
	check(90*ms, guarded, next-1)
	check(90*ms, answered, next-2)
	check(200*ms, unknown, next, lacking, 5)
	v.repairs.left = 0
	check(200*ms, exhausted, next-1)
	if v.totals.drops[reason.Limit] != 1 || value(t, b.sh.server.metrics.Repairs[exhausted]) != 1 {
		t.Fatalf("drops %v", v.totals.drops)
	}
}

// What is asked for twice goes out twice more, apart in time; copies end with
// the viewer.
func TestSecondCopy(t *testing.T) {
	b := newPacketBench(t, false)
	b.src.write(b.src.picture(0, true, 5000, b.now)...)
	v, gone := b.viewer(videoOnly()), b.viewer(videoOnly())
	b.sh.join(v, b.now.UnixNano())
	b.sh.join(gone, b.now.UnixNano())
	tap := tapOf(v)
	lost := uint16(v.video.next - 1)
	copies := func(at time.Duration) int {
		b.sh.repeatDue(b.now.Add(at).UnixNano())
		return len(tap.taken())
	}
	b.asks(v, 0, lost)
	if n := copies(time.Second); n != 1 {
		t.Fatalf("%d packets for the first request", n)
	}
	b.asks(v, 200*ms, lost)
	if n := copies(200 * ms); n != 1 {
		t.Fatalf("%d packets at once for the second request", n)
	}
	if n := copies(200*ms + copiesApart); n != 1 {
		t.Fatalf("%d packets later for the second request", n)
	}
	b.asks(gone, 0, lost)
	b.asks(gone, 200*ms, uint16(gone.video.next-1))
	b.asks(gone, 400*ms, uint16(gone.video.next-1))
	b.sh.leave(gone, reason.ClosedByPeer)
	if copies(time.Hour); len(b.sh.later) != 0 {
		t.Fatalf("%d repeats wait", len(b.sh.later))
	}
}

// Repeats cost a share of what is sent, and less where packets wait on the way.
func TestRepairShare(t *testing.T) {
	v := &viewer{session: &session{}}
	r := &v.repairs
	now := int64(time.Hour)
	second := func() { // of 2.5 Mbit/s
		now += int64(time.Second)
		v.totals.bytes += 312_500
		v.totals.packets += 300
		r.fill(v, now, 0)
	}
	spent := func() (n int) {
		for pk := (&media.Packet{Payload: make([]byte, 1000-repairOverhead)}); r.spend(pk, media.Video); n++ {
		}
		return n
	}
	r.fill(v, now, 0)
	second()
	second()
	spent()
	second()
	if n := spent(); n < 78 || n > 79 {
		t.Fatalf("%d repeats are not a quarter", n)
	}
	v.line.measured(30 * time.Millisecond)
	v.line.measured(600 * time.Millisecond)
	second()
	if n := spent(); !r.queues || n < 46 || n > 47 {
		t.Fatalf("queues %v, %d repeats", r.queues, n)
	}
	if r.spare() || r.copies(3) != 1 {
		t.Fatal("copies are sent into a queue")
	}
	sound := &media.Packet{Payload: make([]byte, 100)}
	if !r.spend(sound, media.Audio) {
		t.Fatal("there is nothing left for sound")
	}
}

// Over TCP what does not come has not been taken by the queue: nothing is sent
// there that was not asked for.
func TestNoCopiesOverTCP(t *testing.T) {
	v := &viewer{session: &session{}}
	v.session.path.Store(&path{stream: &tcpStream{}})
	r, now := &v.repairs, int64(time.Hour)
	r.fill(v, now, 0)
	for range 3 {
		now += int64(time.Second)
		v.totals.bytes += 1_000_000
		v.totals.packets += 1000
		r.missed = 200
		r.fill(v, now, 0)
	}
	v.redundancy.judge(r.loss, false, now)
	if r.spare() || r.doubles || r.copies(3) != 1 || v.redundancy.on {
		t.Errorf("loss %v, copies %d, doubles %v, redundant sound %v", r.loss, r.copies(3), r.doubles, v.redundancy.on)
	}
	if pk := (&media.Packet{Payload: make([]byte, 1000)}); !r.spend(pk, media.Video) {
		t.Error("what is asked for is not sent again")
	}
}

// What gets lost where packets wait, or waited just now, is lost to that: nothing
// is sent twice, and what little a viewer gets meanwhile is no measure of room.
func TestNoCopiesIntoQueue(t *testing.T) {
	b := newPacketBench(t, false)
	v := b.viewer(videoOnly())
	b.sh.join(v, b.now.UnixNano())
	r, now := &v.repairs, b.now.UnixNano()
	fill := func(after time.Duration) {
		now += int64(after)
		v.totals.bytes, v.totals.packets = v.totals.bytes+10_000, v.totals.packets+100
		r.fill(v, now, 20)
	}
	v.link.rate = 2e6
	fill(0)
	fill(time.Second)
	fill(time.Second)
	if !r.doubles || !r.spare() {
		t.Fatalf("%+v", *r)
	}
	r.stream = 300_000
	if fill(0); r.doubles {
		t.Fatal("pictures go out twice over a link that has no room for them")
	}
	for name, jam := range map[string]func(on bool){
		"a queue": func(on bool) { v.link.heard, v.link.over = now, map[bool]int{true: overRuns}[on] },
		"a pace":  func(on bool) { v.phase = map[bool]phase{true: paced, false: liveEdge}[on] },
		"a pause": func(on bool) { v.pace.waits = on },
	} {
		jam(true)
		if fill(0); !r.lately || r.spare() {
			t.Fatalf("%s: copies", name)
		}
		jam(false)
		if fill(time.Second); !r.lately {
			t.Fatalf("%s: copies at once after it", name)
		}
		if fill(repairJammed); r.lately {
			t.Fatalf("%s: no copies any more", name)
		}
	}
}
