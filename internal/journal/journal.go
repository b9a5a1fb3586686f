package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"millrace/internal/catalog"
)

// Options are what a Journal works with.
type Options struct {
	// Life is how long records are kept, Most how many.
	Life time.Duration
	Most int
	Now  func() time.Time
	Log  *slog.Logger
}

// Record is one record. IDs rise; they are Unix nanoseconds of when it was
// added, or a little more.
type Record[T any] struct {
	ID    uint64
	Value T
}

// Journal is a list of records that anybody may add to and read at any time.
// Run writes them to the store.
type Journal[T any] struct {
	store   catalog.Store
	options Options
	wake    chan struct{} // one token: there is something to write

	mu      sync.Mutex
	records []*kept[T] // the oldest first
	unsaved map[uint64]*kept[T]
}

// kept is a record with where it stands in the store.
type kept[T any] struct {
	Record[T]
	revision uint64 // 0: not there yet. Run's alone, once opened
	dropped  bool
	tried    bool // it may be there
}

const prefix = "record/"

func keyOf(id uint64) string { return fmt.Sprintf("%s%020d", prefix, id) }

// Open reads what the store holds. Records that cannot be read are logged and
// left out.
func Open[T any](ctx context.Context, store catalog.Store, o Options) (*Journal[T], error) {
	j := &Journal[T]{store: store, options: o, wake: make(chan struct{}, 1), unsaved: map[uint64]*kept[T]{}}
	all, err := store.List(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	for _, e := range all {
		k := &kept[T]{revision: e.Revision, tried: true}
		k.ID, err = strconv.ParseUint(e.Key[len(prefix):], 10, 64)
		if err == nil {
			err = json.Unmarshal(e.Value, &k.Value)
		}
		if err != nil {
			o.Log.Error("journal entry left out", "key", e.Key, "err", err)
			continue
		}
		j.records = append(j.records, k)
	}
	return j, nil
}

// Add appends a record and returns its ID.
func (j *Journal[T]) Add(v T) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	id := uint64(max(j.options.Now().UnixNano(), 1)) //nolint:gosec // positive
	if n := len(j.records); n > 0 {
		id = max(id, j.records[n-1].ID+1)
	}
	k := &kept[T]{Record: Record[T]{id, v}}
	j.records = append(j.records, k)
	oldest := uint64(max(j.options.Now().Add(-j.options.Life).UnixNano(), 0)) //nolint:gosec // not negative
	n := 0
	for n < len(j.records)-1 && (len(j.records)-n > j.options.Most || j.records[n].ID < oldest) {
		j.records[n].dropped = true
		delete(j.unsaved, j.records[n].ID)
		// While the store fails, deletions pile up. Those that are passed over age
		// away there.
		if j.records[n].tried && len(j.unsaved) < 2*j.options.Most {
			j.save(j.records[n])
		}
		n++
	}
	j.records = slices.Delete(j.records, 0, n)
	j.save(k)
	return id
}

// Change changes a record as f does. One that is there no more is not changed.
func (j *Journal[T]) Change(id uint64, f func(*T)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at, found := slices.BinarySearchFunc(j.records, id, func(k *kept[T], id uint64) int {
		switch {
		case k.ID < id:
			return -1
		case k.ID > id:
			return 1
		}
		return 0
	})
	if found {
		f(&j.records[at].Value)
		j.save(j.records[at])
	}
}

// All returns the records that f is true for, the newest first.
func (j *Journal[T]) All(f func(*T) bool) []Record[T] {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []Record[T]
	oldest := uint64(max(j.options.Now().Add(-j.options.Life).UnixNano(), 0)) //nolint:gosec // not negative
	for _, k := range slices.Backward(j.records) {
		if k.ID < oldest {
			break
		}
		if f(&k.Value) {
			all = append(all, k.Record)
		}
	}
	return all
}

// save marks a record to be written. The caller holds mu.
func (j *Journal[T]) save(k *kept[T]) {
	j.unsaved[k.ID] = k
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

const (
	// retryAfter is how long a store that fails is left alone.
	retryAfter = time.Second
	// lastWrite bounds the writing at the end.
	lastWrite = 5 * time.Second
)

// Run writes to the store what changes, until ctx ends and all is written.
func (j *Journal[T]) Run(ctx context.Context) {
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
			defer cancel()
			if err := j.write(last); err != nil {
				j.options.Log.Error("journal entries are lost", "err", err)
			}
			return
		case <-j.wake:
		case <-again:
		}
		again = nil
		if err := j.write(ctx); err != nil && ctx.Err() == nil {
			j.options.Log.Warn("journal is not written", "err", err)
			again = time.After(retryAfter)
		}
	}
}

// write writes everything that is unsaved.
func (j *Journal[T]) write(ctx context.Context) error {
	for {
		k, value, err := j.next()
		if err != nil || k == nil {
			return err
		}
		if value == nil && k.revision == 0 {
			continue // dropped before it was ever written
		}
		rev, err := j.put(ctx, k, value)
		if err != nil {
			j.mu.Lock()
			if _, newer := j.unsaved[k.ID]; !newer {
				j.unsaved[k.ID] = k
			}
			j.mu.Unlock()
			return fmt.Errorf("write journal: %w", err)
		}
		k.revision = rev
	}
}

// put writes a record, or deletes it where value is nil.
func (j *Journal[T]) put(ctx context.Context, k *kept[T], value []byte) (rev uint64, err error) {
	rev, err = j.store.Put(ctx, catalog.Write{Key: keyOf(k.ID), Value: value, Revision: k.revision})
	if !errors.Is(err, catalog.ErrConflict) {
		return rev, err
	}
	// An earlier write came through although its answer did not, as when the
	// node stops meanwhile, or the entry has aged away.
	e, err := j.store.Get(ctx, keyOf(k.ID))
	if err != nil && !errors.Is(err, catalog.ErrNotFound) {
		return 0, err
	}
	k.revision = e.Revision
	if err != nil {
		k.revision = 0
	}
	if value == nil && k.revision == 0 {
		return 0, nil
	}
	return j.store.Put(ctx, catalog.Write{Key: keyOf(k.ID), Value: value, Revision: k.revision})
}

// next takes one unsaved record and what is to be written of it, nil to delete.
func (j *Journal[T]) next() (*kept[T], []byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for id, k := range j.unsaved {
		delete(j.unsaved, id)
		k.tried = true
		if k.dropped {
			return k, nil, nil
		}
		value, err := json.Marshal(&k.Value)
		return k, value, err
	}
	return nil, nil, nil
}
