package rtmp

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

func (w *world) watch(rest string) *Player {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), bound)
	defer cancel()
	p, err := Dialer{}.Play(ctx, w.url(rest))
	must(w.t, err)
	w.t.Cleanup(func() { p.Close() })
	return p
}

// TestPlayer wants what a Player reads to be what was published.
func TestPlayer(t *testing.T) {
	want := clip(t, "-bf", "2", "-c:a", "aac")
	w := runFor(t, unhurried, time.Millisecond)
	pub := w.publish(firstTracks(want), inOrder(want)...)
	p := w.watch("live/s?auth_key=" + token)
	var got [2][]*media.Frame
	for {
		f, err := p.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		got[f.Track.Kind] = append(got[f.Track.Kind], f)
		pub.Close(reason.ClosedByPeer)
	}
	if video, audio, known := p.Promised(); !video || !audio || !known {
		t.Errorf("promised are %v and %v, known %v", video, audio, known)
	}
	compare(t, want, got, true)
	if q := w.lastRequest(); q.AuthKey != token || q.Path != "/live/s" {
		t.Errorf("asked for %+v", q)
	}
}

// TestPlayerTakesOpus is what keeps sound from being converted between servers.
func TestPlayerTakesOpus(t *testing.T) {
	w := run(t, unhurried)
	opus := &media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: 48000, Channels: 2}
	packet := []byte{0xfc, 1, 2, 3}
	w.publish([2]*media.Track{small, opus}, picture(small, 0, idr), sound(opus, 0, string(packet)))
	p := w.watch("live/s")
	for {
		f, err := p.Next()
		must(t, err)
		if f.Track.Kind != media.Audio {
			continue
		}
		if f.Track.Codec != media.Opus || !bytes.Equal(f.Data, packet) {
			t.Errorf("sound is %+v", f)
		}
		return
	}
}

func TestPlayerIsRefused(t *testing.T) {
	w := run(t, Config{})
	w.refuse(live.ErrNotFound)
	_, err := Dialer{}.Play(t.Context(), w.url("live/s"))
	var told *StatusError
	if !errors.As(err, &told) || told.Code != codeNoStream {
		t.Errorf("error is %v", err)
	}
}

// TestSilentServer wants the opening of a connection bounded by its context, though the
// server says nothing.
func TestSilentServer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer ln.Close()
	late := errors.New("late")
	for _, scheme := range []string{"rtmp", "rtmps"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := Dialer{}.Play(ctx, scheme+"://"+ln.Addr().String()+"/live/s")
			ended <- err
		}()
		c, err := ln.Accept()
		must(t, err)
		defer c.Close()
		cancel(late)
		select {
		case err := <-ended:
			if !errors.Is(err, late) && !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", scheme, err)
			}
		case <-time.After(bound):
			t.Fatalf("%s: it hangs", scheme)
		}
	}
}

// TestPlayerCloses wants Close to end a Next that waits.
func TestPlayerCloses(t *testing.T) {
	w := run(t, Config{})
	w.publish([2]*media.Track{small, nil}, picture(small, 0, idr))
	p := w.watch("live/s")
	_, err := p.Next()
	must(t, err)
	ended := make(chan error, 1)
	go func() {
		_, err := p.Next()
		ended <- err
	}()
	must(t, p.Close())
	if err := <-ended; err == nil {
		t.Error("there was another frame")
	}
	w.ended(reason.ClosedByPeer)
}

// TestClientListens wants a publisher to hear of its end without writing.
func TestClientListens(t *testing.T) {
	w := run(t, Config{})
	c := w.dial("live/s")
	heard := make(chan error, 1)
	go func() { heard <- c.Listen() }()
	must(t, c.Announce(small, nil), c.Write(picture(small, 0, idr)))
	w.reader("s")
	w.hub.Close()
	var told *StatusError
	if err := <-heard; !errors.As(err, &told) || told.Code != codePublishFailed {
		t.Errorf("heard %v", err)
	}

	w = run(t, Config{})
	c = w.dial("live/s")
	go func() { heard <- c.Listen() }()
	must(t, c.Announce(small, nil), c.Write(picture(small, 0, idr)), c.Close())
	<-heard
	w.ended(reason.ClosedByPeer)
}

// TestOverTLS publishes and plays by rtmps:// URLs, to a server whose certificate is
// known, and not to one whose certificate is not.
func TestOverTLS(t *testing.T) {
	w := run(t, unhurried)
	known := httptest.NewTLSServer(nil)
	defer known.Close()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := New(unhurried, admission{w.admit, w.play}, slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry()))
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- s.Serve(ctx, tls.NewListener(plain, &tls.Config{Certificates: known.TLS.Certificates, MinVersion: tls.VersionTLS12}), catalog.RTMPS)
	}()
	defer func() { cancel(); must(t, <-served) }()
	url := "rtmps://" + plain.Addr().String() + "/live/s"
	if _, err := (Dialer{}).Publish(t.Context(), url); err == nil {
		t.Error("a certificate that nobody knows is trusted")
	}
	roots := x509.NewCertPool()
	roots.AddCert(known.Certificate())
	d := Dialer{TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	c, err := d.Publish(t.Context(), url)
	must(t, err)
	must(t, c.Announce(small, nil), c.Write(picture(small, 0, idr)))
	w.reader("s")
	p, err := d.Play(t.Context(), url)
	must(t, err)
	f, err := p.Next()
	must(t, err)
	if !f.Key || !bytes.Equal(f.Data, picture(small, 0, idr).Data) {
		t.Errorf("got %+v", f)
	}
	must(t, p.Close(), c.Close())
}

// TestUnbegun wants who plays a stream that does not begin in time told so, however
// little time there is to publish.
func TestUnbegun(t *testing.T) {
	w := run(t, Config{StartTimeout: time.Millisecond})
	p, err := w.hub.Publish(live.Name{Domain: "d", App: "live", Stream: "s"}, "test", "")
	must(t, err)
	defer p.Close(reason.ClosedByPeer)
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	_, err = Dialer{}.Play(ctx, w.url("live/s"))
	var told *StatusError
	if !errors.As(err, &told) || *told != (StatusError{codePlayFailed, live.ErrLate.Error()}) {
		t.Errorf("the player was told %v", err)
	}
	w.ended(reason.Timeout)
}
