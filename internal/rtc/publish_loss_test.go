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

// follow reads pictures whose packets come in any order, and checks that none is missing.
func (c *client) follow(pictures int) {
	c.t.Helper()
	held := map[uint16]bool{}
	next, any := uint16(0), false
	shown := 0
	for shown < pictures {
		p := c.next()
		if p.kind != media.Video {
			continue
		}
		if !any {
			next, any = p.SequenceNumber, true
		}
		held[p.SequenceNumber] = p.Marker
		for {
			marker, is := held[next]
			if !is {
				break
			}
			delete(held, next)
			next++
			if marker {
				shown++
			}
		}
		if len(held) > 400 {
			c.t.Fatalf("number %d does not come", next)
		}
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
	r.ready(testName)
	c := r.watch(wish{})
	c.follow(150)
	r.server.Close(cam.id, reason.Kicked)
	line := r.ledger.awaitReason(t, cam.id, reason.Kicked)
	if line["recovered"].Uint64() < 10 || line["nacked"].Uint64() < line["recovered"].Uint64() || line["lost"].Uint64() > 5 {
		t.Fatalf("closing line: %v", line)
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
	r.ready(testName)
	c := r.watch(wish{})
	c.follow(100)
	r.server.Close(cam.id, reason.Kicked)
	line := r.ledger.awaitReason(t, cam.id, reason.Kicked)
	if line["lost"].Uint64() != 0 {
		t.Fatalf("closing line: %v", line)
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
	r := newRoom(t, Config{Consent: 2 * time.Second})
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
