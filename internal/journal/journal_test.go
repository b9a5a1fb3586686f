package journal_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"millrace/internal/catalog"
	"millrace/internal/catalog/mem"
	"millrace/internal/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type note struct{ Text string }

func open(t *testing.T, store catalog.Store, most int) *journal.Journal[note] {
	t.Helper()
	j, err := journal.Open[note](t.Context(), store, journal.Options{
		Life: time.Hour, Most: most, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func texts(j *journal.Journal[note]) (s string) {
	for _, r := range j.All(func(*note) bool { return true }) {
		s += r.Value.Text
	}
	return s
}

// run runs a journal for as long as f takes.
func run(t *testing.T, j *journal.Journal[note], f func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); j.Run(ctx) }()
	f()
	cancel()
	<-done
}

func TestComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := mem.New()
		j := open(t, store, 100)
		before := j.Add(note{"a"})
		run(t, j, func() {
			id := j.Add(note{"b"})
			synctest.Wait()
			j.Change(id, func(n *note) { n.Text = "B" })
			j.Change(before, func(n *note) { n.Text = "A" })
			j.Change(id+1, func(*note) { t.Error("a record that is not there is changed") })
			j.Add(note{"c"})
		})
		if got := texts(j); got != "cBA" {
			t.Errorf("got %q", got)
		}
		again := open(t, store, 100)
		if got := texts(again); got != "cBA" {
			t.Errorf("after a restart: %q", got)
		}
		// It goes on: what was read can be changed and written.
		run(t, again, func() {
			again.Change(before, func(n *note) { n.Text = "x" })
			again.Add(note{"d"})
		})
		if got := texts(open(t, store, 100)); got != "dcBx" {
			t.Errorf("after another: %q", got)
		}
	})
}

func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := mem.New()
		j := open(t, store, 3)
		run(t, j, func() {
			for _, s := range []string{"a", "b", "c", "d", "e"} {
				j.Add(note{s})
				synctest.Wait()
			}
		})
		if got := texts(open(t, store, 3)); texts(j) != "edc" || got != "edc" {
			t.Errorf("got %q and %q", texts(j), got)
		}
	})
}

// failing is a store that cannot be written to for a while.
type failing struct {
	catalog.Store
	broken atomic.Bool
}

func (f *failing) Put(ctx context.Context, writes ...catalog.Write) (uint64, error) {
	if f.broken.Load() {
		return 0, errors.New("disk full")
	}
	return f.Store.Put(ctx, writes...)
}

func TestStoreFailsForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &failing{Store: mem.New()}
		store.broken.Store(true)
		j := open(t, store, 100)
		run(t, j, func() {
			j.Add(note{"a"})
			synctest.Wait()
			store.broken.Store(false)
			j.Add(note{"b"})
			synctest.Wait()
		})
		if got := texts(open(t, store, 100)); got != "ba" {
			t.Errorf("got %q", got)
		}
	})
}

// A store that fails for long costs no more memory than three times the list, and gets
// the newest records when it works again.
func TestStoreFailsForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &failing{Store: mem.New()}
		j := open(t, store, 3)
		run(t, j, func() {
			for _, s := range []string{"a", "b", "c"} {
				j.Add(note{s})
			}
			synctest.Wait()
			store.broken.Store(true)
			for range 1000 {
				j.Add(note{"x"})
			}
			for _, s := range []string{"d", "e", "f"} {
				j.Add(note{s})
			}
			synctest.Wait()
			if n := j.Unsaved(); n > 9 {
				t.Errorf("%d records wait to be written", n)
			}
			store.broken.Store(false)
		})
		if got := texts(open(t, store.Store, 3)); got != "fed" {
			t.Errorf("got %q", got)
		}
	})
}

// deaf is a store whose writes come through but are not answered when the
// caller's context ends meanwhile.
type deaf struct {
	catalog.Store
	began chan struct{}
}

func (d *deaf) Put(ctx context.Context, writes ...catalog.Write) (uint64, error) {
	rev, err := d.Store.Put(ctx, writes...)
	if _, last := ctx.Deadline(); last || err != nil {
		return rev, err
	}
	close(d.began)
	<-ctx.Done()
	return 0, ctx.Err()
}

// What is being written when the journal is to end is neither lost nor doubled.
func TestEndsWhileItWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &deaf{Store: mem.New(), began: make(chan struct{})}
		j := open(t, store, 100)
		run(t, j, func() {
			id := j.Add(note{"a"})
			<-store.began
			j.Change(id, func(n *note) { n.Text = "A" })
			j.Add(note{"b"})
		})
		if got := texts(open(t, store.Store, 100)); got != "bA" {
			t.Errorf("got %q", got)
		}
	})
}
