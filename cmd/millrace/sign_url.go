package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"millrace/internal/catalog"
	"millrace/internal/datadir"
	"millrace/internal/links"
)

// signURL prints c.Target with a token.
func (c *signCommand) signURL(s streams, o links.Order) error {
	domain := links.KeyOnly(c.Key)
	if c.Key == "" {
		all, err := c.domains("")
		if err != nil {
			return err
		}
		if domain, err = links.DomainOf(all, c.Target, c.Publish, o); err != nil {
			return err
		}
	}
	url, err := links.URL(domain, c.Target, o)
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(s.out)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(map[string]string{"url": url})
	}
	_, err = fmt.Fprintln(s.out, url)
	return err
}

// domains reads the catalog of the installation that c.DataDir belongs to. m, where
// it is not "", is the mode of the default streaming domain.
func (c *signCommand) domains(m catalog.Mode) (*catalog.Snapshot, error) {
	doc, err := datadir.Export(context.Background(), c.DataDir, slog.New(slog.DiscardHandler))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no keys in %s: start `millrace serve` with this data directory once, or give --key", c.DataDir)
	}
	if err != nil {
		return nil, err
	}
	for i := range doc.Domains {
		d := &doc.Domains[i]
		if m != "" && d.Default && d.Role == catalog.Streaming {
			if d.Functions, err = catalog.With(d.Functions, catalog.RTS(m)); err != nil {
				return nil, err
			}
		}
	}
	return doc.Snapshot()
}
