package rtc

import (
	"errors"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"millrace/internal/catalog"
	"millrace/internal/media"
	"millrace/internal/wire/sdp"
)

// restart makes pc's peer restart ICE, with the answer that a function writes.
func (r *room) restart(pc *webrtc.PeerConnection, id string, reply func(*sdp.Offer, sdp.Transport) string) {
	r.t.Helper()
	o, err := pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	must(r.t, err)
	gathered := webrtc.GatheringCompletePromise(pc)
	must(r.t, pc.SetLocalDescription(o))
	<-gathered
	offer, err := sdp.ParseOffer(pc.LocalDescription().SDP)
	must(r.t, err)
	tr, err := r.server.Restart(id, offer.Ufrag, offer.Pwd)
	must(r.t, err)
	must(r.t, pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: reply(offer, tr)}))
}

// awaitRestart waits until the old credentials are forgotten.
func (ses *session) awaitRestart(t testing.TB, old string, next func()) {
	t.Helper()
	limit := time.Now().Add(patience)
	for {
		ses.mu.Lock()
		done := ses.ufrag != old && ses.next == nil
		ses.mu.Unlock()
		if known, _ := ses.server.byUfrag(old); done && known == nil {
			return
		}
		if time.Now().After(limit) {
			t.Fatal("the restart does not end")
		}
		next()
	}
}

// A publisher that restarts ICE goes on where it was.
func TestPublisherRestartsICE(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	cam := r.film(lens{})
	cam.roll(handheld)
	l := r.logOf(testName)
	l.next(media.Video)
	start := l.pos
	ses := r.session(cam.id)
	ses.mu.Lock()
	old, keys := ses.ufrag, ses.secured
	ses.mu.Unlock()
	r.restart(cam.pc, cam.id, func(o *sdp.Offer, tr sdp.Transport) string {
		if tr.Ufrag == old || len(tr.Candidates) == 0 {
			t.Fatalf("our end is %+v", tr)
		}
		rec, err := o.SelectPublish(sdp.Ingest{})
		must(t, err)
		return o.AnswerPublish(rec, tr)
	})
	ses.awaitRestart(t, old, func() { l.next(media.Video) })
	l.pos = start
	if missing := l.follow(media.Video, 500); missing != 0 { // what is lost meanwhile is repaired
		t.Fatalf("%d packets are missing", missing)
	}
	ses.mu.Lock()
	defer ses.mu.Unlock()
	if ses.secured != keys {
		t.Fatal("DTLS did not go on")
	}
}

// So does a viewer.
func TestViewerRestartsICE(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{})
	was := c.see()
	ses := r.session(c.id)
	ses.mu.Lock()
	old := ses.ufrag
	ses.mu.Unlock()
	video, audio := ses.reader().Tracks()
	r.restart(c.pc, c.id, func(o *sdp.Offer, tr sdp.Transport) string {
		sel, err := o.SelectPlay(video, audio)
		must(t, err)
		v := ses.viewer
		tr.VideoSSRC, tr.VideoRTXSSRC, tr.AudioSSRC, tr.AudioRTXSSRC = v.video.ssrc, v.video.rtxSSRC, v.audio.ssrc, v.audio.rtxSSRC
		return o.Answer(sel, tr)
	})
	check := func() {
		s := c.see()
		if s.time <= was.time {
			t.Fatalf("picture %v follows %v", s.time, was.time)
		}
		was = s
	}
	ses.awaitRestart(t, old, check)
	for range 50 {
		check()
	}
}

// A restart that nothing comes of leaves the session as it is, and a session
// that has ended has none.
func TestRestartThatComesToNothing(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{mode: catalog.SubSecond})
	c.see()
	first, err := r.server.Restart(c.id, "abcd", "a password of some length")
	must(t, err)
	second, err := r.server.Restart(c.id, "efgh", "a password of some length")
	must(t, err)
	if first.Ufrag == second.Ufrag || first.Pwd == second.Pwd {
		t.Fatal("two restarts have the same credentials")
	}
	if ses, _ := r.server.byUfrag(first.Ufrag); ses != nil {
		t.Fatal("the first restart's credentials are still known")
	}
	if ses, own := r.server.byUfrag(second.Ufrag); ses == nil || own.pwd != second.Pwd || own.remoteUfrag != "efgh" {
		t.Fatal("the second restart's credentials are not known")
	}
	for range 30 {
		c.see()
	}
	must(t, c.pc.Close())
	r.ledger.await(t, c.id)
	if _, err := r.server.Restart(c.id, "abcd", "a password of some length"); !errors.Is(err, ErrNoSession) {
		t.Fatalf("error %v", err)
	}
}
