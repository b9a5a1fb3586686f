package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"millrace/internal/catalog"
	"millrace/internal/datadir"
	"millrace/internal/links"
)

// signURL prints c.Target with a token.
func (c *signCommand) signURL(s streams, o links.Order) error {
	domain := links.KeyOnly(c.Key)
	if c.Key == "" {
		all, err := c.domains()
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

// domains reads the catalog of the installation that c.DataDir belongs to.
func (c *signCommand) domains() (*catalog.Snapshot, error) {
	all, err := datadir.ReadDomains(c.DataDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no keys in %s: start `millrace serve` with this data directory once, or give --key", c.DataDir)
	}
	return all, err
}
