package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"millrace/internal/media"
)

// packetsOf returns the numbers that a repair releases at a time.
func packetsOf(r *repair, now time.Time) (out []int64, broken bool) {
	for {
		pk, gap := r.take(now, time.Second)
		broken = broken || gap
		if pk == nil {
			return out, broken
		}
		out = append(out, pk.Seq)
	}
}

func TestRepair(t *testing.T) {
	var r repair
	at := time.Unix(1e9, 0)
	put := func(low uint16) bool { return r.put(low, &media.Packet{}, at) }
	put(65534)
	put(1) // 65535 and 0 are missing, over the roll-over
	if out, _ := packetsOf(&r, at); len(out) != 1 {
		t.Fatalf("%v was released", out)
	}
	wanted, again := r.ask(at, 0, time.Second)
	if len(wanted) != 2 || wanted[0] != 65535 || wanted[1] != 0 || again.Sub(at) != askLeast {
		t.Fatalf("asked for %v, again at %v", wanted, again.Sub(at))
	}
	if wanted, _ = r.ask(at.Add(askLeast-1), 0, time.Second); len(wanted) != 0 {
		t.Fatalf("asked for %v too early", wanted)
	}
	if !put(0) || put(0) {
		t.Fatal("a repeat is taken once")
	}
	at = at.Add(time.Second)
	out, broken := packetsOf(&r, at)
	if len(out) != 2 || !broken || r.lost != 1 || out[1]-out[0] != 1 {
		t.Fatalf("released %v, broken %v, lost %d", out, broken, r.lost)
	}
	if put(65535) {
		t.Fatal("what was given up comes too late")
	}
	put(2)
	if out, broken = packetsOf(&r, at); len(out) != 1 || broken {
		t.Fatalf("released %v, broken %v", out, broken)
	}
	// Numbers that begin anew are not waited for.
	put(20000)
	if out, _ = packetsOf(&r, at); len(out) != 1 {
		t.Fatalf("released %v", out)
	}
}

func unitAt(k Kind, ms int, key bool) AccessUnit {
	at := time.Duration(ms) * time.Millisecond
	return AccessUnit{Kind: k, DTS: at, PTS: at, Key: key, Data: make([]byte, 10)}
}

// A player that is not read keeps the newest group of pictures with its sound.
func TestQueueDrops(t *testing.T) {
	q := newQueue(time.Second)
	for ms := 0; ms <= 2000; ms += 100 {
		q.push(unitAt(Video, ms, ms%600 == 0))
		q.push(unitAt(Audio, ms+1, true))
	}
	u, err := q.pop(t.Context())
	must(t, err)
	if u.Kind != Video || !u.Key || !u.Discontinuity || q.lost() == 0 {
		t.Fatalf("first %+v after %d dropped", u, q.lost())
	}
	if u, err = q.pop(t.Context()); err != nil || u.Kind != Audio || !u.Discontinuity {
		t.Fatalf("then %+v, %v", u, err)
	}
	if u, err = q.pop(t.Context()); err != nil || u.Discontinuity {
		t.Fatalf("then %+v, %v", u, err)
	}
	// A group that is longer than the queue goes as a whole.
	q = newQueue(time.Second)
	for ms := 0; ms <= 3000; ms += 100 {
		q.push(unitAt(Video, ms, ms == 0 || ms == 2500))
	}
	if u, err = q.pop(t.Context()); err != nil || !u.Key || u.DTS != 2500*time.Millisecond {
		t.Fatalf("first %+v, %v", u, err)
	}
	q.end(ErrClosed, true)
	if _, err = q.pop(t.Context()); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

// The first units wait until it is known how the media belong together.
func TestStep(t *testing.T) {
	video, audio := &media.Track{Kind: media.Video}, &media.Track{Kind: media.Audio}
	at := time.Unix(1e9, 0)
	f := func(tr *media.Track, ms int64) unit {
		return unit{frame: &media.Frame{Track: tr, DTS: media.Time(ms * 1e6), Arrived: at.UnixNano()}}
	}
	s := step{expects: [2]bool{true, true}}
	if out := s.take(f(video, 5000), at); out != nil {
		t.Fatal("pictures alone")
	}
	s.report(media.Video, 7e9, 5000e6)
	if out := s.take(f(audio, 100), at); out != nil {
		t.Fatal("before the report on sound")
	}
	s.report(media.Audio, 7e9, 200e6)
	out := s.take(f(audio, 120), at)
	if len(out) != 3 || out[0].frame.Track != audio || out[0].wall != 6900e6 || out[2].wall != 7000e6 {
		t.Fatalf("%+v", out)
	}
	s.report(media.Audio, 9e9, 200e6) // later reports move nothing
	if out = s.take(f(audio, 140), at); len(out) != 1 || out[0].wall != 6940e6 {
		t.Fatalf("%+v", out)
	}
	s = step{expects: [2]bool{true, true}}
	_ = s.take(f(video, 5000), at)
	if out = s.release(at.Add(reportWait)); len(out) != 1 || out[0].wall != at.UnixNano() {
		t.Fatalf("without sound and reports: %+v", out)
	}
}

func TestPauses(t *testing.T) {
	r := Reconnect{Least: 100 * time.Millisecond, Most: time.Second}
	for n, want := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		if got := r.pause(n); got < want*time.Millisecond*7/8 || got > want*time.Millisecond*9/8 {
			t.Errorf("pause %d is %v", n, got)
		}
	}
	if (&Reconnect{Off: true, Attempts: 5}).attempts() != 0 || (&Reconnect{}).attempts() != 10 {
		t.Error("attempts")
	}
}

// ending is a connection that ends by itself.
type ending struct {
	err   error
	after time.Duration
}

func (e ending) serve(context.Context) error {
	<-time.After(e.after)
	return e.err
}

func TestKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		k := &keeper{policy: Reconnect{Attempts: 3}, count: &counters{}}
		k.connect = func(context.Context) (connection, error) {
			if calls++; calls == 2 {
				return ending{ErrLost, steady}, nil
			}
			return nil, &StatusError{Status: 503}
		}
		var status *StatusError
		err := k.run(t.Context(), ending{ErrGoodbye, 0})
		if !errors.As(err, &status) || calls != 5 || k.count.stats().Reconnects != 1 {
			t.Errorf("%v after %d calls: %+v", err, calls, k.count.stats())
		}
		calls = 0
		k = &keeper{policy: Reconnect{Attempts: 3}, count: &counters{}}
		k.connect = func(context.Context) (connection, error) { calls++; return nil, &StatusError{Status: 406} }
		if err = k.run(t.Context(), ending{ErrLost, 0}); !errors.As(err, &status) || calls != 1 {
			t.Errorf("%v after %d calls", err, calls)
		}
		ctx, cancel := context.WithCancel(t.Context())
		k = &keeper{policy: Reconnect{Attempts: 3}, count: &counters{}}
		k.connect = func(context.Context) (connection, error) { cancel(); return nil, ErrLost }
		if err = k.run(ctx, ending{ErrLost, 0}); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}

// A key frame is spaced; pictures of ordinary size are not held.
func TestPacer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer()
		send := func(size int) time.Duration {
			began := time.Now()
			for sent := 0; sent < size; sent += 1150 {
				if !p.wait(t.Context(), 1150, sent == 0) {
					t.Fatal("ended")
				}
			}
			return time.Since(began)
		}
		if d := send(10_000); d != 0 {
			t.Errorf("10 kB took %v", d)
		}
		<-time.After(40 * time.Millisecond)
		if d := send(90_000); d < 15*time.Millisecond || d > 33*time.Millisecond {
			t.Errorf("90 kB took %v", d)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if p.wait(ctx, 1<<20, true) {
			t.Error("waited for a packet although nobody wants it")
		}
	})
}

func TestNTP(t *testing.T) {
	for _, ns := range []int64{0, 1, 1e9 + 999_999_999, 1_700_000_000_123_456_789} {
		if got := fromNTP(ntp(ns)); got > ns || ns-got > 1 {
			t.Errorf("%d comes back as %d", ns, got)
		}
	}
}
