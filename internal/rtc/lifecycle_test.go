package rtc

import (
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

func TestNeverConnected(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{Connect: 200 * time.Millisecond})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{dontComplete: true})
	r.ledger.awaitReason(t, c.id, reason.NeverConnected)
	if r.server.Close(c.id, reason.Kicked) || r.server.Sessions() != 0 {
		t.Fatal("the session is still there")
	}
}

// dark is how long peers whose network is not dark say nothing at most, however
// starved the machine is.
const dark = 5 * time.Second

// A peer whose network goes dark loses its session, and only it.
func TestConsentLost(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{Consent: dark})
	r.broadcast(testName, ordinary)
	rel := newRelay(t, r.server.Addr())
	c, other := r.watch(wish{reply: rel.instead}), r.watch(wish{})
	c.see()
	rel.let(func(bool, []byte) bool { return false })
	r.ledger.awaitReason(t, c.id, reason.ConsentLost)
	other.takes(media.Video, 20)
	if r.server.Sessions() != 1 {
		t.Fatalf("%d sessions", r.server.Sessions())
	}
}

func TestWrongFingerprint(t *testing.T) {
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{offer: func(s string) string {
		const word = "a=fingerprint:sha-256 "
		at := strings.Index(s, word) + len(word)
		return strings.ReplaceAll(s, s[at:at+95], strings.Repeat("AB:", 31)+"AB")
	}})
	line := r.ledger.awaitReason(t, c.id, reason.HandshakeFailed)
	if err, ok := line["err"].Any().(error); !ok || !errors.Is(err, errFingerprint) {
		t.Fatalf("the closing line says %v", line)
	}
	if len(c.media) != 0 {
		t.Fatal("there is media")
	}
}

// An offer that wants to be the DTLS server makes us the client.
func TestPassiveOffer(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{offer: func(s string) string { return strings.ReplaceAll(s, "a=setup:actpass", "a=setup:passive") }})
	if !strings.Contains(c.answer, "a=setup:active") {
		t.Fatal("the answer does not take the other role")
	}
	p := pursuit{t: t, was: c.see()}
	for range 5 {
		p.check(c.see())
	}
	// Goodbyes work in this role as well, both ways.
	d := r.watch(wish{offer: func(s string) string { return strings.ReplaceAll(s, "a=setup:actpass", "a=setup:passive") }})
	d.see()
	must(t, d.pc.Close())
	r.ledger.awaitReason(t, d.id, reason.ClosedByPeer)
	r.server.Close(c.id, reason.Kicked)
	c.awaitDTLS(webrtc.DTLSTransportStateClosed)
}

// The peer repeats its last flight when ours was lost, and gets ours again.
func TestLostLastFlight(t *testing.T) {
	t.Parallel()
	const changeCipherSpec = 20
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	rel := newRelay(t, r.server.Addr())
	var lost atomic.Int32
	rel.let(func(toServer bool, b []byte) bool {
		return toServer || b[0] != changeCipherSpec || lost.Add(1) > 2
	})
	c := r.watch(wish{reply: rel.instead})
	c.see()
	if lost.Load() < 3 {
		t.Fatalf("our last flight was seen %d times", lost.Load())
	}
}

// Anybody can forge the address of a peer: our last flight goes out for its sake
// only as long as it may lack it.
func TestLastFlightIsNoEcho(t *testing.T) {
	b := newBench(t, SendPlain)
	v := b.viewer(videoOnly())
	ses := v.session
	ses.secured = &secured{records: fuzzRecords(t), lastSent: []byte("the last flight")}
	ses.via.Store(b.sh.out.socket)
	repeat := append([]byte{contentHandshake, 254, 253}, make([]byte, 20)...)
	ses.onDTLS(repeat)
	ses.heard.Store(true)
	ses.onDTLS(repeat)
	ses.send([]byte("and that is all"))
	buf := make([]byte, 100)
	for _, want := range []string{"the last flight", "and that is all"} {
		must(t, b.sink.SetReadDeadline(time.Now().Add(patience)))
		n, err := b.sink.Read(buf)
		must(t, err)
		if got := string(buf[:n]); got != want {
			t.Fatalf("%q was sent, want %q", got, want)
		}
	}
}

// The library keeps what looks like parts of a handshake, up to megabytes.
func TestHandshakeHasItsMeasure(t *testing.T) {
	p := newPipe(func([]byte) {}, &gate{places: 1})
	got, buf := 0, make([]byte, maxDatagram)
	for range handshakeBytes/1000 + 10 {
		p.deliver(make([]byte, 1000))
		select {
		case b := <-p.in:
			got += len(b)
		default:
		}
	}
	if got == 0 || got > handshakeBytes {
		t.Fatalf("%d bytes were taken", got)
	}
	p.letGo()
	if _, _, err := p.ReadFrom(buf); err != io.EOF {
		t.Fatal(err)
	}
}

// A third of the handshake gets lost.
func TestLossyHandshake(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	rel := newRelay(t, r.server.Addr())
	dice := rand.New(rand.NewPCG(1, 2))
	rel.let(serial(func(_ bool, b []byte) bool { return !isDTLS(b) || dice.IntN(3) > 0 }))
	r.watch(wish{reply: rel.instead}).see()
}

func TestClientThatHasNoGCM(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{setting: func(se *webrtc.SettingEngine) {
		se.SetSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80)
	}})
	p := pursuit{t: t, was: c.see()}
	for range 30 {
		p.check(c.see())
	}
	c.takes(media.Audio, 20)
	if r.sealsByGCM(c.id) {
		t.Fatal("the profile is not AES_CM_128_HMAC_SHA1_80")
	}
	must(t, c.pc.Close())
	r.ledger.awaitReason(t, c.id, reason.ClosedByPeer)
}

func TestHalfSecondMode(t *testing.T) {
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{mode: catalog.HalfSecond})
	s := c.see()
	var delay rtp.PlayoutDelayExtension
	must(t, delay.Unmarshal(s.packets[0].GetExtension(extensionID(t, c, 0))))
	if delay.MinDelay != 0 || delay.MaxDelay != 0 {
		t.Fatalf("playout delay %+v", delay)
	}
}

// A publisher that goes and comes back within the linger time keeps its
// viewers, who see a new key frame and no other trace.
func TestPublisherComesBack(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	st := r.broadcast(testName, ordinary)
	c := r.watch(wish{})
	was := c.see()
	for range 5 {
		was = c.see()
	}
	st.off()
	r.broadcast(testName, ordinary)
	for {
		s := c.see()
		if s.packets[0].SequenceNumber != was.packets[len(was.packets)-1].SequenceNumber+1 {
			t.Fatal("the numbers do not go on")
		}
		if int32(s.timestamp-was.timestamp) <= 0 || int32(s.timestamp-was.timestamp) > 10*90000 {
			t.Fatalf("timestamp %d follows %d", s.timestamp, was.timestamp)
		}
		again := s.time < was.time
		if was = s; again {
			break
		}
	}
	if !was.key {
		t.Fatal("the new publisher's first frame is no key frame")
	}
	for range 10 {
		s := c.see()
		checkContiguous(t, was, s, pictureEvery)
		was = s
	}
	if r.server.Sessions() != 1 {
		t.Fatal("it is not the same session")
	}
}

// The end of a stream ends its sessions with a goodbye.
func TestStreamEnds(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	st := r.broadcast(testName, ordinary)
	c := r.watch(wish{})
	c.see()
	st.off()
	r.ledger.awaitReason(t, c.id, reason.StreamEnded)
	c.awaitDTLS(webrtc.DTLSTransportStateClosed)
	if r.server.Sessions() != 0 {
		t.Fatal("the session is still there")
	}
}

func TestCloseSaysGoodbye(t *testing.T) {
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{})
	c.see()
	if !r.server.Close(c.id, reason.Kicked) {
		t.Fatal("no such session")
	}
	if r.server.Close(c.id, reason.Kicked) {
		t.Fatal("closed twice")
	}
	c.awaitDTLS(webrtc.DTLSTransportStateClosed)
	r.ledger.awaitReason(t, c.id, reason.Kicked)
}

// A server that stops says goodbye to all and leaves nothing behind.
func TestShutdown(t *testing.T) {
	r := newRoom(t, Config{})
	st := r.broadcast(testName, ordinary)
	var clients []*client
	for i := range 6 {
		clients = append(clients, r.watch(wish{tcp: i >= 4}))
	}
	for _, c := range clients {
		c.see()
	}
	half := r.watch(wish{dontComplete: true}) // has not connected yet
	r.stop()
	for _, c := range clients {
		r.ledger.awaitReason(t, c.id, reason.Shutdown)
		c.awaitDTLS(webrtc.DTLSTransportStateClosed)
		must(t, c.pc.GracefulClose())
	}
	r.ledger.awaitReason(t, half.id, reason.Shutdown)
	must(t, half.pc.GracefulClose())
	st.off()
	r.hub.Close()
	goleak.VerifyNone(t)
}

func offerOf(t *testing.T, w wish) *sdp.Offer {
	t.Helper()
	o, err := newPeer(t, w).CreateOffer(nil)
	must(t, err)
	offer, err := sdp.ParseOffer(o.SDP)
	must(t, err)
	return offer
}

// A server that stops takes nobody in.
func TestPlayAfterShutdown(t *testing.T) {
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	offer := offerOf(t, wish{})
	r.stop()
	reader, err := r.hub.Subscribe(t.Context(), testName)
	must(t, err)
	defer reader.Close()
	sel, err := offer.SelectPlay(reader.Tracks())
	must(t, err)
	if _, _, err := r.server.Play(offer, sel, reader, catalog.SubSecond); err != live.ErrShutdown {
		t.Fatalf("error %v", err)
	}
}

func TestMaxSessions(t *testing.T) {
	r := newRoom(t, Config{MaxSessions: 2})
	r.broadcast(testName, ordinary)
	r.watch(wish{dontComplete: true})
	second := r.watch(wish{dontComplete: true})
	offer, err := newPeer(t, wish{}).CreateOffer(nil)
	must(t, err)
	if _, _, err := r.play(testName, offer.SDP, catalog.SubSecond); err != ErrLimit {
		t.Fatalf("error %v", err)
	}
	r.server.Close(second.id, reason.Kicked)
	if _, _, err := r.play(testName, offer.SDP, catalog.SubSecond); err != nil {
		t.Fatalf("after one has gone: %v", err)
	}
}

// Where there is no room, who has not connected for long makes some.
func TestLateSessionsMakeRoom(t *testing.T) {
	r := newRoom(t, Config{MaxSessions: 3})
	r.broadcast(testName, ordinary)
	there := r.watch(wish{})
	there.see()
	late := r.watch(wish{dontComplete: true})
	ses := r.session(late.id)
	r.server.mu.Lock() // as makeRoom, which reads it
	ses.created = ses.created.Add(-patienceWhenFull)
	r.server.mu.Unlock()
	young := r.watch(wish{dontComplete: true})
	ses = r.session(young.id)
	r.server.mu.Lock() // however long this takes
	ses.created = ses.created.Add(2 * patience)
	r.server.mu.Unlock()
	offer, err := newPeer(t, wish{}).CreateOffer(nil)
	must(t, err)
	if _, _, err := r.play(testName, offer.SDP, catalog.SubSecond); err != nil {
		t.Fatal(err)
	}
	r.ledger.awaitReason(t, late.id, reason.NeverConnected)
	r.session(there.id)
	r.session(young.id)
	if _, _, err := r.play(testName, offer.SDP, catalog.SubSecond); err != ErrLimit {
		t.Fatalf("error %v", err)
	}
}

// Sessions that end in every phase of their beginning leave nothing. The
// room's checks at the end look for what is left.
func TestCloseWhileConnecting(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	for i := range 12 {
		rel := newRelay(t, r.server.Addr())
		var n atomic.Int32
		reached := make(chan struct{})
		rel.let(func(_ bool, b []byte) bool {
			if n.Add(1) == int32(i+1) {
				close(reached)
			}
			return true
		})
		c := r.watch(wish{reply: rel.instead})
		select {
		case <-reached:
		case <-time.After(patience):
			t.Fatal("nothing is sent")
		}
		r.server.Close(c.id, reason.Kicked)
		r.ledger.awaitReason(t, c.id, reason.Kicked)
		must(t, c.pc.Close())
	}
}

// Sessions that others end while the server stops are waited for: each has its
// closing line, and no reader of the hub is left.
func TestCloseDuringShutdown(t *testing.T) {
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	offer, err := newPeer(t, wish{}).CreateOffer(nil)
	must(t, err)
	var ids []string
	for range 200 {
		id, _, err := r.play(testName, offer.SDP, catalog.SubSecond)
		must(t, err)
		ids = append(ids, id)
	}
	var closing sync.WaitGroup
	for _, id := range ids[:150] {
		closing.Go(func() { r.server.Close(id, reason.Kicked) })
	}
	r.stop()
	closing.Wait()
	for _, id := range ids {
		r.ledger.await(t, id)
	}
}
