package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// queue is the changes that wait.
type queue struct {
	mu  sync.Mutex
	all []*proposal
}

func (q *queue) add(p *proposal) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all = append(q.all, p)
}

func (q *queue) take() []*proposal {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.all
	q.all = nil
	return all
}

// remove takes a change back, unless it is being made.
func (q *queue) remove(p *proposal) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.all, p)
	if i < 0 {
		return false
	}
	q.all = slices.Delete(q.all, i, i+1)
	return true
}

// group is changes that go to disk together: each entry is written once, and as
// the last of them leaves it.
type group struct {
	change
	members []*proposal
	at      map[string]int // where in writes an entry is
}

// add makes one change on top of the others. One that cannot be is answered and
// leaves no trace.
func (g *group) add(p *proposal) bool {
	ch := change{catalog: g.catalog, by: p.by, tip: g.tip}
	if err := p.make(&ch); err != nil {
		p.done <- err
		return false
	}
	g.tip = ch.tip
	g.audit = append(g.audit, ch.audit...)
	for _, w := range ch.writes {
		i, again := g.at[w.Key]
		if !again {
			g.at[w.Key] = len(g.writes)
			g.writes = append(g.writes, w)
			continue
		}
		g.writes[i].Value = w.Value
	}
	g.members = append(g.members, p)
	return true
}

// put writes a group, with its audit entries, in one step, and puts it into the
// snapshot.
func (c *Catalog) put(ctx context.Context, g *group) error {
	// What was made and deleted within the group was never there.
	writes := slices.DeleteFunc(g.writes, func(w Write) bool { return w.Value == nil && w.Revision == 0 })
	n := len(writes)
	audit, err := auditWrites(g.audit)
	if err != nil {
		return err
	}
	writes = append(writes, audit...)
	if len(writes) == 0 {
		return nil
	}
	first, err := c.store.Put(ctx, writes...)
	if errors.Is(err, ErrConflict) && n == 1 && writes[0].Revision == 0 {
		return fmt.Errorf("%s: %w", strings.Replace(writes[0].Key, "/", " ", 1), ErrExists)
	}
	if err != nil && !errors.Is(err, ErrConflict) {
		err = fmt.Errorf("%w: %w", ErrStore, err)
	}
	if err != nil {
		return fmt.Errorf("change catalog: %w", err)
	}
	entries := make([]Entry, n)
	for i, w := range writes[:n] {
		entries[i] = Entry{w.Key, w.Value, first + uint64(i)}
	}
	c.apply(entries)
	return nil
}
