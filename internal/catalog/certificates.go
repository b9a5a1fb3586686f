package catalog

import (
	"context"
	"strings"
)

// GiveCertificate has a domain served with the certificate that choose returns,
// with nil by none of its own. Where it has a chain it comes with this change and
// replaces the one of its name. choose sees the catalog as it is when the change
// is made; it may be called more than once. The error is choose's, ErrNotFound or
// an *Invalid.
func (c *Catalog) GiveCertificate(ctx context.Context, by, domain string, choose func(*Snapshot) (*Certificate, error)) error {
	return c.change(ctx, by, func(ch *change) error {
		v, err := choose(ch.tip)
		if err != nil {
			return err
		}
		name := ""
		if v != nil {
			name = v.Name
		}
		if v != nil && v.Chain != "" {
			if bad := v.check(); bad != nil {
				return bad
			}
			brought := *v
			brought.Created = c.now()
			if err := write(ch, ch.tip.Certificate(name), &brought); err != nil {
				return err
			}
		}
		return ch.changeDomain(domain, func(d *Domain) error {
			d.Certificate = name
			return nil
		})
	})
}

func (c *Certificate) check() error {
	if c.Name == "" || len(c.Name) > 128 || strings.ContainsFunc(c.Name, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' }) {
		return &Invalid{"certificate: name", "wants 1 to 128 printable characters without blanks and slashes"}
	}
	_, err := ParseCertificate(c.Chain, c.Key)
	return err
}

// dropUnnamed deletes a certificate that nobody has given a name, where no domain
// is served with it any more.
func (ch *change) dropUnnamed(name string) error {
	c := ch.tip.Certificate(name)
	if c == nil || !c.Unnamed {
		return nil
	}
	for d := range ch.tip.EachDomain() {
		if d.Certificate == name {
			return nil
		}
	}
	return write(ch, c, nil)
}
