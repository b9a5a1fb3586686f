package catalog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
)

// First returns the domains of a new installation: push.localhost and
// play.localhost, associated, signed with random keys, in sub-second mode, open
// to pages of any origin.
func First() Document {
	any := Header("Access-Control-Allow-Origin", "*")
	return Document{Domains: []Domain{
		{
			Name: "push.localhost", Role: Ingest, Main: "play.localhost", Default: true,
			Functions: []Function{Signed(rand.Text(), "", DefaultValidity), any},
		},
		{
			Name: "play.localhost", Role: Streaming, Default: true,
			Functions: []Function{Signed(rand.Text(), "", DefaultValidity), RTS(SubSecond), any},
		},
	}}
}

// The keys of entries that say what has been done once and for all.
const (
	filled = "meta/filled"
	keyed  = "meta/keyed" // there has been a first access key
)

// Filled says whether Fill has been through. A catalog is empty before.
func (c *Catalog) Filled(ctx context.Context) (bool, error) { return c.done(ctx, filled) }

func (c *Catalog) done(ctx context.Context, key string) (bool, error) {
	_, err := c.store.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// once adds to a change that it has been made.
func (ch *change) once(key string) {
	ch.writes = append(ch.writes, Write{Key: key, Value: []byte("{}")})
}

// Fill imports the first document of a new catalog. The error is ErrConflict
// where it has been filled.
func (c *Catalog) Fill(ctx context.Context, by string, doc Document) error {
	now := c.now()
	for i := range doc.Domains {
		d := &doc.Domains[i]
		d.Created, d.Modified = now, now
	}
	next, err := doc.Snapshot()
	if err != nil {
		return err
	}
	return c.change(ctx, by, func(ch *change) error {
		ch.once(filled)
		return ch.become(next)
	})
}

// FirstKey makes the first access key of the API. Later calls, also after that
// key was deleted, return none.
func (c *Catalog) FirstKey(ctx context.Context) (AccessKey, error) {
	if made, err := c.done(ctx, keyed); err != nil || made {
		return AccessKey{}, err
	}
	k, err := c.newKey(Full, "", "first")
	if err == nil {
		err = c.change(ctx, "first start", func(ch *change) error {
			ch.once(keyed)
			return write(ch, nil, &k)
		})
	}
	if err != nil {
		return AccessKey{}, fmt.Errorf("make first access key: %w", err)
	}
	return k, nil
}
