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

// filled is the key of an entry that says that the catalog has been filled.
const filled = "meta/filled"

// Filled says whether Fill has been through. A catalog is empty, or half full,
// before.
func (c *Catalog) Filled(ctx context.Context) (bool, error) {
	_, err := c.store.Get(ctx, filled)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Fill imports the first document of a new catalog.
func (c *Catalog) Fill(ctx context.Context, by string, doc Document) error {
	now := c.now()
	for i := range doc.Domains {
		d := &doc.Domains[i]
		d.Created, d.Modified = now, now
	}
	if err := c.Import(ctx, by, doc); err != nil {
		return err
	}
	if _, err := c.store.Put(ctx, filled, []byte("{}"), 0); err != nil {
		return fmt.Errorf("fill catalog: %w", err)
	}
	return nil
}
