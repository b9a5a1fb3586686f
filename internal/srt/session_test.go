package srt

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/ts"
)

const (
	publishID = "#!::h=push.test,r=/live/s?auth_key=k,m=publish"
	playID    = "#!::h=play.test,r=/live/s?auth_key=k,m=request"
)

// What a publisher sends is what viewers get, to the byte.
func TestWhatGoesInComesOut(t *testing.T) {
	w := run(t, Config{})
	in := newTape(t, w.dial(w.addr, publishID))
	in.play(30)
	// What SRT holds back for repair is no delay of the capture's.
	if f := next(t, w.reader("s")); f.Arrived-f.Capture < int64(120*time.Millisecond) {
		t.Errorf("captured %v before it came", time.Duration(f.Arrived-f.Capture))
	}
	out := ts.NewReader(w.dial(w.addr, playID))
	if q := w.asked(); q.Host != "play.test" || q.Path != "/live/s" || q.AuthKey != "k" || q.Protocol != catalog.SRT {
		t.Errorf("admission was asked for %+v", q)
	}
	var got [2]int
	first := -1
	for got[media.Video] < 40 {
		in.play(1)
		f, err := out.Next()
		if err != nil {
			t.Fatal(err)
		}
		kind := f.Track.Kind
		if first < 0 {
			if kind != media.Video || !f.Key {
				continue // sound of before the key frame
			}
			for first = 0; !bytes.Equal(tapeFrames(first)[media.Video].Data, f.Data); first++ {
				if first > 1000 {
					t.Fatal("a picture that was never sent")
				}
			}
		}
		want := tapeFrames(first + got[kind])[kind]
		if !bytes.Equal(f.Data, want.Data) || f.Key != want.Key {
			t.Fatalf("%s %d is %d bytes, want %d", kind, got[kind], len(f.Data), len(want.Data))
		}
		got[kind]++
	}
	if f := got[media.Audio]; f < 20 {
		t.Errorf("%d sounds", f)
	}
}

// told says whether a caller was told a code, which the library writes to the
// base of 32.
func told(err error, code int64) bool {
	return strings.Contains(err.Error(), "("+strconv.FormatInt(code, 32)+")")
}

// Whoever is refused gets the code that says why.
func TestRejectCodes(t *testing.T) {
	w := run(t, Config{})
	for _, c := range []struct {
		id   string
		deny error
		why  reason.Reason
		code int64
	}{
		{publishID, &catalog.Denied{Reason: reason.Auth}, reason.Auth, 1401},
		{playID, &catalog.Denied{Reason: reason.Mode}, reason.Mode, 1403},
		{publishID, &catalog.Denied{Reason: reason.UnknownDomain}, reason.UnknownDomain, 1403},
		{publishID, fmt.Errorf("admit: %w", live.ErrTaken), reason.Taken, 1409},
		{playID, nil, reason.NotFound, 1404},
		{publishID, live.ErrShutdown, reason.Shutdown, 1503},
		{publishID, errors.New("a fault"), reason.Internal, 1500},
		{"live/s", nil, reason.BadRequest, 1400},
		{"#!::r=/live/s,m=bidirectional", nil, reason.BadRequest, 1405},
		{"", nil, reason.BadRequest, 1400},
	} {
		w.refuse(c.deny)
		conn, err := dial(w.addr, c.id, "")
		if err == nil {
			_ = conn.Close()
			t.Fatalf("%s: admitted", c.why)
		}
		if e := w.ended(c.why); e.code != c.code || !told(err, c.code) {
			t.Errorf("%s: code %d, want %d; the caller says %v", c.why, e.code, c.code, err)
		}
	}
}

func TestPassphrases(t *testing.T) {
	const right, wrong = "correct horse battery", "wrong horse battery"
	for _, c := range []struct {
		ours, theirs string
		code         int64
	}{{right, wrong, 1010}, {right, "", 1011}, {"", right, 1011}} {
		w := run(t, Config{Passphrase: c.ours})
		if conn, err := dial(w.addr, publishID, c.theirs); err == nil {
			_ = conn.Close()
			t.Fatalf("%q is taken for %q", c.theirs, c.ours)
		}
		if e := w.ended(reason.Auth); e.code != c.code {
			t.Errorf("%q for %q: code %d, want %d", c.theirs, c.ours, e.code, c.code)
		}
	}
	w := run(t, Config{Passphrase: right})
	conn, err := dial(w.addr, publishID, right)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	newTape(t, conn).play(20)
	f, sent := next(t, w.reader("s")), false
	for i := range 20 {
		sent = sent || bytes.Equal(f.Data, tapeFrames(i)[f.Track.Kind].Data)
	}
	if !sent {
		t.Error("what comes out is not what was encrypted")
	}
}

// vanished is the silence that peers who have not vanished do not keep, however starved
// the machine is.
const vanished = 4 * time.Second

// A publisher that vanishes ends within the timeout, and one that comes back
// goes on with the stream; each end has its reason.
func TestAPublisherVanishesAndComesBack(t *testing.T) {
	t.Parallel()
	w := run(t, Config{PeerTimeout: vanished})
	way := newWire(t, w.addr)
	newTape(t, w.dial(way.addr, publishID)).play(20)
	r := w.reader("s")
	last := next(t, r)
	way.sever()
	w.ended(reason.PeerGone)

	again := w.dial(w.addr, publishID)
	newTape(t, again).play(20)
	for {
		f := next(t, r)
		if f.Track.Kind == last.Track.Kind && f.DTS < last.DTS {
			t.Fatalf("%s runs back from %d to %d", f.Track.Kind, last.DTS, f.DTS)
		}
		if f.Track.Kind == last.Track.Kind {
			last = f
		}
		if f.Discontinuity {
			break
		}
	}
	_ = again.Close()
	w.ended(reason.ClosedByPeer)
}

func TestAViewerVanishes(t *testing.T) {
	t.Parallel()
	w := run(t, Config{PeerTimeout: vanished})
	in := newTape(t, w.dial(w.addr, publishID))
	in.play(20)
	w.reader("s")
	way := newWire(t, w.addr)
	if _, err := ts.NewReader(w.dial(way.addr, playID)).Next(); err != nil {
		t.Fatal(err)
	}
	way.sever()
	w.ended(reason.PeerGone)
	viewer := w.dial(w.addr, playID)
	_ = viewer.Close()
	w.ended(reason.ClosedByPeer)
}

func TestLimits(t *testing.T) {
	w := run(t, Config{MaxConnections: 1})
	w.dial(w.addr, publishID)
	if conn, err := dial(w.addr, publishID, ""); err == nil {
		_ = conn.Close()
		t.Fatal("a second connection is admitted")
	} else if !told(err, 1402) {
		t.Errorf("the caller says %v", err)
	}
}

// Who says nothing is in the way, and ended for that.
func TestIdle(t *testing.T) {
	t.Parallel()
	w := run(t, Config{IdleTimeout: time.Second})
	w.dial(w.addr, publishID)
	w.ended(reason.IdleTimeout)
}

// The end of the server ends everybody, with a goodbye.
func TestShutdown(t *testing.T) {
	w := run(t, Config{})
	in := w.dial(w.addr, publishID)
	newTape(t, in).play(20)
	w.reader("s")
	viewer := w.dial(w.addr, playID)
	if _, err := ts.NewReader(viewer).Next(); err != nil {
		t.Fatal(err)
	}
	w.stop()
	w.ended(reason.Shutdown)
	w.ended(reason.Shutdown)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = in.Read(make([]byte, 2048))
	}()
	select {
	case <-ended:
	case <-time.After(bound):
		t.Error("the publisher was not told")
	}
}

// A source without anything that is carried is ended for it.
func TestForeignCodec(t *testing.T) {
	w := run(t, Config{})
	conn := w.dial(w.addr, publishID)
	if _, err := conn.Write(mpeg2Tables()); err != nil {
		t.Fatal(err)
	}
	if e := w.ended(reason.Codec); !strings.Contains(e.text, "MPEG-2") {
		t.Errorf("it says %s", e.text)
	}
}
