package demo

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/message"
	"go.uber.org/goleak"

	"millrace/internal/media"
	"millrace/internal/rtmp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// arrival is one message as the server saw it.
type arrival struct {
	at    time.Time
	dts   time.Duration
	data  []byte
	video bool
}

// accept takes one publisher's connection and returns its URL and its first n
// media messages.
func accept(t *testing.T, l net.Listener, n int) (string, []arrival) {
	t.Helper()
	if err := l.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	sc := &gortmplib.ServerConn{RW: nc}
	for _, step := range []func() error{sc.Initialize, sc.AcceptConn, sc.AcceptAction} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	var got []arrival
	for len(got) < n {
		msg, err := sc.Read()
		if err != nil {
			t.Fatal(err)
		}
		switch m := msg.(type) {
		case *message.Video:
			if m.Type == message.VideoTypeAU {
				got = append(got, arrival{time.Now(), m.DTS, m.AU, true})
			}
		case *message.Audio:
			if m.AACType == message.AudioAACTypeAU {
				got = append(got, arrival{time.Now(), m.DTS, m.AU, false})
			}
		}
	}
	return sc.URL.String(), got
}

func TestPublisherKeepsPhaseAndComesBack(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p, err := NewPublisher(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx, "rtmp://"+l.Addr().String()+"/live/demo?auth_key=1-2-3-x") }()

	url, first := accept(t, l, 80)
	if want := "/live/demo?auth_key=1-2-3-x"; !strings.HasSuffix(url, want) {
		t.Errorf("published to %q, want …%s", url, want)
	}
	check(t, p.loop, first)
	_, second := accept(t, l, 10) // the server has hung up: it connects again
	check(t, p.loop, second)

	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run returned %v", err)
	}
}

// check compares what arrived with the loop: it begins with a key frame, is in
// order and complete, no frame came before the wall clock said so, and the promptest
// one soon after.
func check(t *testing.T, loop *Loop, got []arrival) {
	t.Helper()
	at := -1
	for _, k := range loop.keys {
		if bytes.Equal(loop.frames[k].Data, got[0].data) {
			at = k
		}
	}
	if at < 0 || got[0].dts != 0 {
		t.Fatalf("began with %d bytes at %v, not with a key frame at 0", len(got[0].data), got[0].dts)
	}
	began, soonest := loop.frames[at].DTS, loop.length
	for i, a := range got {
		round, n := (at+i)/len(loop.frames), (at+i)%len(loop.frames)
		f := loop.frames[n]
		if !bytes.Equal(f.Data, a.data) || (f.Track.Kind == media.Video) != a.video {
			t.Fatalf("message %d is not frame %d", i, n)
		}
		if want := time.Duration(f.DTS-began) + time.Duration(round)*loop.length; a.dts != want {
			t.Fatalf("message %d has timestamp %v, want %v", i, a.dts, want)
		}
		d := LoopStamp(loop.length, time.Duration(f.DTS)).Delay(a.at)
		if d < -time.Millisecond {
			t.Fatalf("message %d came %v after its time", i, d)
		}
		soonest = min(soonest, d)
	}
	if soonest > 3*time.Second {
		t.Fatalf("the promptest message came %v after its time", soonest)
	}
}

func TestPublisherRefusesOtherURLs(t *testing.T) {
	p, err := NewPublisher(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []string{"", "http://h/live/demo", "rtmp://h/live", "rtmp:///live/demo", "rtmp://h/live/"} {
		if err := p.Run(t.Context(), u); !errors.Is(err, rtmp.ErrURL) {
			t.Errorf("%q: %v", u, err)
		}
	}
}

func TestPublisherStopsWhileNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	lines := make(chan string, 100)
	p, err := NewPublisher(slog.New(slog.NewTextHandler(writer(lines), nil)))
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx, "rtmp://"+address+"/live/demo?auth_key=secret") }()
	line := <-lines
	<-lines // it has tried again
	cancel(cause)
	if err := <-done; err != nil {
		t.Errorf("Run returned %v", err)
	}
	if !strings.Contains(line, "stream=/live/demo ") || strings.Contains(line, "secret") {
		t.Errorf("logged %q", line)
	}
}

type writer chan string

func (w writer) Write(b []byte) (int, error) {
	w <- string(b)
	return len(b), nil
}
