package catalog

import (
	"context"
	"errors"
	"time"
)

// Errors of a Store.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("changed by somebody else in the meantime")
)

// Entry is one value of a Store.
type Entry struct {
	// Key is words joined by "/": letters, digits and punctuation in UTF-8.
	Key string
	// Value is nil where the entry has been deleted.
	Value []byte
	// Revision rises with each write to the store.
	Revision uint64
}

// Write is one change of an entry.
type Write struct {
	Key string
	// Value is nil to delete the entry.
	Value []byte
	// Revision is the one that the entry must have, 0 where it may not be there.
	Revision uint64
	// Life is how long the entry is kept, in whole seconds; 0: until it is deleted.
	Life time.Duration
}

// Store keeps small values, each with its revision. Its methods may be called
// by any number of goroutines. One that has failed is tried again by each call:
// it works again when its disk does.
type Store interface {
	// Get returns an entry, or ErrNotFound.
	Get(ctx context.Context, key string) (Entry, error)
	// List returns the entries whose keys begin with one of prefixes, which end in
	// "/", ordered by key; without prefixes all.
	List(ctx context.Context, prefixes ...string) ([]Entry, error)
	// Put makes several writes, each of another entry, all or none, whatever
	// happens meanwhile. They get consecutive revisions, of which it returns the
	// first. When one of the entries has not the revision that it must have, the
	// error is ErrConflict and nothing has changed. When Put returns without an
	// error all is on disk; where it has run out of time, or the disk has failed,
	// the writes may still have been made, or be made when the store opens again.
	Put(ctx context.Context, writes ...Write) (uint64, error)
	// Watch hands f every entry and every recent deletion, and then every change,
	// in the order of their revisions, until ctx ends, f fails or the store is
	// closed, and returns that reason. After what there was at first, f gets one
	// Entry without a key. What is overwritten before f is ready for it may be left
	// out. Prefixes are those of List.
	Watch(ctx context.Context, f func(Entry) error, prefixes ...string) error
}
