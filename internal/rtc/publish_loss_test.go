package rtc

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/cc"
	"github.com/pion/interceptor/pkg/gcc"
	"github.com/pion/webrtc/v4"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// follow reads n packets of a kind from the log and returns how many numbers
// among them are missing, once nothing more can come of the older ones.
func (l *logReader) follow(k media.Kind, n int) (missing int) {
	l.t.Helper()
	have := map[int64]bool{}
	least, most, newest := int64(1<<62), int64(0), int64(0)
	take := func() {
		pk := l.next(k)
		if have[pk.Seq] {
			l.t.Fatalf("number %d comes twice", pk.Seq)
		}
		have[pk.Seq] = true
		least, most, newest = min(least, pk.Seq), max(most, pk.Seq), max(newest, pk.Arrived)
	}
	for range n {
		take()
	}
	end, until := most-100, newest+int64(2*gapLife)
	for {
		missing = 0
		for seq := least; seq < end; seq++ {
			if !have[seq] {
				missing++
			}
		}
		if missing == 0 || newest > until {
			return missing
		}
		take()
	}
}

// What gets lost on the way up is asked for and comes, by RTX: 5 % both ways.
func TestPublishLoss(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	rel := newRelay(t, r.server.Addr())
	dice := rand.New(rand.NewPCG(3, 4))
	rel.let(serial(func(_ bool, b []byte) bool { return b[0] < 128 || dice.IntN(20) > 0 }))
	cam := r.film(lens{reply: rel.instead})
	cam.roll(handheld)
	missing := r.logOf(testName).follow(media.Video, 1000)
	r.server.Close(cam.id, reason.Kicked)
	line := r.ledger.awaitReason(t, cam.id, reason.Kicked)
	if line["recovered"].Uint64() < 10 || line["nacked"].Uint64() < line["recovered"].Uint64() || missing > 5 || missing > int(line["lost"].Uint64()) {
		t.Fatalf("%d missing, closing line: %v", missing, line)
	}
	if value(t, r.metrics.Recovered) != float64(line["recovered"].Uint64()) {
		t.Fatal("the metric differs from the closing line")
	}
}

// Packets that overtake others lose nothing.
func TestPublishReorder(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	rel := newRelay(t, r.server.Addr())
	cam := r.film(lens{reply: rel.instead})
	rel.shuffle(7)
	cam.roll(handheld)
	missing := r.logOf(testName).follow(media.Video, 600)
	r.server.Close(cam.id, reason.Kicked)
	line := r.ledger.awaitReason(t, cam.id, reason.Kicked)
	if missing != 0 || line["lost"].Uint64() != 0 {
		t.Fatalf("%d missing, closing line: %v", missing, line)
	}
}

// A publisher that controls its rate by our feedback finds that it has room.
func TestPublishCongestionControl(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	estimator := make(chan cc.BandwidthEstimator, 1)
	const begin = 1_000_000
	cam := r.film(lens{extend: func(reg *interceptor.Registry) {
		f, err := cc.NewInterceptor(func() (cc.BandwidthEstimator, error) {
			return gcc.NewSendSideBWE(gcc.SendSideBWEInitialBitrate(begin), gcc.SendSideBWEPacer(gcc.NewNoOpPacer()))
		})
		must(t, err)
		f.OnNewPeerConnection(func(_ string, e cc.BandwidthEstimator) { estimator <- e })
		reg.Add(f)
	}})
	e := <-estimator
	higher := make(chan int, 1<<10)
	e.OnTargetBitrateChange(func(rate int) {
		select {
		case higher <- rate:
		default:
		}
	})
	cam.roll(handheld)
	limit := time.After(patience)
	for {
		select {
		case rate := <-higher:
			if rate > begin*5/4 {
				return
			}
		case <-limit:
			t.Fatalf("the estimate stays at %d bit/s: %v", e.GetTargetBitrate(), e.GetStats())
		}
	}
}

// A key frame comes when a viewer asks, from a publisher that sends none else.
func TestPublishKeyFrameRequest(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	cam := r.film(lens{})
	cam.roll(shot{key: 20_000, delta: 4000})
	reader := r.ready(testName)
	packets := reader.Packets()
	first := packets.NewestKey()
	limit := time.Now().Add(patience)
	for packets.NewestKey() == first {
		if time.Now().After(limit) {
			t.Fatal("no key frame comes")
		}
		if !reader.RequestKey() {
			t.Fatal("the publisher cannot be asked")
		}
		watch := make(chan struct{}, 1)
		packets.Watch(watch)
		<-watch
		packets.Unwatch(watch)
	}
	r.server.Close(cam.id, reason.Kicked)
	if line := r.ledger.awaitReason(t, cam.id, reason.Kicked); line["pli"].Uint64() == 0 {
		t.Fatalf("closing line: %v", line)
	}
}

// A publisher whose network goes dark loses its session; the stream lingers.
func TestPublisherConsentLost(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{Consent: dark})
	rel := newRelay(t, r.server.Addr())
	cam := r.film(lens{reply: rel.instead})
	cam.roll(handheld)
	r.ready(testName)
	rel.let(func(bool, []byte) bool { return false })
	r.ledger.awaitReason(t, cam.id, reason.ConsentLost)
	<-cam.live.Done()
}

// A publisher whose stream is taken away is told so.
func TestPublisherReplaced(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	cam := r.film(lens{})
	cut := cam.roll(handheld)
	r.ready(testName)
	r.hub.Close()
	r.ledger.awaitReason(t, cam.id, reason.Shutdown)
	cam.await(webrtc.PeerConnectionStateClosed)
	cut()
	if r.server.Sessions() != 0 {
		t.Fatal("the session is still there")
	}
}

// A publisher that never comes ends, and so does its claim to the name.
func TestPublisherNeverConnects(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{Connect: 200 * time.Millisecond})
	cam := r.film(lens{reply: func(s string) string {
		rel := newRelay(t, r.server.Addr())
		rel.let(func(bool, []byte) bool { return false })
		return rel.instead(s)
	}})
	r.ledger.awaitReason(t, cam.id, reason.NeverConnected)
	<-cam.live.Done()
}

// What was overtaken and comes by itself has not come because it was asked for.
func TestOvertakenIsNotRecovered(t *testing.T) {
	const rtt = int64(40 * time.Millisecond)
	for _, tt := range []struct {
		after int64
		want  bool
	}{{rtt / 8, false}, {rtt, true}} {
		var g gaps
		g.open(7, 8, 0)
		g.due(0, rtt, int64(gapLife))
		if got := g.close(7, tt.after, rtt); got != tt.want {
			t.Errorf("after %v: recovered %v", time.Duration(tt.after), got)
		}
	}
}
