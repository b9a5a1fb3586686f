package client

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"testing"
	"time"

	"millrace/internal/config"
)

// With one datagram in twenty lost on each of four ways, all that was published
// is played, in order.
func TestLoss(t *testing.T) {
	s := newServer(t)
	in, inURL := lossy(t, s, 0.05, 7)
	out, outURL := lossy(t, s, 0.05, 8)
	c := clipOf(t, withBFrames)
	video := trackOf(c.video)
	video.BFrames = true
	pub := publish(t, inURL(s.whip("loss")), PublishOptions{Video: video, Audio: trackOf(c.audio)})
	stop := air(t, pub, c)
	p := play(t, outURL(s.whep("loss")), PlayOptions{Patience: 5 * time.Second})
	f := newFollower(t, c)
	f.slack[Video] = 250 * time.Millisecond // what came by a repeat is placed once later pictures have been slewed
	f.follow(p, 200, 320)
	st := p.Stats()
	if st.NACKed == 0 || st.Recovered == 0 || pub.Stats().Recovered == 0 {
		t.Errorf("player %+v, publisher %+v", st, pub.Stats())
	}
	for _, r := range []*relay{in, out} {
		r.mu.Lock()
		if r.lost[0] == 0 || r.lost[1] == 0 {
			t.Errorf("lost %v, passed %v", r.lost, r.passed)
		}
		r.mu.Unlock()
	}
	stop()
	must(t, pub.Close())
	must(t, p.Close())
	s.explain(f, pub, p)
}

// A server that is started again on its port gets its publisher and its viewer
// back, without anybody's help.
func TestReconnect(t *testing.T) {
	s := newServer(t)
	c := clipOf(t, plain)
	quick := Connection{Reconnect: Reconnect{Attempts: 1000, Least: 20 * time.Millisecond, Most: 100 * time.Millisecond}}
	pub := publish(t, s.artc("again"), PublishOptions{Video: trackOf(c.video), Audio: trackOf(c.audio), Connection: quick})
	air(t, pub, c)
	quick.Reconnect.Initial = true
	p := play(t, s.artc("again"), PlayOptions{Connection: quick})
	var last [2]time.Duration
	take := func() AccessUnit {
		u := next(t, p)
		if u.DTS <= last[u.Kind] && last[u.Kind] != 0 {
			t.Fatalf("%s at %v after %v", u.Kind, u.DTS, last[u.Kind])
		}
		last[u.Kind] = u.DTS
		return u
	}
	for range 50 {
		take()
	}
	<-pub.KeyFrameRequested() // by the first connection
	s.stop()
	s.start()
	seen := [2]bool{}
	for !seen[Video] || !seen[Audio] {
		u := take()
		if u.Discontinuity && (u.Kind == Audio || u.Key) && p.Stats().Reconnects > 0 {
			seen[u.Kind] = true
		}
	}
	<-pub.KeyFrameRequested()
	await(t, "both", func() bool {
		in, out := pub.Stats(), p.Stats()
		return in.Reconnects > 0 && in.State == Connected && in.Dropped > 0 && out.Reconnects > 0 && out.State == Connected && out.Err == nil
	})
}

// Without reconnection the end of the server is the end.
func TestNoReconnect(t *testing.T) {
	s := newServer(t)
	c := clipOf(t, plain)
	off := Connection{Reconnect: Reconnect{Off: true}}
	pub := publish(t, s.whip("off"), PublishOptions{Video: trackOf(c.video), Connection: off})
	u := c.units()[0]
	for _, u = range c.units() {
		if u.Kind == Video {
			break
		}
	}
	must(t, pub.Write(t.Context(), u))
	p := play(t, s.whep("off"), PlayOptions{})
	_ = next(t, p)
	s.stop()
	select {
	case <-pub.Done():
	case <-time.After(patience):
		t.Fatal("the publisher does not end")
	}
	if !errors.Is(pub.Err(), ErrGoodbye) || !errors.Is(pub.Write(t.Context(), u), ErrGoodbye) || !errors.Is(pub.Close(), ErrGoodbye) {
		t.Errorf("error %v", pub.Err())
	}
}

// Refusals say what they are, and those that are final are not repeated.
func TestRefusals(t *testing.T) {
	s := newServer(t)
	many := Connection{Reconnect: Reconnect{Initial: true, Attempts: 3, Least: time.Millisecond, Most: time.Millisecond}}
	var status *StatusError
	_, err := Play(t.Context(), s.whep("nobody"), PlayOptions{Connection: many})
	if !errors.As(err, &status) || status.Status != http.StatusNotFound || status.Reason != "not_found" || status.Permanent() || status.Detail == "" {
		t.Errorf("nobody: %v", err)
	}
	_, err = Play(t.Context(), s.artc("a b"), PlayOptions{Connection: many})
	if !errors.As(err, &status) || status.Status != http.StatusBadRequest || !status.Permanent() {
		t.Errorf("bad name: %v", err)
	}
	c := clipOf(t, plain)
	o := PublishOptions{Video: trackOf(c.video), Audio: trackOf(c.audio)}
	air(t, publish(t, s.whip("taken"), o), c)
	if _, err = Publish(t.Context(), s.artc("taken"), o); err == nil || (!errors.As(err, &status) || status.Status != http.StatusConflict || status.Reason != "taken") {
		t.Errorf("taken: %v", err)
	}
	var track *TrackError
	if _, err = Publish(t.Context(), s.whip("x"), PublishOptions{Audio: &Track{Kind: Audio, Codec: AAC}}); !errors.As(err, &track) {
		t.Errorf("AAC without configuration: %v", err)
	}
	for _, url := range []string{"", "rtmp://h/a/s", "http://", "artc:///live/s", "http://u:p@h/a/s", "http://h", "%"} {
		if _, err := Play(t.Context(), url, PlayOptions{}); err == nil {
			t.Errorf("%q was played", url)
		}
	}
	dead := Connection{Reconnect: Reconnect{Initial: true, Attempts: 2, Least: time.Millisecond}}
	if _, err := Play(t.Context(), "http://"+ownAddress(t)+"/whep/live/s", PlayOptions{Connection: dead}); err == nil || errors.As(err, &status) {
		t.Errorf("nobody listens: %v", err)
	}
}

// A context ends what it was given to, and Close everything else.
func TestCancel(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	go func() {
		_, err := Play(ctx, s.whep("later"), PlayOptions{Connection: Connection{Reconnect: Reconnect{Initial: true, Attempts: 1 << 20, Least: time.Millisecond, Most: 10 * time.Millisecond}}})
		asked <- err
	}()
	cancel()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Errorf("play: %v", err)
	}
	c := clipOf(t, plain)
	pub := publish(t, s.whip("cancel"), PublishOptions{Video: trackOf(c.video), Audio: trackOf(c.audio)})
	stop := air(t, pub, c)
	p := play(t, s.whep("cancel"), PlayOptions{})
	_ = next(t, p)
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	for {
		_, err := p.Next(ctx)
		if errors.Is(err, context.Canceled) {
			break
		}
		must(t, err)
	}
	_ = next(t, p)
	stop()
	must(t, p.Close())
	must(t, p.Close())
	if _, err := p.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("next: %v", err)
	}
	must(t, pub.Close())
	if err := pub.Write(t.Context(), c.units()[0]); !errors.Is(err, ErrClosed) {
		t.Errorf("write: %v", err)
	}
}

// A connection on which nothing comes any more is noticed, without a goodbye,
// and made again.
func TestSilence(t *testing.T) {
	s := newServer(t)
	s.airRTMP("silence", clipOf(t, plain))
	link, url := lossy(t, s, 0, 1)
	quick := Connection{Reconnect: Reconnect{Initial: true, Attempts: 1000, Least: 20 * time.Millisecond, Most: 100 * time.Millisecond}}
	p := play(t, url(s.whep("silence")), PlayOptions{Connection: quick})
	_ = next(t, p)
	link.lose(1)
	await(t, "notice", func() bool { return p.Stats().State != Connected })
	if err := p.Stats().Err; err != nil && !errors.Is(err, ErrLost) && !errors.Is(err, ErrTimeout) {
		t.Errorf("noticed as %v", err)
	}
	link.lose(0)
	for {
		if u := next(t, p); u.Discontinuity && p.Stats().Reconnects > 0 {
			return
		}
	}
}

// Certificates are checked, unless the caller says otherwise.
func TestTLS(t *testing.T) {
	at := ownAddress(t)
	s := newServer(t, func(c *config.Config) { c.TLS, c.HTTPSAddr = true, at })
	s.airRTMP("tls", clipOf(t, plain))
	secure := eventually
	secure.HTTPS = true
	var bad *tls.CertificateVerificationError
	if _, err := Play(t.Context(), "artc://"+at+"/live/tls", PlayOptions{Connection: secure}); !errors.As(err, &bad) {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
	secure.TLS = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // what is tested
	for _, url := range []string{"artc://" + at + "/live/tls", "https://" + at + "/whep/live/tls"} {
		p := play(t, url, PlayOptions{Connection: secure})
		_ = next(t, p)
		must(t, p.Close())
	}
}
