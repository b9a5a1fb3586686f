package catalog

import (
	"context"
	"errors"
	"sync/atomic"
)

const (
	// DefaultAuditBytes is how large the audit log may be.
	DefaultAuditBytes = 64 << 20
	// dropAtOnce is how many of its entries go in one write.
	dropAtOnce = 500
)

// AuditSize is what there is of the audit log, and what of it was dropped before
// its time, in writes of entries that stand together.
type AuditSize struct {
	Bytes   atomic.Int64
	Dropped atomic.Uint64
}

// AuditSize tells how large the audit log is while Run runs.
func (c *Catalog) AuditSize() *AuditSize { return &c.auditSize }

// boundAudit keeps the audit log within its size until ctx ends or the store is
// closed: the oldest goes first. Who else deletes some of it, or its age, is no
// matter.
func (c *Catalog) boundAudit(ctx context.Context) {
	b := auditBound{catalog: c, sizes: map[string]int64{}}
	_ = c.store.Watch(ctx, func(e Entry) error { b.see(ctx, e); return nil }, auditPrefix) // fails with the one of Run
}

// auditBound is the audit log as far as its size goes.
type auditBound struct {
	catalog *Catalog
	order   []Entry          // the oldest first, without values; some may be gone
	sizes   map[string]int64 // of those that are there
	whole   bool             // what there was at first has been seen
}

// see takes note of one entry, or of its end, and drops others where there is too
// much.
func (b *auditBound) see(ctx context.Context, e Entry) {
	size := &b.catalog.auditSize
	switch {
	case e.Key == "":
		b.whole = true
	case e.Value == nil:
		b.forget(e.Key)
	default:
		b.order = append(b.order, Entry{Key: e.Key, Revision: e.Revision})
		b.sizes[e.Key] = int64(len(e.Value))
		size.Bytes.Add(int64(len(e.Value)))
	}
	if most := b.catalog.options.AuditBytes; b.whole && size.Bytes.Load() > most {
		// With some room to spare, so that not each change has to make some.
		b.drop(ctx, most-most/16)
	}
}

func (b *auditBound) forget(key string) {
	b.catalog.auditSize.Bytes.Add(-b.sizes[key])
	delete(b.sizes, key)
}

// drop deletes entries until so many bytes are left. What a failing store does not
// let go is tried again with the next change.
func (b *auditBound) drop(ctx context.Context, left int64) {
	size := &b.catalog.auditSize
	for size.Bytes.Load() > left && len(b.order) > 0 {
		var gone []Write
		n, less := 0, int64(0)
		for n < len(b.order) && len(gone) < dropAtOnce && size.Bytes.Load()-less > left {
			e := b.order[n]
			if bytes, there := b.sizes[e.Key]; there {
				gone = append(gone, Write{Key: e.Key, Revision: e.Revision})
				less += bytes
			}
			n++
		}
		if err := b.delete(ctx, gone); err != nil {
			if ctx.Err() != nil {
				return
			}
			b.catalog.options.Log.WarnContext(ctx, "audit log is larger than it may be", "err", err)
			return
		}
		b.order = b.order[n:]
		for _, w := range gone {
			b.forget(w.Key)
		}
		size.Dropped.Add(uint64(len(gone)))
	}
}

// delete deletes entries, of which others may have deleted some.
func (b *auditBound) delete(ctx context.Context, all []Write) error {
	if len(all) == 0 {
		return nil
	}
	_, err := b.catalog.store.Put(ctx, all...)
	if !errors.Is(err, ErrConflict) {
		return err
	}
	for _, w := range all {
		if _, err := b.catalog.store.Put(ctx, w); err != nil && !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return nil
}
