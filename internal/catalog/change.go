package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// entity is what the catalog keeps. public is how it may be shown: without
// secrets.
type entity interface {
	Domain | Certificate | AccessKey | Block
	public() any
}

// exclusively runs f with nobody else of this process changing the catalog.
func (c *Catalog) exclusively(ctx context.Context, f func() error) error {
	select {
	case c.changing <- struct{}{}:
		defer func() { <-c.changing }()
		return f()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *Catalog) now() time.Time { return c.options.Now().UTC().Truncate(time.Millisecond) }

// write puts v in the place of old, whose revision is rev; nil stands for
// nothing. The change is on disk and in the snapshot when it returns. The error
// is ErrExists or ErrConflict where another node was faster.
func write[T entity](ctx context.Context, c *Catalog, by, kind, name string, old, v *T, rev uint64) error {
	value, err := encode(v)
	if err != nil {
		return err
	}
	key := kind + "/" + name
	next, err := c.store.Put(ctx, key, value, rev)
	switch {
	case errors.Is(err, ErrConflict) && rev == 0:
		return fmt.Errorf("%s %s: %w", kind, name, ErrExists)
	case err != nil:
		return fmt.Errorf("change %s %s: %w", kind, name, err)
	}
	c.apply([]Entry{{Key: key, Value: value, Revision: next}})
	return c.audit(ctx, by, key, next, public(old), public(v))
}

func public[T entity](v *T) any {
	if v == nil {
		return nil
	}
	return (*v).public()
}
