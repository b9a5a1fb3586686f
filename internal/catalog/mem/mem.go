// Package mem is a catalog.Store that keeps nothing: the twin of catalog/kv for
// tests.
package mem

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"millrace/internal/catalog"
)

// Store is a catalog.Store in memory.
type Store struct {
	mu      sync.Mutex
	last    uint64
	entries map[string]catalog.Entry
	changed chan struct{} // closed and replaced with each change
	// log is every change there has been, by revision.
	log []catalog.Entry
}

// New returns an empty Store.
func New() *Store {
	return &Store{entries: map[string]catalog.Entry{}, changed: make(chan struct{})}
}

// Get implements catalog.Store.
func (s *Store) Get(ctx context.Context, key string) (catalog.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[key]
	if !ok {
		return e, catalog.ErrNotFound
	}
	return e, ctx.Err()
}

// List implements catalog.Store.
func (s *Store) List(ctx context.Context, prefixes ...string) ([]catalog.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []catalog.Entry
	for _, key := range slices.Sorted(maps.Keys(s.entries)) {
		if under(key, prefixes) {
			all = append(all, s.entries[key])
		}
	}
	return all, ctx.Err()
}

func under(key string, prefixes []string) bool {
	return len(prefixes) == 0 || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
}

// Put implements catalog.Store. Entries stay, whatever their life.
func (s *Store) Put(ctx context.Context, writes ...catalog.Write) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range writes {
		if s.entries[w.Key].Revision != w.Revision || w.Value == nil && w.Revision == 0 {
			return 0, catalog.ErrConflict
		}
	}
	first := s.last + 1
	for _, w := range writes {
		s.last++
		e := catalog.Entry{Key: w.Key, Value: bytes.Clone(w.Value), Revision: s.last}
		if w.Value == nil {
			delete(s.entries, w.Key)
		} else {
			s.entries[w.Key] = e
		}
		s.log = append(s.log, e)
	}
	close(s.changed)
	s.changed = make(chan struct{})
	return first, nil
}

// Watch implements catalog.Store.
func (s *Store) Watch(ctx context.Context, f func(catalog.Entry) error, prefixes ...string) error {
	s.mu.Lock()
	newest := map[string]catalog.Entry{}
	for _, e := range s.log {
		if under(e.Key, prefixes) {
			newest[e.Key] = e
		}
	}
	seen := len(s.log)
	s.mu.Unlock()
	all := slices.SortedFunc(maps.Values(newest), func(a, b catalog.Entry) int { return cmp.Compare(a.Revision, b.Revision) })
	for _, e := range append(all, catalog.Entry{}) {
		if err := f(e); err != nil {
			return err
		}
	}
	for {
		s.mu.Lock()
		news, changed := slices.Clone(s.log[seen:]), s.changed
		s.mu.Unlock()
		seen += len(news)
		for _, e := range news {
			if !under(e.Key, prefixes) {
				continue
			}
			if err := f(e); err != nil {
				return err
			}
		}
		if len(news) > 0 {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
