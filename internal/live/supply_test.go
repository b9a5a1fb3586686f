package live

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// source is a Supplier of all names of one variant.
type source struct {
	variant string
	hub     *Hub
	asked   atomic.Int64
	running atomic.Int64
	supply  func(ctx context.Context, n Name) error
}

func (s *source) Supplies(n Name) bool {
	s.hub.Stats() // a supplier may look at the hub before it answers
	return n.Variant == s.variant
}

func (s *source) Supply(ctx context.Context, n Name) error {
	s.asked.Add(1)
	if s.running.Add(1) > 1 {
		panic("two supplies of one name at once")
	}
	defer s.running.Add(-1)
	return s.supply(ctx, n)
}

// camera publishes a sound every 20 ms until ctx ends.
func (s *source) camera(ctx context.Context, n Name) error {
	p, err := s.hub.Publish(n, "supply", "")
	if err != nil {
		return err
	}
	defer p.Close(reason.StreamEnded)
	p.Announce(nil, testAudio)
	for at := time.Duration(0); ; at += 20 * time.Millisecond {
		if err := p.Write(sound(at)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func suppliesOf(h *Hub) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.supplying)
}

var opusName = Name{Domain: "play.test", App: "live", Stream: "demo", Variant: VariantOpus}

func newSource(h *Hub) *source {
	s := &source{variant: VariantOpus, hub: h}
	s.supply = s.camera
	h.AddSupplier(s)
	return s
}

func TestSupplyServesAllReadersOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		src := newSource(h)
		h.AddSupplier(&source{variant: VariantOpus, hub: h}) // never comes to its turn
		src.supply = func(ctx context.Context, n Name) error {
			pass(2 * time.Second) // slow to start
			return src.camera(ctx, n)
		}
		results := make(chan error, 20)
		for range cap(results) {
			go func() {
				r, err := h.Subscribe(t.Context(), opusName)
				if err == nil {
					defer r.Close()
					_, err = r.Next(t.Context())
				}
				results <- err
			}()
		}
		for range cap(results) {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if got := src.asked.Load(); got != 1 {
			t.Errorf("asked %d times", got)
		}
		_, err := h.Subscribe(t.Context(), testName)
		wantErr(t, err, ErrNotFound)
	})
}

func TestSupplyOutlivesItsReadersByTheLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		src := newSource(h)
		stopped := make(chan time.Time, 1)
		src.supply = func(ctx context.Context, n Name) error {
			err := src.camera(ctx, n)
			stopped <- time.Now()
			return err
		}
		read := func() *Reader {
			r, err := h.Subscribe(t.Context(), opusName)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
			return r
		}
		a, b := read(), read()
		a.Close()
		a.Close() // the second close counts nobody out
		pass(time.Minute)
		b.Close()
		pass(2900 * time.Millisecond)
		c := read() // within the linger: the same supply
		pass(time.Minute)
		if got := src.asked.Load(); got != 1 {
			t.Fatalf("asked %d times while wanted", got)
		}
		c.Close()
		gone := time.Now()
		if got := (<-stopped).Sub(gone); got != 3*time.Second {
			t.Errorf("supply stopped %v after the last reader, want 3s", got)
		}
		synctest.Wait()
		if got := h.Stats(); len(got) != 0 {
			t.Errorf("streams left: %v", got)
		}
		if n := suppliesOf(h); n != 0 {
			t.Errorf("%d supplies left", n)
		}
		d := read()
		if got := src.asked.Load(); got != 2 {
			t.Errorf("asked %d times, want a second supply", got)
		}
		d.Close()
	})
}

// TestSupplyWaitsForItsReaders wants a stream that has not begun to be there for
// players that give up soon and ask again.
func TestSupplyWaitsForItsReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		src := newSource(h)
		src.supply = func(ctx context.Context, n Name) error {
			select {
			case <-time.After(14 * time.Second):
				return src.camera(ctx, n)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		ask := func(wait time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			defer cancel()
			r, err := h.Subscribe(ctx, opusName)
			if err == nil {
				r.Close()
			}
			return err
		}
		wantErr(t, ask(3*time.Second), ErrLate)
		pass(10 * time.Second)
		if err := ask(3 * time.Second); err != nil {
			t.Errorf("asked again: %v", err)
		}
		if got := src.asked.Load(); got != 1 {
			t.Errorf("asked %d times", got)
		}
		pass(4 * time.Second)
		src.supply = func(ctx context.Context, _ Name) error { <-ctx.Done(); return ctx.Err() }
		wantErr(t, ask(3*time.Second), ErrLate)
		pass(StartWait + time.Second)
		if n := suppliesOf(h); n != 0 {
			t.Errorf("%d supplies left", n)
		}
	})
}

func TestSupplyErrorReachesReaders(t *testing.T) {
	for _, c := range []struct{ returned, want error }{
		{errors.New("encoder is missing"), nil},
		{nil, ErrEnded},
		{ErrTaken, ErrTaken}, // though nobody is there
	} {
		synctest.Test(t, func(t *testing.T) {
			if c.want == nil {
				c.want = c.returned
			}
			h := newTestHub(t, Options{})
			src := newSource(h)
			src.supply = func(context.Context, Name) error { return c.returned } // at once
			_, err := h.Subscribe(t.Context(), opusName)
			wantErr(t, err, c.want)
			if got := src.asked.Load(); got != 1 {
				t.Errorf("asked %d times for one subscriber", got)
			}
			synctest.Wait()

			fail := make(chan struct{})
			src.supply = func(ctx context.Context, n Name) error { // while it is being read
				ctx, cancel := context.WithCancel(ctx)
				go func() {
					<-fail
					cancel()
				}()
				src.camera(ctx, n)
				return c.returned
			}
			r := subscribe(t, h, opusName)
			close(fail)
			for err = nil; err == nil; {
				_, err = r.Next(t.Context())
			}
			wantErr(t, err, c.want)
			wantErr(t, r.Err(), c.want)
			if _, err := h.Publish(opusName, "test", ""); err != nil {
				t.Errorf("the name is still held: %v", err)
			}
		})
	}
}

// A supply that nobody waits for any more ends; the next one waits for it.
func TestSuppliesOfOneNameFollowEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		src := newSource(h)
		src.supply = func(ctx context.Context, n Name) error {
			if src.asked.Load() > 1 {
				return src.camera(ctx, n)
			}
			<-ctx.Done()
			pass(5 * time.Second) // slow to stop
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := h.Subscribe(ctx, opusName)
		wantErr(t, err, ErrLate)
		pass(StartWait + time.Second) // the supply is stopping
		r := subscribe(t, h, opusName)
		if got := time.Since(start); got != StartWait+6*time.Second {
			t.Errorf("second supply delivered after %v, want 21s: when the first has returned", got)
		}
		if _, err := r.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// One that is not wanted any more before its turn comes is never run.
func TestSupplyThatIsGivenUpBeforeItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		src := newSource(h)
		src.supply = func(ctx context.Context, n Name) error {
			<-ctx.Done()
			pass(time.Minute)
			return nil
		}
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := h.Subscribe(ctx, opusName)
			wantErr(t, err, ErrLate)
			cancel()
			pass(StartWait + time.Second)
		}
		pass(2 * time.Minute)
		if got := src.asked.Load(); got != 1 {
			t.Errorf("asked %d times", got)
		}
		if n := suppliesOf(h); n != 0 || len(h.Stats()) != 0 {
			t.Errorf("left: %d supplies, %v", n, h.Stats())
		}
	})
}

// A publisher that is quicker than the supplier keeps the stream, which then is
// an ordinary one.
func TestPublisherOvertakesSupply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		src := newSource(h)
		src.supply = func(ctx context.Context, n Name) error {
			pass(time.Second)
			return src.camera(ctx, n) // ErrTaken
		}
		joined := make(chan *Reader)
		go func() {
			r, err := h.Subscribe(t.Context(), opusName)
			if err != nil {
				t.Error(err)
			}
			joined <- r
		}()
		synctest.Wait()
		p := publishTracks(t, h, opusName)
		r := <-joined
		pass(2 * time.Second)
		write(t, p, picture(0, true))
		next(t, r)
		r.Close()
		pass(time.Minute) // no reader, yet nobody's supply
		write(t, p, picture(time.Minute, true))
		p.Close(reason.ClosedByPeer)
		start := time.Now()
		<-r.Ended()
		if got := time.Since(start); got != 10*time.Second {
			t.Errorf("lingered %v, want 10s", got)
		}
	})
}

func TestPublisherReplacesSilentSupply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		src := newSource(h)
		src.supply = func(ctx context.Context, n Name) error {
			p, err := h.Publish(n, "supply", "")
			if err != nil {
				return err
			}
			defer p.Close(reason.StreamEnded)
			p.Announce(nil, testAudio)
			<-p.Done()
			return p.Err()
		}
		r := subscribe(t, h, opusName)
		pass(silence)
		p := publish(t, h, opusName)
		synctest.Wait()
		write(t, p, sound(0))
		next(t, r)
	})
}

func TestSupplyMayChangeItsPublisher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		src := newSource(h)
		src.supply = func(ctx context.Context, n Name) error {
			first, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			src.camera(first, n)
			return src.camera(ctx, n)
		}
		r := subscribe(t, h, opusName)
		var f *media.Frame
		for f == nil || !f.Discontinuity {
			var err error
			if f, err = r.Next(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestHubCloseWaitsForSupplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(Options{})
		src := newSource(h)
		src.supply = func(ctx context.Context, n Name) error {
			err := src.camera(ctx, n)
			pass(time.Second)
			if _, again := h.Publish(n, "supply", ""); !errors.Is(again, ErrShutdown) {
				t.Errorf("publish on a closing hub: %v", again)
			}
			return err
		}
		r := subscribe(t, h, opusName)
		start := time.Now()
		h.Close()
		if got := time.Since(start); got != time.Second {
			t.Errorf("closed after %v, want 1s", got)
		}
		wantErr(t, r.Err(), ErrShutdown)
		if src.running.Load() != 0 || suppliesOf(h) != 0 {
			t.Error("a supply is left")
		}
	})
}
