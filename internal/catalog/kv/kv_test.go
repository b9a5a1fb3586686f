package kv_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"testing"

	"millrace/internal/catalog"
	"millrace/internal/catalog/kv"
	"millrace/internal/catalog/storetest"
)

func open(t testing.TB, dir string) (*kv.Server, *kv.Store) {
	t.Helper()
	s, err := kv.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	b, err := s.Bucket(t.Context(), "catalog", 0)
	if err != nil {
		t.Fatal(err)
	}
	return s, b
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) catalog.Store {
		_, s := open(t, t.TempDir())
		return s
	})
}

// A write, and a change: an entry with that of the audit log.
func BenchmarkPut(b *testing.B) {
	for _, n := range []int{1, 2} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			_, s := open(b, b.TempDir())
			i := 0
			for b.Loop() {
				var all []catalog.Write
				for range n {
					i++
					all = append(all, catalog.Write{Key: fmt.Sprintf("domain/d%d.test", i), Value: make([]byte, 500)})
				}
				if _, err := s.Put(context.Background(), all...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
