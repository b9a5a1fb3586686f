package live

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// patience bounds how long a test waits for what must happen; reaching it means
// that somebody was not woken.
const patience = time.Minute

func patient(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, errors.New("nobody woke the reader"))
	t.Cleanup(cancel)
	return ctx
}

// A reader at the head always wakes: the next frame is written only after
// every reader has the last one, so that a lost wake-up stops everything.
func TestNoWakeUpIsLost(t *testing.T) {
	for _, readers := range []int{1, 2, 16} {
		t.Run(strconv.Itoa(readers), func(t *testing.T) {
			const rounds = 3000
			h := newTestHub(t, Options{})
			p := publish(t, h, testName)
			p.Announce(nil, testAudio) // wherever a reader begins, it is at the newest frame
			ctx := patient(t)
			got := make(chan int64, readers)
			var all sync.WaitGroup
			for range readers {
				r := subscribe(t, h, testName)
				all.Go(func() {
					for range rounds {
						f, err := r.Next(ctx)
						if err != nil {
							t.Errorf("next: %v", err)
							got <- -1
							return
						}
						got <- int64(f.DTS)
					}
				})
			}
			stuck := false
			for i := 0; i < rounds && !stuck; i++ {
				f := sound(time.Duration(i) * time.Millisecond)
				write(t, p, f)
				for range readers {
					at := <-got
					if at != int64(f.DTS) {
						t.Errorf("round %d: read frame %d, want %d", i, at, f.DTS)
						stuck = true
					}
				}
			}
			if stuck {
				h.Close()
			}
			all.Wait()
			if r := h.Stats(); len(r) > 0 && r[0].Readers != readers {
				t.Errorf("%d readers", r[0].Readers)
			}
		})
	}
}

// One appender at full speed, with arrival times that run 50 times faster than
// the clock so that both logs trim all the time; readers of frames and of
// packets of all speeds beside it.
func TestAppendBesideReaders(t *testing.T) {
	const frames = 12_000
	h := newTestHub(t, Options{Linger: time.Millisecond})
	p := publishTracks(t, h, testName)
	ctx := patient(t)
	start := time.Now().UnixNano()
	write(t, p, picture(0, true))

	var all sync.WaitGroup
	var overrun atomic.Int64
	for i := range 6 {
		r := subscribe(t, h, testName)
		all.Go(func() { readFrames(t, ctx, r, i*50); overrun.Add(int64(r.Skips()[reason.SkipOverrun])) })
	}
	for i := range 4 {
		r := subscribe(t, h, testName)
		all.Go(func() { readPackets(t, ctx, r, i*50) })
	}
	// Come and go: the packets log is made and given up all the time.
	all.Go(func() {
		for {
			r, err := h.Subscribe(ctx, testName)
			if err != nil {
				return
			}
			pk := r.Packets()
			c := make(chan struct{}, 1)
			pk.Watch(c)
			if key := pk.NewestKey(); key > pk.Head() {
				t.Errorf("key at %d, head at %d", key, pk.Head())
			}
			pk.Unwatch(c)
			r.Close()
			runtime.Gosched()
		}
	})
	for i := range frames {
		at := time.Duration(i+1) * 20 * time.Millisecond
		f := sound(at)
		if i%2 == 0 {
			f = picture(at, i%200 == 0)
		}
		f.Arrived = start + int64(at)
		write(t, p, f)
		if i%64 == 0 {
			runtime.Gosched()
		}
	}
	p.Close(reason.ClosedByPeer)
	all.Wait()
	t.Logf("%d frames overrun", overrun.Load())
}

// readFrames reads to the end of the stream, yielding pause times per frame.
func readFrames(t *testing.T, ctx context.Context, r *Reader, pause int) {
	var last [2]media.Time
	keyed, count := false, 0
	for {
		f, err := r.Next(ctx)
		if err != nil {
			if !errors.Is(err, ErrEnded) && !errors.Is(err, ErrSlow) || count == 0 {
				t.Errorf("reader of %d frames ended: %v", count, err)
			}
			return
		}
		kind := f.Track.Kind
		if f.DTS <= last[kind] {
			t.Errorf("%v at %d after %d", kind, f.DTS, last[kind])
			return
		}
		keyed = keyed || f.Key && kind == media.Video
		if !keyed && kind == media.Video {
			t.Error("video before a key frame")
			return
		}
		last[kind] = f.DTS
		count++
		for range pause {
			runtime.Gosched()
		}
	}
}

// readPackets follows the packets log to the end of the stream and asks for
// older packets as retransmissions do.
func readPackets(t *testing.T, ctx context.Context, r *Reader, pause int) {
	p := r.Packets()
	wake := make(chan struct{}, 1)
	p.Watch(wake)
	defer p.Unwatch(wake)
	pos, newest := p.Start(), [2]int64{-1, -1}
	for ended := false; ; {
		for pos < p.Head() {
			pk := p.At(pos)
			if pk == nil {
				pos = p.Start()
				newest = [2]int64{-1, -1}
				continue
			}
			if last := newest[pk.Kind]; last >= 0 && pk.Seq != last+1 {
				t.Errorf("%v packet %d after %d", pk.Kind, pk.Seq, last)
				return
			}
			newest[pk.Kind] = pk.Seq
			pos++
			for back := int64(0); back < 2000; back += 500 {
				old := p.BySeq(pk.Kind, pk.Seq-back)
				if old != nil && (old.Seq != pk.Seq-back || old.Kind != pk.Kind) {
					t.Errorf("asked for %v %d, got %v %d", pk.Kind, pk.Seq-back, old.Kind, old.Seq)
					return
				}
			}
			for range pause {
				runtime.Gosched()
			}
		}
		if ended {
			return
		}
		select {
		case <-wake:
		case <-r.Ended():
			ended = true
		case <-ctx.Done():
			t.Errorf("waiting at %d of %d: %v", pos, p.Head(), context.Cause(ctx))
			return
		}
	}
}

// A publisher that comes back in the very moment in which the linger runs out
// either continues the stream or begins a new one, but is not thrown out.
func TestPublishBesideLinger(t *testing.T) {
	h := newTestHub(t, Options{Linger: 20 * time.Microsecond})
	for i := range 4000 {
		p := publishTracks(t, h, testName)
		for range i % 50 {
			runtime.Gosched()
		}
		write(t, p, sound(time.Duration(i)*time.Millisecond))
		p.Close(reason.PeerGone)
		deadline := time.Now().Add(time.Duration(i%150) * time.Microsecond)
		for time.Now().Before(deadline) {
			runtime.Gosched()
		}
	}
}

// A reader that comes in the very moment in which a supply is given up either
// keeps it or gets another.
func TestSubscribeBesideSupplyLinger(t *testing.T) {
	h := newTestHub(t, Options{SupplyLinger: 20 * time.Microsecond})
	src := newSource(h)
	src.supply = func(ctx context.Context, n Name) error {
		p, err := h.Publish(n, "supply", "")
		if err != nil {
			return err
		}
		defer p.Close(reason.StreamEnded)
		p.Announce(nil, testAudio)
		if err := p.Write(sound(0)); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}
	ctx := patient(t)
	for i := range 3000 {
		r, err := h.Subscribe(ctx, opusName)
		if err != nil {
			t.Fatalf("subscriber %d: %v", i, err)
		}
		if _, err := r.Next(ctx); err != nil {
			t.Fatalf("reader %d: %v", i, err)
		}
		if err := r.Err(); err != nil {
			t.Fatalf("reader %d holds an ended stream: %v", i, err)
		}
		r.Close()
		deadline := time.Now().Add(time.Duration(i%150) * time.Microsecond)
		for time.Now().Before(deadline) {
			runtime.Gosched()
		}
	}
	t.Logf("%d supplies", src.asked.Load())
}

// The hub closes under publishers, readers and supplies that come and go. All
// of them are told; the leak check of the package sees what is left.
func TestHubCloseBesideEverything(t *testing.T) {
	for round := range 60 {
		h := NewHub(Options{Linger: 50 * time.Microsecond, SupplyLinger: 50 * time.Microsecond, NewPacketizer: newSlicer})
		src := newSource(h)
		ctx := patient(t)
		var all sync.WaitGroup
		var done atomic.Int64
		for i := range 3 {
			name := Name{Stream: strconv.Itoa(i % 2)}
			all.Go(func() { defer done.Add(1); keepPublishing(t, h, name) })
			all.Go(func() { defer done.Add(1); keepReading(t, ctx, h, name) })
			all.Go(func() { defer done.Add(1); keepReading(t, ctx, h, opusName) })
		}
		for range round * 20 {
			runtime.Gosched()
		}
		h.Close()
		h.Stats()
		all.Wait()
		if len(h.Stats()) != 0 || suppliesOf(h) != 0 || src.running.Load() != 0 {
			t.Fatalf("round %d: left %v, %d supplies", round, h.Stats(), suppliesOf(h))
		}
	}
}

func keepPublishing(t *testing.T, h *Hub, n Name) {
	for i := 0; ; i++ {
		p, err := h.Publish(n, "test", "")
		if errors.Is(err, ErrTaken) {
			runtime.Gosched()
			continue
		}
		if err != nil {
			if !errors.Is(err, ErrShutdown) {
				t.Errorf("publish: %v", err)
			}
			return
		}
		if i%3 > 0 {
			p.Announce(testVideo, testAudio)
		}
		for _, f := range []*media.Frame{picture(0, true), sound(0), picture(40*time.Millisecond, false)} {
			if err := p.Write(f); err != nil && !errors.Is(err, ErrShutdown) {
				t.Errorf("write: %v", err)
			}
		}
		p.Close(reason.ClosedByPeer)
	}
}

func keepReading(t *testing.T, ctx context.Context, h *Hub, n Name) {
	for {
		r, err := h.Subscribe(ctx, n)
		switch {
		case errors.Is(err, ErrShutdown):
			return
		case errors.Is(err, ErrNotFound), errors.Is(err, ErrEnded):
			runtime.Gosched()
			continue
		case err != nil:
			t.Errorf("subscribe: %v", err)
			return
		}
		r.Packets()
		for range 3 {
			if _, err := r.Next(ctx); err != nil {
				if !errors.Is(err, ErrEnded) && !errors.Is(err, ErrShutdown) {
					t.Errorf("next: %v", err)
				}
				break
			}
		}
		var closers sync.WaitGroup
		closers.Go(r.Close)
		r.Close()
		closers.Wait()
	}
}
