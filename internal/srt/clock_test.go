package srt

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/timeline"
)

// TestDrift has publishers' clocks run apart from ours for 26 hours, timestamps
// wrap included, and wants packets held back for as long as on the first day.
func TestDrift(t *testing.T) {
	const latency, jitter = 120_000, 30_000 // µs
	for name, c := range map[string]struct {
		ppm   int64
		ahead int64 // of its clock when the session begins, in µs
	}{"even": {}, "fast": {200, 2_000_000}, "slow": {-200, -3_000_000}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, 2))
			began := time.Now()
			var drift uint64
			clock := &peerClock{start: began, drift: &drift, unroll: timeline.Unroller{Bits: 32}}
			seen := timeline.Unroller{Bits: 32} // as the library unrolls
			least, most := int64(latency), int64(latency)
			for at := int64(5_000_000); at < (26 * time.Hour).Microseconds(); at += 200_000 {
				ts := uint32(at + at/1_000_000*c.ppm + c.ahead)
				came := at + random.Int64N(jitter)
				drift = uint64(clock.distance(began.Add(time.Duration(came)*time.Microsecond), ts))
				held := seen.Place(int64(ts)) + latency + int64(drift) - at // of one that came at once
				least, most = min(least, held), max(most, held)
			}
			if least < latency-5_000 || most > latency+jitter {
				t.Errorf("packets are held back for %d to %d µs", least, most)
			}
		})
	}
}

// brink is half a second before timestamps wrap around.
const brink = ^uint32(500_000)

// TestAPeersClock has publishers whose clocks the library would take for an hour
// ahead, and wrap around.
func TestAPeersClock(t *testing.T) {
	hour := uint32(time.Hour.Microseconds())
	for name, at := range map[string][]uint32{
		"an hour ahead": {hour},
		"wraps":         {brink, 40_000_000, 90_000_000}, // and goes on, out of the time around it
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := run(t, Config{})
			way := newWire(t, w.addr)
			way.set(at[0])
			in := newTape(t, w.dial(way.addr, publishID))
			got, sent := 0, 0
			for _, from := range at {
				way.set(from)
				way.awaitConfirmation(t)
				in.play(15)
				way.awaitWrap(t, from)
				way.awaitConfirmation(t)
				in.play(15)
				sent += 30
				r := w.reader("s")
				for got < sent-1 {
					f := next(t, r)
					if f.Track.Kind != media.Video {
						continue
					}
					for got < sent && !bytes.Equal(f.Data, tapeFrames(got)[media.Video].Data) {
						got++
					}
				}
				r.Close()
			}
		})
	}
}

// set has the caller's timestamps go on from at.
func (w *wire) set(at uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.from, w.moved = at, false
}

// move puts a packet of the caller onto the clock that was set.
func (w *wire) move(b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	handshake := len(b) > 1 && b[0] == 0x80 && b[1] == 0
	if w.from == 0 || len(b) < 16 || handshake {
		return
	}
	ts := binary.BigEndian.Uint32(b[8:])
	if !w.moved {
		w.moved, w.shift = true, w.from-ts
	}
	binary.BigEndian.PutUint32(b[8:], ts+w.shift)
	w.now = ts + w.shift
	if b[0] == 0x80 && b[1] == 6 { // ACKACK
		w.confirmed++
	}
}

// awaitConfirmation waits for the answer to an acknowledgement to pass.
func (w *wire) awaitConfirmation(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	before := w.confirmed
	w.mu.Unlock()
	w.await(t, func() bool { return w.confirmed > before })
}

// awaitWrap waits for timestamps that are about to wrap around to do so.
func (w *wire) awaitWrap(t *testing.T, from uint32) {
	t.Helper()
	w.await(t, func() bool { return from < brink || w.now < brink })
}

func (w *wire) await(t *testing.T, f func() bool) {
	t.Helper()
	until := time.After(bound)
	for {
		w.mu.Lock()
		ok := f()
		w.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-until:
			t.Fatal("nothing comes")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// hoard is a connection that holds back more and more.
type hoard struct {
	gosrt.Conn
	held   uint64
	closed bool
}

func (h *hoard) Stats(s *gosrt.Statistics) {
	h.held += 10 << 20
	s.Instantaneous.ByteRecvBuf = h.held
}
func (h *hoard) Close() error { h.closed = true; return nil }

// A publisher whose timestamps are so far ahead that what it sends piles up is ended.
func TestMediaAheadOfItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := live.NewHub(live.Options{})
		defer hub.Close()
		p, err := hub.Publish(live.Name{Domain: "d", App: "live", Stream: "s"}, "srt", "")
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close(reason.Limit)
		conn := &hoard{}
		g := &guarded{conn: conn}
		g.watch(t.Context(), p, time.Minute, nil)
		if why := endReason(g.explain(nil)); why != reason.Limit || !conn.closed || conn.held > maxHeld+10<<20 {
			t.Errorf("ended for %s at %d bytes", why, conn.held)
		}
	})
}

// The library keeps a place for the drift.
func TestPlaceOfDrift(t *testing.T) {
	w := run(t, Config{})
	c := w.dial(w.addr, publishID)
	if clock := newPeerClock(c); clock == nil || clock.start.IsZero() || time.Since(clock.start) > bound {
		t.Errorf("the clock is %v", clock)
	}
	if clock := newPeerClock(struct{ gosrt.Conn }{}); clock != nil {
		t.Errorf("a clock of nothing: %+v", clock)
	}
}
