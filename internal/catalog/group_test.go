package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	"millrace/internal/catalog"
	"millrace/internal/catalog/mem"
)

// slow is a store whose writes wait until they may go on.
type slow struct {
	catalog.Store
	began chan struct{} // nil: nothing waits
	on    chan error    // what a write that began gets: nil lets it through
	puts  int
}

func (s *slow) Put(ctx context.Context, writes ...catalog.Write) (uint64, error) {
	s.puts++ // one at a time
	if s.began != nil {
		s.began <- struct{}{}
		if err := <-s.on; err != nil {
			return 0, err
		}
	}
	return s.Store.Put(ctx, writes...)
}

// together makes changes that all wait for one that is being put to disk, which
// goes on when they do. It returns what became of them.
func together(t *testing.T, changes func(*catalog.Catalog, *slow) []func() error) (*catalog.Catalog, *slow, []error) {
	t.Helper()
	store := &slow{Store: mem.New()}
	c := open(t, store)
	for i := range 10 {
		if err := c.AddDomain(t.Context(), "test", catalog.Domain{Name: name(i), Role: catalog.Streaming}); err != nil {
			t.Fatal(err)
		}
	}
	store.puts = 0
	store.began, store.on = make(chan struct{}, 100), make(chan error, 100)
	var all sync.WaitGroup
	all.Go(func() {
		if err := count(c, 9, 1); err != nil {
			t.Error(err)
		}
	})
	<-store.began
	fs := changes(c, store)
	errs := make([]error, len(fs))
	for i, f := range fs {
		all.Go(func() { errs[i] = f() })
		synctest.Wait() // in this order
	}
	for range 100 {
		store.on <- nil
	}
	all.Wait()
	return c, store, errs
}

func name(i int) string { return fmt.Sprintf("d%d.test", i) }

func count(c *catalog.Catalog, i, n int) error {
	return c.SetFunctions(context.Background(), "test", []string{name(i)}, []catalog.Function{catalog.Header("X-Count", strconv.Itoa(n))})
}

func counted(c *catalog.Catalog, i int) string {
	return c.Snapshot().Domain(name(i)).Header.Get("X-Count")
}

// Changes that wait are put to disk together, each on top of those before it.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, store, errs := together(t, func(c *catalog.Catalog, _ *slow) (all []func() error) {
			for i := range 5 {
				all = append(all, func() error { return count(c, i, 1) })
			}
			add := func() error {
				return c.AddDomain(context.Background(), "test", catalog.Domain{Name: "new.test", Role: catalog.Ingest})
			}
			brief := func() error {
				return c.AddDomain(context.Background(), "test", catalog.Domain{Name: "brief.test", Role: catalog.Ingest})
			}
			return append(all,
				func() error { return count(c, 0, 2) },
				add, add,
				func() error { return c.Associate(context.Background(), "test", "new.test", name(1)) },
				brief, func() error { return c.DeleteDomain(context.Background(), "test", "brief.test") },
				func() error { return c.DeleteDomain(context.Background(), "test", name(2)) },
				func() error {
					return c.AddDomain(context.Background(), "test", catalog.Domain{Name: name(2), Role: catalog.Ingest})
				},
			)
		})
		for i, err := range errs {
			if again := i == 7; again != errors.Is(err, catalog.ErrExists) || !again && err != nil {
				t.Errorf("change %d: %v", i, err)
			}
		}
		if store.puts != 2 {
			t.Errorf("%d writes for %d changes", store.puts, 1+len(errs))
		}
		for _, c := range []*catalog.Catalog{c, open(t, store.Store)} {
			s := c.Snapshot()
			if counted(c, 0) != "2" || counted(c, 1) != "1" || s.Domain("new.test").Main != name(1) || s.Domain("brief.test") != nil || s.Domain(name(2)).Role != catalog.Ingest {
				t.Errorf("got %+v", s.Domains())
			}
			if s.Domain("new.test").Revision == 0 || c.Snapshot().Domain(name(0)).Revision == s.Domain(name(1)).Revision {
				t.Error("revisions are not those of the store")
			}
		}
		log, err := c.Audit(t.Context(), 1000)
		if err != nil || len(log) != 10+1+len(errs)-1 {
			t.Errorf("%d audit entries, %v", len(log), err)
		}
		if log[0].Key != "domain/"+name(2) || log[0].Before != nil || log[1].After != nil || log[2].Key != "domain/brief.test" {
			t.Errorf("the newest: %+v", log[:3])
		}
		store.on <- nil // what is made together can be changed again
		if err := count(c, 0, 3); err != nil || counted(c, 0) != "3" {
			t.Error(err)
		}
	})
}

// Of changes that are put to disk together, one that meets another node's fails
// alone.
func TestTogetherWithConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, store, errs := together(t, func(c *catalog.Catalog, store *slow) []func() error {
			var other error
			var once sync.Once
			return []func() error{
				func() error { return count(c, 0, 1) },
				func() error {
					return c.ChangeDomain(context.Background(), "test", name(1), func(d *catalog.Domain) error {
						d.Status = catalog.Offline
						once.Do(func() { other = count(open(t, store.Store), 1, 7) })
						return other
					})
				},
				func() error { return count(c, 2, 1) },
			}
		})
		if errs[0] != nil || !errors.Is(errs[1], catalog.ErrConflict) || errs[2] != nil {
			t.Fatalf("got %v", errs)
		}
		if counted(c, 0) != "1" || counted(c, 2) != "1" || counted(open(t, store.Store), 1) != "7" {
			t.Error("the others are not there")
		}
	})
}

// Who gives up waiting has changed nothing; who waits learns that the disk fails.
func TestWaitingChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slow{Store: mem.New(), began: make(chan struct{}, 10), on: make(chan error)}
		c := open(t, store)
		add := func(ctx context.Context, i int) chan error {
			done := make(chan error, 1)
			go func() {
				done <- c.AddDomain(ctx, "test", catalog.Domain{Name: name(i), Role: catalog.Streaming})
			}()
			synctest.Wait()
			return done
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("why")
		first := add(ctx, 0)
		second, third := add(ctx, 1), add(t.Context(), 2)
		cancel(why)
		if err := <-second; !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
		full := errors.New("disk full")
		store.on <- nil // the one that is under way is made, though nobody waits for it
		store.on <- full
		if err := <-first; err != nil {
			t.Error(err)
		}
		if err := <-third; !errors.Is(err, full) {
			t.Errorf("got %v", err)
		}
		if all := c.Snapshot().Domains(); len(all) != 1 || all[0].Name != name(0) {
			t.Errorf("got %v", all)
		}
		again := add(t.Context(), 2)
		store.on <- nil
		if err := <-again; err != nil {
			t.Error(err)
		}
	})
}
