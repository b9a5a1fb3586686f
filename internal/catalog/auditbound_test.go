package catalog_test

import (
	"context"
	"log/slog"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/catalog/mem"
)

// The audit log stays within its size: the oldest entries go, and are counted. What
// somebody else has deleted meanwhile is no matter.
func TestAuditIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		store := mem.New()
		c, err := catalog.Open(ctx, store, catalog.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler), AuditBytes: 20_000})
		if err != nil {
			t.Fatal(err)
		}
		change := func(from, to int) {
			t.Helper()
			for i := from; i < to; i++ {
				if err := c.SetFunctions(ctx, strconv.Itoa(i), []string{"play.test"}, []catalog.Function{catalog.Header("X-Count", strconv.Itoa(i))}); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}
		}
		newest := func() int {
			t.Helper()
			all, err := c.Audit(ctx, 1000)
			if err != nil {
				t.Fatal(err)
			}
			for i, e := range all { // without a gap
				if e.By != "test" && i > 0 && e.By != strconv.Itoa(atoi(t, all[0].By)-i) {
					t.Fatalf("after %s comes %s", all[i-1].By, e.By)
				}
			}
			return len(all)
		}
		if err := c.AddDomain(ctx, "test", catalog.Domain{Name: "play.test", Role: catalog.Streaming}); err != nil {
			t.Fatal(err)
		}
		change(0, 100) // nobody bounds it yet
		if n := newest(); n != 101 {
			t.Fatalf("%d entries", n)
		}
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		synctest.Wait()
		size := c.AuditSize()
		n := newest()
		if n < 5 || n > 60 || size.Bytes.Load() > 20_000 || size.Dropped.Load() != uint64(101-n) {
			t.Errorf("%d entries, %d bytes, %d dropped", n, size.Bytes.Load(), size.Dropped.Load())
		}
		all, err := store.List(ctx, "audit/")
		if err != nil || len(all) != n {
			t.Fatalf("%d, %v", len(all), err)
		}
		oldest := all[0]
		for _, e := range all {
			if e.Revision < oldest.Revision {
				oldest = e
			}
		}
		if _, err := store.Put(ctx, catalog.Write{Key: oldest.Key, Revision: oldest.Revision}); err != nil {
			t.Fatal(err)
		}
		change(100, 300)
		if n := newest(); n < 5 || n > 60 || size.Bytes.Load() > 20_000 || size.Dropped.Load() != uint64(300-n) {
			t.Errorf("%d entries, %d bytes, %d dropped", n, size.Bytes.Load(), size.Dropped.Load())
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
