package catalog

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
)

// AddDomain makes a domain of d's name, role, region, scope and functions. What
// is not said is filled in: URL signing is on, with a random key. The error is
// ErrExists, ErrQuota or an *Invalid.
func (c *Catalog) AddDomain(ctx context.Context, by string, d Domain) error {
	return c.change(ctx, by, func(ch *change) error {
		if own := ch.tip.domains.size - len(ch.tip.defaults); own >= c.options.Quota {
			return fmt.Errorf("%d domains are there: %w", own, ErrQuota)
		}
		d := c.fresh(d)
		if ch.tip.Domain(d.Name) != nil {
			return fmt.Errorf("domain %s: %w", d.Name, ErrExists)
		}
		return ch.writeDomain(nil, &d)
	})
}

// fresh fills in what a new domain does not say.
func (c *Catalog) fresh(d Domain) Domain {
	d.Name = strings.ToLower(d.Name)
	if d.Region == "" {
		d.Region = DefaultRegion
	}
	if d.Scope == "" {
		d.Scope = "domestic"
	}
	if d.Status == "" {
		d.Status = Online
	}
	if d.Role == Streaming && d.Main == "" {
		d.Main = d.Name
	}
	if !slices.ContainsFunc(d.Functions, func(f Function) bool { return f.Name == FuncAuth }) {
		d.Functions = append(slices.Clone(d.Functions), Signed(rand.Text(), "", DefaultValidity))
	}
	d.CNAME = d.Name + ".c.local"
	d.Created = c.now()
	return d
}

// ChangeDomain changes a domain as f does to a copy of it, of which the name and
// the role stay what they are; f may be called again. The error is ErrNotFound, ErrConflict, an *Invalid
// or f's.
func (c *Catalog) ChangeDomain(ctx context.Context, by, name string, f func(*Domain) error) error {
	return c.change(ctx, by, func(ch *change) error { return ch.changeDomain(name, f) })
}

func (ch *change) changeDomain(name string, f func(*Domain) error) error {
	old := ch.stored(name)
	if old == nil {
		return fmt.Errorf("domain %s: %w", quote(name), ErrNotFound)
	}
	d := *old
	d.Functions = slices.Clone(d.Functions)
	if err := f(&d); err != nil {
		return err
	}
	d.Name, d.Role = old.Name, old.Role
	return ch.writeDomain(old, &d)
}

// writeDomain writes d in the place of old when the catalog stays consistent.
func (ch *change) writeDomain(old, d *Domain) error {
	d.Modified = ch.catalog.now()
	number(d.Functions)
	if err := d.finish(); err != nil {
		return err
	}
	if err := ch.tip.check(d); err != nil {
		return err
	}
	if err := write(ch, old, d); err != nil {
		return err
	}
	if old != nil && old.Certificate != d.Certificate {
		return ch.dropUnnamed(old.Certificate)
	}
	return nil
}

// number gives IDs to the functions that have none.
func number(all []Function) {
	last := uint64(0)
	for _, f := range all {
		last = max(last, f.ID)
	}
	for i := range all {
		if all[i].ID == 0 {
			last++
			all[i].ID = last
		}
	}
}

// DeleteDomain deletes a domain and its associations. A streaming domain with
// others in its name space is not deleted: the error is ErrInUse then, or
// ErrNotFound, or ErrConflict.
func (c *Catalog) DeleteDomain(ctx context.Context, by, name string) error {
	return c.change(ctx, by, func(ch *change) error {
		old := ch.stored(name)
		if old == nil {
			return fmt.Errorf("domain %s: %w", quote(name), ErrNotFound)
		}
		for d := range ch.tip.EachDomain() {
			if d.Name != old.Name && (d.Main == old.Name || d.RelayTo == old.Name) {
				return fmt.Errorf("domain %s is associated with %s: %w", old.Name, d.Name, ErrInUse)
			}
		}
		if err := write(ch, old, nil); err != nil {
			return err
		}
		return ch.dropUnnamed(old.Certificate)
	})
}

// SetFunctions sets functions of several domains, all or, where one of them is
// not taken, none. See With.
func (c *Catalog) SetFunctions(ctx context.Context, by string, names []string, functions []Function) error {
	return c.changeFunctions(ctx, by, names, func(d *Domain) error {
		for _, f := range functions {
			var err error
			if d.Functions, err = With(d.Functions, f); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteFunctions deletes all records of functions from several domains.
func (c *Catalog) DeleteFunctions(ctx context.Context, by string, names, functions []string) error {
	return c.changeFunctions(ctx, by, names, func(d *Domain) error {
		for _, f := range functions {
			d.Functions = Without(d.Functions, f)
		}
		return nil
	})
}

func (c *Catalog) changeFunctions(ctx context.Context, by string, names []string, f func(*Domain) error) error {
	return c.change(ctx, by, func(ch *change) error {
		for _, name := range names {
			if err := ch.changeDomain(name, f); err != nil {
				return err
			}
		}
		return nil
	})
}
