package rtc

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"millrace/internal/live"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

// fickle is toOpus that fails twice, and then ends what it makes when it is told to.
type fickle struct {
	toOpus
	tries atomic.Int32
	end   chan struct{}
}

func (s *fickle) Supply(ctx context.Context, n live.Name) error {
	switch s.tries.Add(1) {
	case 1, 2:
		return errors.New("no converter")
	case 3:
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		go func() {
			select {
			case <-s.end:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	return s.toOpus.Supply(ctx, n)
}

// A viewer that got nothing to go over to, or what ended before it went, stays
// where it is, and is sent for again.
func TestErrandInVain(t *testing.T) {
	b := newPacketBench(t, true)
	sup := &fickle{toOpus: toOpus{b.hub}, end: make(chan struct{})}
	b.hub.AddSupplier(sup)
	b.src.write(b.src.picture(0, true, 3000, b.now)...)
	v := b.viewer(sdp.Selection{Video: h264Format(), Audio: opusFormat()})
	b.sh.join(v, b.now.UnixNano())
	b.turn(0)
	own := v.session.reader()
	b.src.p.Announce(testVideo, testAAC)
	looks := func(at time.Duration, tries int32, moves int) {
		t.Helper()
		b.sh.now = b.now.Add(at).UnixNano()
		b.sh.suit(b.sh.groups[v.packets], b.sh.now)
		b.sh.server.running.Wait() // errands
		b.sh.obey()
		if got := sup.tries.Load(); got != tries || len(b.sh.moves) != moves {
			t.Fatalf("after %v: %d tries, %d about to go over", at, got, len(b.sh.moves))
		}
	}
	looks(0, 1, 0)
	looks(errandAgain-1, 1, 0)
	looks(errandAgain, 2, 0)
	looks(3*errandAgain-1, 2, 0)
	looks(3*errandAgain, 3, 1)
	close(sup.end)
	select {
	case <-b.sh.moves[0].reader.Ended():
	case <-time.After(patience):
		t.Fatal("what was made does not end")
	}
	b.sh.moveOn(b.sh.now)
	if len(b.sh.moves) != 0 || v.session.reader() != own {
		t.Fatalf("%d about to go over, it reads %q", len(b.sh.moves), v.session.reader().Name())
	}
	b.turn(3 * errandAgain)
	if v.session.gone.Load() {
		t.Fatal("it has to go")
	}
	looks(4*errandAgain-1, 3, 0)
	looks(4*errandAgain, 4, 1)
	b.sh.leave(v, reason.Kicked)
}

// What is about to be gone over to is that of the stream's sound even when nobody
// makes it any more.
func TestErrandWhoseMakerHasGone(t *testing.T) {
	b, _, made := newVariantBench(t)
	b.src.write(b.src.picture(0, true, 3000, b.now)...)
	v := b.viewer(sdp.Selection{Video: h264Format(), Audio: opusFormat()})
	b.sh.join(v, b.now.UnixNano())
	b.turn(0)
	b.src.p.Announce(testVideo, testAAC)
	r, err := v.session.reader().Variant(t.Context(), live.VariantOpus)
	must(t, err)
	b.sh.moves = append(b.sh.moves, move{v, r, b.now.Add(movePatience).UnixNano()})
	made.Close(reason.ClosedByPeer)
	b.sh.moveOn(b.now.UnixNano())
	if len(b.sh.moves) == 0 && b.sh.groups[v.packets].inVain == 0 { // it waits for it, or for another try
		t.Fatal("it is taken for one that hears the stream")
	}
	b.sh.leave(v, reason.Kicked)
}
