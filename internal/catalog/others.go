package catalog

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"
)

// AddAccessKey makes an access key with a random ID and secret, and returns it.
func (c *Catalog) AddAccessKey(ctx context.Context, by string, scope Scope, domain, note string) (AccessKey, error) {
	k, err := c.newKey(scope, domain, note)
	if err != nil {
		return AccessKey{}, err
	}
	return k, c.change(ctx, by, func(ch *change) error {
		return write(ch, nil, &k)
	})
}

func (c *Catalog) newKey(scope Scope, domain, note string) (AccessKey, error) {
	k := AccessKey{ID: "MR" + rand.Text()[:18], Secret: rand.Text(), Scope: scope, Domain: strings.ToLower(domain), Note: note, Created: c.now()}
	return k, k.check()
}

func (k *AccessKey) check() error {
	switch {
	case !isHostName(strings.ToLower(k.ID)) || len(k.ID) > 63:
		return &Invalid{"access key: id", "wants 1 to 63 letters and digits"}
	case len(k.Secret) < 16 || len(k.Secret) > 128:
		return &Invalid{"access key " + k.ID + ": secret", "wants 16 to 128 characters"}
	case k.Scope == OneDomain && !isHostName(k.Domain):
		return &Invalid{"access key " + k.ID + ": domain", quote(k.Domain) + " is no domain name"}
	case k.Scope != OneDomain && k.Domain != "":
		return &Invalid{"access key " + k.ID + ": domain", "is for the scope " + string(OneDomain)}
	case k.Scope != Full && k.Scope != ReadOnly && k.Scope != OneDomain:
		return &Invalid{"access key " + k.ID + ": scope", quote(string(k.Scope)) + " is not one of full, read-only, domain"}
	}
	return nil
}

// DeleteAccessKey deletes an access key.
func (c *Catalog) DeleteAccessKey(ctx context.Context, by, id string) error {
	return c.change(ctx, by, func(ch *change) error {
		old := ch.tip.AccessKey(id)
		if old == nil {
			return fmt.Errorf("access key %s: %w", quote(id), ErrNotFound)
		}
		return write(ch, old, nil)
	})
}

// maxBlocks is how many streams can be blocked at once.
const maxBlocks = 10_000

// BlockStream forbids a stream to be published until a time. The error is
// ErrExists where it is blocked already, ErrQuota, or an *Invalid.
func (c *Catalog) BlockStream(ctx context.Context, by string, domain, app, stream string, until time.Time) error {
	b := Block{Domain: strings.ToLower(domain), App: app, Stream: stream, Until: until.UTC(), Created: c.now()}
	if bad := b.check(); bad != nil {
		return bad
	}
	return c.change(ctx, by, func(ch *change) error {
		key := blockKey(b.Domain, app, stream)
		old, _ := ch.tip.blocks.get(key)
		if old != nil && c.now().Before(old.Until) {
			return fmt.Errorf("block of %s: %w", key, ErrExists)
		}
		if old == nil && ch.tip.blocks.size >= maxBlocks {
			if err := ch.dropBlocks(); err != nil {
				return err
			}
		}
		return write(ch, old, &b)
	})
}

// dropBlocks makes room by deleting the blocks that have run out.
func (ch *change) dropBlocks() error {
	dropped := 0
	for b := range ch.tip.blocks.all() {
		if ch.catalog.now().Before(b.Until) {
			continue
		}
		if err := write(ch, b, nil); err != nil {
			return err
		}
		dropped++
	}
	if dropped == 0 {
		return fmt.Errorf("%d streams are blocked: %w", maxBlocks, ErrQuota)
	}
	return nil
}

func (b *Block) check() error {
	switch {
	case !isHostName(b.Domain):
		return &Invalid{"block: domain", quote(b.Domain) + " is no domain name"}
	case !IsName(b.App, false):
		return &Invalid{"block: app", quote(b.App) + " is no app name"}
	case !IsName(b.Stream, true):
		return &Invalid{"block: stream", quote(b.Stream) + " is no stream name"}
	}
	return nil
}

// UnblockStream lets a stream be published again; app "*" stands for all.
func (c *Catalog) UnblockStream(ctx context.Context, by, domain, app, stream string) error {
	return c.change(ctx, by, func(ch *change) error {
		err := fmt.Errorf("block of %s: %w", quote(blockKey(domain, app, stream)), ErrNotFound)
		for _, b := range ch.tip.Blocks() {
			if b.Domain != strings.ToLower(domain) || app != "*" && b.App != app || b.Stream != stream {
				continue
			}
			if err = write(ch, b, nil); err != nil {
				return err
			}
		}
		return err
	})
}
