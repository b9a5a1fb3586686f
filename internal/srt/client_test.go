package srt

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"

	"millrace/internal/live"
	"millrace/internal/reason"
)

// TestClient publishes and plays by the room's own client, and wants the frames
// that were sent.
func TestClient(t *testing.T) {
	w := run(t, Config{})
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	c, err := Dialer{}.Publish(ctx, "srt://"+w.addr+"?streamid=#!::r=/live/s?auth_key=k,m=publish")
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan error, 1)
	go func() { heard <- c.Listen() }()
	if q := w.asked(); q.App != "live" || q.Stream != "s" || q.AuthKey != "k" {
		t.Errorf("asked for %+v", q)
	}
	send := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			for _, f := range tapeFrames(i) {
				if err := c.Write(f); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := c.Announce(picture, sound); err != nil {
		t.Fatal(err)
	}
	send(0, 30)
	w.reader("s")
	p, err := Dialer{}.Play(ctx, "srt://"+w.addr+"?streamid=%23!::r=/live/s%3Faudio=opus,m=request")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	playing := make(chan int, 1)
	go func() {
		known := 0
		for known < 20 {
			f, err := p.Next()
			if err != nil {
				break
			}
			for i := range 60 {
				for _, sent := range tapeFrames(i) {
					if sent.Track.Kind == f.Track.Kind && bytes.Equal(sent.Data, f.Data) {
						known++
					}
				}
			}
		}
		playing <- known
	}()
	send(30, 60)
	if n := <-playing; n < 20 {
		t.Errorf("%d frames are known", n)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	<-heard
	w.ended(reason.ClosedByPeer)
}

func TestClientIsRefused(t *testing.T) {
	for deny, why := range map[error]reason.Reason{live.ErrNotFound: reason.NotFound, live.ErrTaken: reason.Taken, live.ErrShutdown: reason.Refused} {
		t.Run(string(why), func(t *testing.T) {
			t.Parallel()
			w := run(t, Config{})
			w.refuse(deny)
			_, err := Dialer{}.Play(t.Context(), "srt://"+w.addr+"?streamid=#!::r=/live/s,m=request")
			var told *RefusedError
			if !errors.As(err, &told) || told.Reason() != why {
				t.Errorf("told %v", err)
			}
		})
	}
}

// TestSilentServer wants a server that says nothing given up on.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = Dialer{}.Play(t.Context(), "srt://"+c.LocalAddr().String()+"?streamid=#!::r=/live/s")
	var said interface{ Reason() reason.Reason }
	if !errors.As(err, &said) || said.Reason() != reason.Unreachable {
		t.Errorf("told %v", err)
	}
}

func TestParseTarget(t *testing.T) {
	for raw, want := range map[string]target{
		"srt://h:1105": {addr: "h:1105"},
		"srt://[::1]:1105?streamid=#!::r=/live/s?auth_key=1-0-0-a,m=publish": {addr: "[::1]:1105", streamID: "#!::r=/live/s?auth_key=1-0-0-a,m=publish"},
		"srt://h:1/?passphrase=a%20long%20secret&streamid=%23!::r=a/b":       {"h:1", "#!::r=a/b", "a long secret"},
	} {
		if got, err := parseTarget(raw); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", raw, got, err)
		}
	}
	for _, raw := range []string{"", "srt://h", "srt://:", "rtmp://h:1", "h:1"} {
		if got, err := parseTarget(raw); !errors.Is(err, ErrURL) {
			t.Errorf("%q: got %+v, %v", raw, got, err)
		}
	}
}
