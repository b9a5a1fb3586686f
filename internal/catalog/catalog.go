package catalog

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what a Catalog works with.
type Options struct {
	// Adjust, where it is not nil, changes what is read of the store before it is
	// used, for settings of this node that override the catalog.
	Adjust func(*Domain)
	// Quota is how many domains AddDomain makes at most; 0: DefaultQuota.
	Quota int
	// AuditBytes is how large the audit log may be; 0: DefaultAuditBytes. Run keeps
	// it so.
	AuditBytes int64
	Now        func() time.Time
	Log        *slog.Logger
}

// DefaultQuota is how many domains there may be besides the two default ones.
const DefaultQuota = 20

// Catalog is a Store seen as domains and what belongs to them. It keeps a
// snapshot of it all and makes changes that keep the whole consistent.
type Catalog struct {
	store    Store
	options  Options
	current  atomic.Pointer[Snapshot]
	proposed queue
	changing chan struct{} // holds one token: whoever changes the catalog takes it

	auditSize AuditSize

	mu        sync.Mutex        // of the snapshot's making
	revisions map[string]uint64 // of the entries in the snapshot, and of deletions that Run has yet to see
}

// Open reads a whole store. Entries that cannot be read are logged and left out.
func Open(ctx context.Context, store Store, o Options) (*Catalog, error) {
	if o.Quota == 0 {
		o.Quota = DefaultQuota
	}
	if o.AuditBytes == 0 {
		o.AuditBytes = DefaultAuditBytes
	}
	c := &Catalog{store: store, options: o, changing: make(chan struct{}, 1), revisions: map[string]uint64{}}
	c.current.Store(&Snapshot{})
	all, err := store.List(ctx, kinds...)
	if err != nil {
		return nil, fmt.Errorf("read catalog: %w", err)
	}
	c.apply(all)
	return c, nil
}

// Snapshot is the catalog as it is now. It takes no lock.
func (c *Catalog) Snapshot() *Snapshot { return c.current.Load() }

// Run follows the changes that others make to the store, and keeps the audit log
// within its size, until ctx ends. The error is why it cannot go on.
func (c *Catalog) Run(ctx context.Context) error {
	bounding, stop := context.WithCancel(ctx)
	var bound sync.WaitGroup
	bound.Go(func() { c.boundAudit(bounding) })
	err := c.store.Watch(ctx, func(e Entry) error {
		if e.Key != "" {
			c.apply([]Entry{e})
		}
		return nil
	}, kinds...)
	stop()
	bound.Wait()
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was asked for
	}
	return fmt.Errorf("watch catalog: %w", err)
}

// apply makes a snapshot with entries in it, but for those that it has newer.
func (c *Catalog) apply(entries []Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b *builder
	for _, e := range entries {
		known := c.revisions[e.Key]
		if e.Revision > known {
			c.revisions[e.Key] = e.Revision
			if b == nil {
				b = c.Snapshot().build()
			}
			if err := b.set(e, c.options.Adjust); err != nil {
				c.options.Log.Error("catalog entry left out", "key", e.Key, "err", err)
			}
		}
		if e.Value == nil && e.Revision == known {
			delete(c.revisions, e.Key) // nothing older can come any more
		}
	}
	if b != nil {
		c.current.Store(b.snapshot())
	}
}
