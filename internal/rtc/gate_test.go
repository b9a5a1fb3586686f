package rtc

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// doorway is a gate of one processor, with one shard, and what has passed it.
type doorway struct {
	*gate
	sh     *shard
	passed chan string
}

func newDoorway() *doorway {
	sh := &shard{wake: make(chan struct{}, 1)}
	return &doorway{&gate{places: 1, shards: []*shard{sh}}, sh, make(chan string, 100)}
}

// step begins a step that ends at once where it does not stay.
func (d *doorway) step(name string, stay bool) {
	go func() {
		if d.enter(nil, nil) {
			d.passed <- name
			if !stay {
				d.leave()
			}
		}
	}()
	synctest.Wait()
}

func (d *doorway) offer(name string) {
	go func() {
		if err := d.pass(context.Background()); err != nil {
			name += ": " + err.Error()
		}
		d.passed <- name
	}()
	synctest.Wait()
}

// said checks what has passed since it was last asked.
func (d *doorway) said(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	for _, w := range want {
		select {
		case got := <-d.passed:
			if got != w {
				t.Fatalf("%q passed, want %q", got, w)
			}
		default:
			t.Fatalf("%q has not passed", w)
		}
	}
	select {
	case got := <-d.passed:
		t.Fatalf("%q passed, too", got)
	default:
	}
}

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoorway()
		d.step("1", false)
		d.offer("a")
		d.said(t, "1", "a") // nobody is in the way

		d.sh.awake.Store(true)
		d.offer("b")
		d.step("2", false)
		d.step("3", false)
		d.offer("c")
		d.relent()
		d.said(t) // the shard goes first
		d.sh.awake.Store(false)
		d.rested()
		d.said(t, "2", "3", "b", "c")

		d.step("stays", true)
		d.step("4", false)
		d.said(t, "stays") // one processor, one step
		d.leave()
		d.said(t, "4")

		d.sh.wake <- struct{}{} // about to be at work
		d.step("5", false)
		d.said(t)
		<-d.sh.wake
		d.rested()
		d.said(t, "5")
		if d.running != 0 || d.queued.Load() != 0 {
			t.Fatalf("%d run, %d wait", d.running, d.queued.Load())
		}
	})
}

// Shards that are never at rest hold up handshakes a little, and offers until
// they are told to come again.
func TestGateUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoorway()
		d.sh.awake.Store(true)
		d.offer("a")
		d.step("1", true)
		d.step("2", false)
		<-time.After(stepPatience + 1)
		d.relent()
		d.said(t, "1")
		d.relent()
		d.said(t) // one processor, one step
		d.leave()
		d.relent()
		d.said(t, "2")
		<-time.After(offersInOrder)
		d.offer("b")
		d.offer("c")
		d.sh.awake.Store(false)
		d.rested()
		d.said(t, "c", "b", "a") // the latest can still be in time

		d.sh.awake.Store(true)
		d.offer("d")
		<-time.After(offerPatience)
		d.said(t, "d: "+ErrBusy.Error())
	})
}

func TestGateIsLeftByWhoGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoorway()
		d.sh.awake.Store(true)
		ctx, cancel := context.WithCancel(context.Background())
		over := make(chan struct{})
		got := make(chan error, 2)
		go func() { got <- d.pass(ctx) }()
		go func() {
			if d.enter(over, nil) {
				got <- errors.New("a step that is over was let in")
			}
			got <- nil
		}()
		synctest.Wait()
		close(over)
		if err := <-got; err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		// Let in at the moment of giving up.
		late := d.queue(&d.steps)
		d.sh.awake.Store(false)
		d.rested()
		d.giveUp(&d.steps, late)
		if d.running != 0 || d.queued.Load() != 0 || len(d.steps)+len(d.offers) != 0 {
			t.Fatalf("%d run, %d wait", d.running, d.queued.Load())
		}
	})
}

// A peer that has the library wait for it holds no place for long.
func TestStepIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoorway()
		p := newPipe(func([]byte) {}, d.gate)
		p.deliver([]byte{contentHandshake})
		if _, _, err := p.ReadFrom(make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		d.step("next", false) // and the library never reads on
		d.said(t)
		<-time.After(stepMost)
		d.said(t, "next")
		p.letGo()
		if d.running != 0 {
			t.Errorf("%d steps run", d.running)
		}
	})
}

// So many offers wait; one more sends the oldest away.
func TestOffersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoorway()
		d.sh.awake.Store(true)
		d.offer("first")
		for range offersMost - 1 {
			go func() { _ = d.pass(context.Background()) }()
		}
		synctest.Wait()
		d.said(t)
		go func() { _ = d.pass(context.Background()) }()
		d.said(t, "first: "+ErrBusy.Error())
		<-time.After(2 * offerPatience)
		synctest.Wait()
		if n := d.queued.Load(); n != 0 || d.running != 0 {
			t.Errorf("%d wait, %d run", n, d.running)
		}
	})
}
