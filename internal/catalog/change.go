package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// entity is what the catalog keeps. key is that of its entry, revision the one it
// has there, and public is how it may be shown: without secrets.
type entity interface {
	Domain | Certificate | AccessKey | Block
	key() string
	revision() uint64
	public() any
}

// change is one change of the catalog in the making: some writes, each with its
// audit entry, that are made together or not at all.
type change struct {
	catalog *Catalog
	by      string
	// tip is the catalog as the change leaves it. What is in it and not yet in the
	// store has the revision that it replaces there.
	tip    *Snapshot
	writes []Write
	audit  []json.RawMessage // an AuditEntry each
}

func (c *Catalog) now() time.Time { return c.options.Now().UTC().Truncate(time.Millisecond) }

// maxValue is the most bytes of an entry's value. An audit entry holds two.
const maxValue = 1 << 20

// write puts v in the place of old; nil stands for nothing. The error is an
// *Invalid where v is too large.
func write[T entity](ch *change, old, v *T) error {
	var w Write
	if old != nil {
		w.Key, w.Revision = (*old).key(), (*old).revision()
	}
	if v != nil {
		w.Key = (*v).key()
	}
	var err error
	if w.Value, err = encode(v); err != nil {
		return err
	}
	if len(w.Value) > maxValue {
		return &Invalid{strings.Replace(w.Key, "/", " ", 1), fmt.Sprintf("is larger than %d bytes", maxValue)}
	}
	b := ch.tip.build()
	if err := b.set(Entry{w.Key, w.Value, w.Revision}, ch.catalog.options.Adjust); err != nil {
		return err
	}
	ch.tip = b.snapshot()
	ch.writes = append(ch.writes, w)
	return ch.record(w.Key, public(old), public(v))
}

func public[T entity](v *T) any {
	if v == nil {
		return nil
	}
	return (*v).public()
}

// stored returns a domain as it stands in the store, or nil: without what
// Options.Adjust makes of it.
func (ch *change) stored(name string) *Domain {
	d := ch.tip.Domain(strings.ToLower(name))
	if d == nil || d.original == nil {
		return d
	}
	return d.original
}

// proposal is a change that somebody waits for.
type proposal struct {
	by   string
	make func(*change) error
	done chan error // gets one
}

// maxTogether is about how many writes are put to disk at once.
const maxTogether = 2000

// change makes a change, on disk and in the snapshot when it returns. Changes
// that come while others are put to disk go there together after them: the first
// of those who wait does it for all. make is called while nobody else changes the
// catalog, perhaps by another goroutine and, where another node was faster, more
// than once. The error is make's, or that of the store.
func (c *Catalog) change(ctx context.Context, by string, make func(*change) error) error {
	p := &proposal{by, make, newDone()}
	c.proposed.add(p)
	select {
	case err := <-p.done:
		return err
	case c.changing <- struct{}{}:
		defer func() { <-c.changing }()
		c.commit(context.WithoutCancel(ctx), c.proposed.take())
		return <-p.done // those who are taken are answered
	case <-ctx.Done():
		if c.proposed.remove(p) {
			return context.Cause(ctx)
		}
		return <-p.done // it is being made
	}
}

func newDone() chan error { return make(chan error, 1) }

// commit makes changes, in groups, and answers each.
func (c *Catalog) commit(ctx context.Context, all []*proposal) {
	for len(all) > 0 {
		g := group{change: change{catalog: c, tip: c.Snapshot()}, at: map[string]int{}}
		for len(all) > 0 && len(g.writes) < maxTogether {
			g.add(all[0])
			all = all[1:]
		}
		err := c.put(ctx, &g)
		if errors.Is(err, ErrConflict) && len(g.members) > 1 {
			// One of them has met another node. The others need not suffer.
			for _, p := range g.members {
				one := group{change: change{catalog: c, tip: c.Snapshot()}, at: map[string]int{}}
				if one.add(p) {
					p.done <- c.put(ctx, &one)
				}
			}
			continue
		}
		for _, p := range g.members {
			p.done <- err
		}
	}
}
