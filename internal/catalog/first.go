package catalog

import (
	"context"
	"crypto/rand"
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

// Empty says whether there is nothing in the catalog.
func (c *Catalog) Empty() bool { return c.Snapshot().domains.size == 0 }

// Fill imports a document into a catalog that has no domains yet.
func (c *Catalog) Fill(ctx context.Context, by string, doc Document) error {
	now := c.now()
	for i := range doc.Domains {
		d := &doc.Domains[i]
		d.Created, d.Modified = now, now
	}
	return c.Import(ctx, by, doc)
}
