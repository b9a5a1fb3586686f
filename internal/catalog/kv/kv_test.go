package kv_test

import (
	"context"
	"fmt"
	"log/slog"
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

func BenchmarkPut(b *testing.B) {
	_, s := open(b, b.TempDir())
	i := 0
	for b.Loop() {
		i++
		if _, err := s.Put(context.Background(), catalog.Write{Key: fmt.Sprintf("domain/d%d.test", i), Value: make([]byte, 500)}); err != nil {
			b.Fatal(err)
		}
	}
}
