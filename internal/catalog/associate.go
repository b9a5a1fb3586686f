package catalog

import (
	"context"
	"fmt"
)

// Associate makes the streams that are published to an ingest domain those of a
// streaming domain. One ingest domain has one streaming domain.
func (c *Catalog) Associate(ctx context.Context, by, ingest, streaming string) error {
	return c.join(ctx, by, ingest, streaming, Ingest)
}

// AssociateSub makes a streaming domain play the streams of another one, the
// main one, too.
func (c *Catalog) AssociateSub(ctx context.Context, by, sub, main string) error {
	return c.join(ctx, by, sub, main, Streaming)
}

func (c *Catalog) join(ctx context.Context, by, name, main string, role Role) error {
	return c.change(ctx, by, func(ch *change) error {
		to := ch.stored(main)
		if to == nil {
			return fmt.Errorf("domain %s: %w", quote(main), ErrNotFound)
		}
		return ch.changeDomain(name, func(d *Domain) error {
			switch {
			case d.Role != role:
				return &Invalid{d.Name, "is no " + string(role) + " domain"}
			case d.Main == to.Name && d.Name != to.Name:
				return fmt.Errorf("association of %s with %s: %w", d.Name, to.Name, ErrExists)
			case role == Ingest && d.Main != "":
				return fmt.Errorf("%s is associated with %s: %w", d.Name, d.Main, ErrExists)
			case d.Name == to.Name || d.Main != "" && d.Main != d.Name:
				return &Invalid{d.Name, "cannot be a sub-streaming domain of " + to.Name}
			}
			if role == Streaming && len(ch.tip.Of(d.Name)) > 1 {
				return fmt.Errorf("%s is the main domain of others: %w", d.Name, ErrInUse)
			}
			d.Main = to.Name
			return nil
		})
	})
}

// Dissociate undoes Associate and AssociateSub.
func (c *Catalog) Dissociate(ctx context.Context, by, name, main string) error {
	return c.change(ctx, by, func(ch *change) error {
		return ch.changeDomain(name, func(d *Domain) error {
			if to := ch.stored(main); to == nil || d.Main != to.Name || d.Name == to.Name {
				return fmt.Errorf("association of %s with %s: %w", d.Name, quote(main), ErrNotFound)
			}
			d.Main = ""
			return nil
		})
	})
}
