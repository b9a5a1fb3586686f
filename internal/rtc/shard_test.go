package rtc

import (
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/srtp/v3"
	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

// bench is a shard that a test drives by hand, with a sink for what it sends.
type bench struct {
	t      testing.TB
	sh     *shard
	hub    *live.Hub
	pub    *live.Publisher
	src    *feed // of packets; nil
	sink   *net.UDPConn
	ledger *ledger
	now    time.Time // of the program's time 0
}

func newBench(t testing.TB, method SendMethod) *bench {
	t.Helper()
	return newBenchAt(t, method, "127.0.0.1:0")
}

// newBenchAt is newBench with a shard that sends from another address.
func newBenchAt(t testing.TB, method SendMethod, addr string) *bench {
	t.Helper()
	sockets, err := listenSockets(addr, 1, method)
	must(t, err)
	t.Cleanup(func() { _ = sockets[0].conn.Close() })
	sink, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	t.Cleanup(func() { _ = sink.Close() })
	_ = sink.SetReadBuffer(socketBuffer)
	b := &bench{t: t, hub: newHub(t), sink: sink, ledger: newLedger(), now: time.Now()}
	s := &Server{
		gate: &gate{}, log: slog.New(b.ledger), metrics: NewMetrics(prometheus.NewRegistry()),
		ufrags: map[string]*session{}, ids: map[string]*session{}, addrs: map[netip.AddrPort]*session{},
	}
	b.sh = newShard(s, sockets[0])
	b.pub, err = b.hub.Publish(testName, "test", "")
	must(t, err)
	b.pub.Announce(testVideo, testOpus)
	return b
}

// write publishes a picture that arrives when its time has come.
func (b *bench) write(at time.Duration, key bool, size int) {
	b.t.Helper()
	f := picture(at, key, size)
	f.Arrived = b.now.Add(at).UnixNano()
	must(b.t, b.pub.Write(f))
}

// viewer makes a viewer that could join.
func (b *bench) viewer(sel sdp.Selection) *viewer {
	b.t.Helper()
	r, err := b.hub.Subscribe(b.t.Context(), testName)
	must(b.t, err)
	b.t.Cleanup(r.Close)
	ses := newSession(b.sh.server, &sdp.Offer{}, sel, r, "")
	b.sh.server.sessions.Add(1)
	ses.viewer.shard = b.sh
	ses.path.Store(newPath(b.sink.LocalAddr().(*net.UDPAddr).AddrPort(), false))
	key, salt := masterKeys(gcmSaltLen)
	out, err := newProtection(srtp.ProtectionProfileAeadAes128Gcm, key, salt, true)
	must(b.t, err)
	ses.viewer.connected(&secured{out: out})
	return ses.viewer
}

// turn is one turn of the shard's loop, at a time of the program's.
func (b *bench) turn(at time.Duration) {
	for _, g := range b.sh.groups {
		b.sh.forward(g)
	}
	b.sh.advance(b.now.Add(at).UnixNano())
	b.sh.out.limit = maxRuns
	b.sh.out.flush()
}

// pictures returns which pictures have arrived for v, and checks its numbers.
func (b *bench) pictures(v *viewer, n int) []time.Duration {
	b.t.Helper()
	key, salt := masterKeys(gcmSaltLen)
	theirs, err := srtp.CreateContext(key, salt, srtp.ProtectionProfileAeadAes128Gcm)
	must(b.t, err)
	var run []received
	var times []time.Duration
	buf := make([]byte, 4096)
	for len(times) < n {
		must(b.t, b.sink.SetReadDeadline(time.Now().Add(patience)))
		m, err := b.sink.Read(buf)
		if err != nil {
			b.t.Fatalf("after %v: %v", times, err)
		}
		if !isRTP(buf[:m]) {
			continue
		}
		plain, err := theirs.DecryptRTP(nil, buf[:m], nil)
		must(b.t, err)
		p := parse(b.t, plain)
		if p.SSRC != v.video.ssrc {
			continue
		}
		if len(run) > 0 && p.SequenceNumber != run[len(run)-1].SequenceNumber+1 {
			b.t.Fatalf("number %d follows %d", p.SequenceNumber, run[len(run)-1].SequenceNumber)
		}
		run = append(run, received{Packet: p})
		if p.Marker {
			units := nals(b.t, run)
			times = append(times, stamp(units[len(units)-1]))
			run = []received{{Packet: p}}[:0]
		}
	}
	return times
}

func (b *bench) wants(v *viewer, want ...time.Duration) {
	b.t.Helper()
	got := b.pictures(v, len(want))
	for i := range want {
		if got[i] != want[i] {
			b.t.Fatalf("pictures %v, want %v", got, want)
		}
	}
}

const ms = time.Millisecond

func videoOnly() sdp.Selection { return sdp.Selection{Video: h264Format()} }

// A key frame that is appended between a shard's turns is where a viewer that
// joins then begins: not at what its group has yet to forward before it.
func TestJoinBesideNewKeyFrame(t *testing.T) {
	b := newBench(t, SendAuto)
	b.write(0, true, 5000)
	b.write(40*ms, false, 3000)
	first, second := b.viewer(videoOnly()), b.viewer(videoOnly())
	b.sh.join(first, b.now.Add(50*ms).UnixNano())
	b.turn(60 * ms)
	b.wants(first, 0, 40*ms)
	b.write(80*ms, false, 3000) // not forwarded yet
	b.write(120*ms, true, 5000)
	b.write(160*ms, false, 3000)
	b.sh.join(second, b.now.Add(165*ms).UnixNano())
	first.session.path.Store(nil) // only the second one's packets are looked at
	b.turn(170 * ms)
	b.wants(second, 120*ms, 160*ms)
	b.write(200*ms, false, 3000)
	b.turn(210 * ms)
	b.wants(second, 200*ms)
}

// The same while it catches up.
func TestKeyFrameWhileCatchingUp(t *testing.T) {
	b := newBench(t, SendAuto)
	b.write(0, true, 100_000)
	for i := range 5 {
		b.write(time.Duration(i+1)*40*ms, false, 50_000)
	}
	v := b.viewer(videoOnly())
	b.sh.join(v, b.now.Add(205*ms).UnixNano())
	b.turn(206 * ms)
	b.wants(v, 0)
	if v.phase != catchUp {
		t.Fatalf("phase %d", v.phase)
	}
	b.write(240*ms, false, 50_000)
	b.write(280*ms, true, 5000)
	b.sh.advance(b.now.Add(281 * ms).UnixNano()) // before the group is forwarded
	b.write(320*ms, false, 3000)
	b.turn(321 * ms)
	b.wants(v, 280*ms, 320*ms)
}

// A backlog above a burst leaves at a pace, in order, and ends at the live edge.
func TestCatchUpIsPaced(t *testing.T) {
	b := newBench(t, SendAuto)
	const n, size = 20, 25_000 // 500 kB in 800 ms: 3.1 MB/s at five times the rate
	var want []time.Duration
	for i := range n {
		b.write(time.Duration(i)*pictureEvery, i == 0, size)
		want = append(want, time.Duration(i)*pictureEvery)
	}
	v := b.viewer(videoOnly())
	at := n * pictureEvery
	b.sh.join(v, b.now.Add(at).UnixNano())
	b.sh.out.flush()
	b.wants(v, 0)
	sent, turns := 1, 0
	for v.phase == catchUp {
		turns++
		at += catchUpTick
		before := v.video.octets
		b.turn(at)
		if got := v.video.octets - before; got > 2*size {
			t.Fatalf("%d bytes left in one turn", got)
		}
	}
	got := b.pictures(v, n-sent)
	for i := range got {
		if got[i] != want[i+sent] {
			t.Fatalf("pictures %v", got)
		}
	}
	if turns < 20 || turns > 60 { // 500 kB at 3.1 MB/s are 160 ms
		t.Fatalf("it took %d turns of %v", turns, catchUpTick)
	}
	b.write(at, false, 1000)
	b.turn(at)
	b.wants(v, at)
}

// A small backlog leaves in one go.
func TestSmallBacklogIsNotPaced(t *testing.T) {
	b := newBench(t, SendAuto)
	var want []time.Duration
	for i := range 20 {
		size := 2000
		if i == 0 {
			size = 20_000
		}
		b.write(time.Duration(i)*pictureEvery, i == 0, size)
		want = append(want, time.Duration(i)*pictureEvery)
	}
	v := b.viewer(videoOnly())
	b.sh.join(v, b.now.Add(20*pictureEvery).UnixNano())
	b.sh.out.flush()
	b.wants(v, want...)
	if v.phase != liveEdge {
		t.Fatalf("phase %d", v.phase)
	}
}

// An old key frame is shown alone; the viewer goes on at the next one.
func TestStill(t *testing.T) {
	b := newBench(t, SendAuto)
	b.now = time.Now().Add(-replayMost - 2*time.Second)
	b.write(0, true, 5000)
	for i := range 300 {
		b.write(time.Duration(i+1)*pictureEvery, false, 500)
	}
	v := b.viewer(videoOnly())
	at := 301 * pictureEvery
	b.sh.join(v, b.now.Add(at).UnixNano())
	b.sh.out.flush()
	b.wants(v, 0)
	b.write(at, false, 500)
	b.write(at+pictureEvery, true, 5000)
	b.write(at+2*pictureEvery, false, 500)
	b.turn(at + 2*pictureEvery)
	b.wants(v, at+pictureEvery, at+2*pictureEvery)
	if n := v.totals.drops[reason.SkipKeyWait]; n != 301 {
		t.Fatalf("%d packets were left out, want 301", n)
	}
}

// A starved shard leaves out what is too old and goes on at a key frame.
func TestStaleMediaIsSkipped(t *testing.T) {
	b := newBench(t, SendAuto)
	b.now = time.Now().Add(-10 * time.Second)
	b.write(0, true, 5000)
	v := b.viewer(sdp.Selection{Video: h264Format(), Audio: &sdp.Format{Codec: media.Opus, PT: 111, ClockRate: 48000, Framing: sdp.FramingOpus}})
	b.sh.join(v, b.now.Add(10*ms).UnixNano())
	b.turn(10 * ms)
	b.wants(v, 0)
	for at := pictureEvery; at < 8*time.Second; at += pictureEvery {
		b.write(at, false, 500)
		f := sound(testOpus, at)
		f.Arrived = b.now.Add(at).UnixNano()
		must(t, b.pub.Write(f))
	}
	fresh := time.Since(b.now)
	b.write(fresh-20*ms, false, 500)
	b.write(fresh-10*ms, true, 5000)
	b.write(fresh, false, 500)
	b.turn(fresh)
	b.wants(v, fresh-10*ms, fresh)
	if v.totals.drops[reason.SkipAge] == 0 {
		t.Fatal("nothing was left out for its age")
	}
	b.sh.count()
	counted := value(t, b.sh.server.metrics.Drops.WithLabelValues(string(reason.SkipAge)))
	if counted != float64(v.totals.drops[reason.SkipAge]) {
		t.Fatalf("the metric counts %v of %v while the viewer is there", counted, v.totals.drops)
	}
}

// What a publisher appends late has not waited here: a variant that starts
// appends pictures that came to the node seconds ago, and the shard keeps up.
func TestLateAppendIsSent(t *testing.T) {
	b := newBench(t, SendAuto)
	b.now = time.Now().Add(-4 * time.Second)
	b.write(0, true, 5000)
	v := b.viewer(videoOnly())
	b.sh.join(v, time.Now().UnixNano())
	b.turn(10 * ms)
	b.wants(v, 0)
	for _, at := range []time.Duration{pictureEvery, 2 * pictureEvery} {
		b.sh.now = time.Now().UnixNano()
		b.turn(10 * ms)
		b.write(at, false, 500)
		b.turn(10 * ms)
		b.wants(v, at)
	}
	if n := v.totals.drops[reason.SkipAge]; n != 0 {
		t.Fatalf("%d packets were left out for their age", n)
	}
}

// What comes while the inbox is seen to does not wait for all who join.
func TestJoinsDoNotHoldUp(t *testing.T) {
	b := newBench(t, SendAuto)
	b.write(0, true, 5000)
	v := b.viewer(videoOnly())
	b.sh.join(v, b.now.UnixNano())
	b.turn(0)
	before := v.totals.packets
	b.sh.post(command{kind: cmdJoin, viewer: b.viewer(videoOnly())})
	b.write(pictureEvery, false, 3000)
	b.sh.now = b.now.UnixNano()
	b.sh.obey()
	if v.totals.packets == before {
		t.Fatal("a picture waits behind a viewer that joins")
	}
	b.sh.out.flush()
	b.wants(v, 0, pictureEvery)
}

// Who leaves leaves nothing, in whatever order things come.
func TestLeaveGivesEverythingBack(t *testing.T) {
	b := newBench(t, SendAuto)
	b.write(0, true, 200_000)
	for i := range 5 {
		b.write(time.Duration(i+1)*40*ms, false, 100_000)
	}
	v, w := b.viewer(videoOnly()), b.viewer(videoOnly())
	now := b.now.Add(250 * ms).UnixNano()
	b.sh.join(v, now)
	b.sh.leave(v, reason.Kicked)
	b.sh.leave(v, reason.Kicked) // again does nothing
	b.sh.join(v, now)            // comes too late
	b.sh.leave(w, reason.Kicked) // has never joined
	if len(b.sh.groups)+len(b.sh.catching)+b.sh.nviewers != 0 {
		t.Fatalf("%d groups, %d catching up, %d viewers", len(b.sh.groups), len(b.sh.catching), b.sh.nviewers)
	}
	if stats := b.hub.Stats(); stats[0].Readers != 0 {
		t.Fatalf("%d readers", stats[0].Readers)
	}
}
