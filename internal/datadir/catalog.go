package datadir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/catalog/kv"
)

const storeDir = "store"

// Catalog is the open catalog of an installation. Close it.
type Catalog struct {
	*catalog.Catalog
	// Store is what the catalog is kept in, for others who keep something.
	Store *kv.Server

	lock *os.File
}

// Catalog opens the installation's catalog, of which o says the rest. The first
// time it makes the two default domains, or takes those of an older
// installation. The error is a *Taken while another process has it open.
func (d *Dir) Catalog(ctx context.Context, o catalog.Options) (*Catalog, error) {
	held, err := lock(d.path)
	if err != nil {
		return nil, err
	}
	c := &Catalog{lock: held}
	files := filepath.Join(d.path, storeDir)
	if err = os.MkdirAll(files, 0o700); err == nil {
		c.Store, err = kv.Open(files, o.Log)
	}
	if err == nil {
		err = c.open(ctx, d, o)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Catalog) open(ctx context.Context, d *Dir, o catalog.Options) error {
	store, err := c.Store.Bucket(ctx, "catalog", 0)
	if err != nil {
		return err
	}
	if c.Catalog, err = catalog.Open(ctx, store, o); err != nil {
		return err
	}
	// Earlier installations kept the audit log apart.
	if err := c.Store.Empty(ctx, "audit", func(all []catalog.Entry) error { return c.AdoptAudit(ctx, all) }); err != nil {
		return err
	}
	if filled, err := c.Filled(ctx); err != nil || filled {
		return err
	}
	doc, err := d.legacy()
	if errors.Is(err, fs.ErrNotExist) {
		doc, err = catalog.First(), nil
	}
	if err != nil {
		return err
	}
	if err := c.Fill(ctx, "first start", doc); err != nil {
		return fmt.Errorf("make first catalog: %w", err)
	}
	return d.retire()
}

// Announce tells processes that find the catalog taken where its node's admin
// port is.
func (c *Catalog) Announce(admin string) error {
	if _, err := c.lock.WriteAt([]byte(admin+"\n"), 0); err != nil {
		return fmt.Errorf("write admin address: %w", err)
	}
	return nil
}

// Close closes the store and lets others have it. Further calls do nothing.
func (c *Catalog) Close() {
	if c.Store != nil {
		c.Store.Close()
	}
	_ = c.lock.Close()
}

// Edit opens the catalog of an installation that has been started before and
// that nobody has open, for one piece of work. Where there is none, the error is
// fs.ErrNotExist.
func Edit(ctx context.Context, path string, log *slog.Logger, work func(*catalog.Catalog) error) error {
	if _, err := os.Stat(filepath.Join(path, storeDir)); err != nil {
		return fmt.Errorf("open catalog: %w", err)
	}
	c, err := (&Dir{path}).Catalog(ctx, catalog.Options{Now: time.Now, Log: log})
	if err != nil {
		return err
	}
	defer c.Close()
	return work(c.Catalog)
}
