package catalog

import (
	"context"
	"errors"
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

// Store keeps small values, each with its revision. Its methods may be called
// by any number of goroutines.
type Store interface {
	// Get returns an entry, or ErrNotFound.
	Get(ctx context.Context, key string) (Entry, error)
	// List returns the entries whose keys begin with prefix, which is "" or ends
	// in "/", ordered by key.
	List(ctx context.Context, prefix string) ([]Entry, error)
	// Put writes a value, or deletes it where value is nil, and returns its new
	// revision. The entry's revision must be rev, 0 for an entry that is not
	// there; else the error is ErrConflict and nothing has changed. When Put
	// returns without an error the value is on disk.
	Put(ctx context.Context, key string, value []byte, rev uint64) (uint64, error)
	// Watch hands f every entry and every recent deletion, and then every change,
	// in the order of their revisions, until ctx ends, f fails or the store does,
	// and returns that reason. After what there was at first, f gets one Entry
	// without a key. What is overwritten before f is ready for it may be left out.
	Watch(ctx context.Context, f func(Entry) error) error
}
