package main

import (
	"encoding/json"
	"errors"

	"millrace/internal/config"
	"millrace/internal/links"
)

// signStream prints the URLs of the stream c.Target.
func (c *signCommand) signStream(s streams, o links.Order) error {
	if c.Key != "" {
		return errors.New("--key wants a whole URL: publishers and viewers have different keys")
	}
	var err error
	if o.App, o.Stream, err = links.ParseStream(c.Target); err != nil {
		return err
	}
	listens := config.Default()
	listens.HTTPAddr, listens.HTTPSAddr, listens.TLS, listens.RTMPAddr = c.HTTPAddr, c.HTTPSAddr, c.TLS, c.RTMPAddr
	listens.RTMPSAddr, listens.SRTAddr, listens.RTSMode = c.RTMPSAddr, c.SRTAddr, c.RTSMode
	if listens, err = listens.Finish(); err != nil {
		return err
	}
	place, err := links.ParsePlace(c.Host, listens.HTTPAddr, listens.HTTPSAddr, listens.RTMPAddr, listens.RTMPSAddr, listens.SRTAddr)
	if err != nil {
		return err
	}
	all, err := c.domains(listens.Mode())
	if err != nil {
		return err
	}
	set, err := links.Make(all, place, o)
	if err != nil {
		return err
	}
	if !c.JSON {
		return set.Text(s.out)
	}
	encoder := json.NewEncoder(s.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(set)
}
