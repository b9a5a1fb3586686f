package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// Document is a whole catalog as one file.
type Document struct {
	Domains      []Domain      `json:"domains"`
	Certificates []Certificate `json:"certificates,omitempty"`
	AccessKeys   []AccessKey   `json:"access-keys,omitempty"`
	Blocks       []Block       `json:"blocks,omitempty"`
}

// Document returns everything in the snapshot, secrets included.
func (s *Snapshot) Document() Document {
	var doc Document
	for _, d := range s.Domains() {
		if d.original != nil {
			d = d.original
		}
		doc.Domains = append(doc.Domains, *d)
	}
	for _, c := range s.Certificates() {
		doc.Certificates = append(doc.Certificates, *c)
	}
	for _, k := range s.AccessKeys() {
		doc.AccessKeys = append(doc.AccessKeys, *k)
	}
	for _, b := range s.Blocks() {
		doc.Blocks = append(doc.Blocks, *b)
	}
	return doc
}

// YAML returns the document as a file.
func (doc Document) YAML() ([]byte, error) {
	b, err := yaml.MarshalWithOptions(doc, yaml.UseLiteralStyleIfMultiline(true))
	if err != nil {
		return nil, fmt.Errorf("encode catalog: %w", err)
	}
	return b, nil
}

// ParseYAML reads a document strictly. The error names the line, or everything
// that is not valid.
func ParseYAML(src []byte) (Document, error) {
	var doc Document
	if err := yaml.NewDecoder(bytes.NewReader(src), yaml.Strict()).Decode(&doc); err != nil {
		return Document{}, fmt.Errorf("read catalog: %w", err)
	}
	_, err := doc.Snapshot()
	return doc, err
}

// Snapshot returns a snapshot of the document, after it has filled in what the
// document leaves out. The error joins an *Invalid for everything that cannot be.
func (doc *Document) Snapshot() (*Snapshot, error) {
	b := (&Snapshot{}).build()
	var faults []error
	fault := func(err error) {
		if err != nil {
			faults = append(faults, err)
		}
	}
	b.certificates, b.keys, b.blocks = b.from.certificates.draft(), b.from.keys.draft(), b.from.blocks.draft()
	for i := range doc.Certificates {
		c := &doc.Certificates[i]
		fault(once(b.certificates, c.Name, "certificate"))
		fault(c.check())
		b.certificates.set(c.Name, c)
	}
	for i := range doc.AccessKeys {
		k := &doc.AccessKeys[i]
		fault(once(b.keys, k.ID, "access key"))
		fault(k.check())
		b.keys.set(k.ID, k)
	}
	for i := range doc.Blocks {
		v := &doc.Blocks[i]
		key := blockKey(v.Domain, v.App, v.Stream)
		fault(once(b.blocks, key, "block"))
		fault(v.check())
		b.blocks.set(key, v)
	}
	b.domains = b.from.domains.draft()
	for i := range doc.Domains {
		d := &doc.Domains[i]
		d.fill()
		fault(once(b.domains, d.Name, "domain"))
		fault(d.finish())
		b.setDomain(d.Name, d)
	}
	s := b.snapshot()
	for i := range doc.Domains {
		fault(s.check(&doc.Domains[i]))
	}
	return s, errors.Join(faults...)
}

func once[T any](d *draft[*T], name, kind string) error {
	if _, twice := d.get(name); twice {
		return &Invalid{kind + " " + quoteName(name), "is there twice"}
	}
	return nil
}

// fill sets what a document may leave out.
func (d *Domain) fill() {
	d.Name, d.Main = strings.ToLower(d.Name), strings.ToLower(d.Main)
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&d.Region, DefaultRegion)
	set(&d.Scope, "domestic")
	set((*string)(&d.Status), string(Online))
	set(&d.CNAME, d.Name+".c.local")
	number(d.Functions)
}

// Import makes the catalog what a document says. Nothing is written unless all
// of it is valid; a failure in the middle leaves part of it, and the same import
// may be made again.
func (c *Catalog) Import(ctx context.Context, by string, doc Document) error {
	next, err := doc.Snapshot()
	if err != nil {
		return err
	}
	return c.exclusively(ctx, func() error {
		// Certificates come before the domains that use them.
		old := c.Snapshot()
		for _, v := range next.Certificates() {
			was := old.Certificate(v.Name)
			if was != nil && was.Chain == v.Chain && was.Key == v.Key {
				continue
			}
			if err := write(ctx, c, by, kindCertificate, v.Name, was, v, revision(was, func(c *Certificate) uint64 { return c.Revision })); err != nil {
				return err
			}
		}
		if err := c.importDomains(ctx, by, next); err != nil {
			return err
		}
		for _, was := range old.Certificates() {
			if next.Certificate(was.Name) == nil {
				if err := write(ctx, c, by, kindCertificate, was.Name, was, nil, was.Revision); err != nil {
					return err
				}
			}
		}
		if err := replace(ctx, c, by, kindAccessKey, old.keys, next.keys, func(k *AccessKey) uint64 { return k.Revision }); err != nil {
			return err
		}
		return replace(ctx, c, by, kindBlock, old.blocks, next.blocks, func(b *Block) uint64 { return b.Revision })
	})
}

func (c *Catalog) importDomains(ctx context.Context, by string, next *Snapshot) error {
	// Who leaves goes first, so that nobody is the second default of a type.
	for _, d := range c.Snapshot().Domains() {
		if next.Domain(d.Name) == nil {
			old := c.stored(d.Name)
			if err := write(ctx, c, by, kindDomain, d.Name, old, nil, old.Revision); err != nil {
				return err
			}
		}
	}
	for _, d := range next.Domains() {
		old := c.stored(d.Name)
		if err := write(ctx, c, by, kindDomain, d.Name, old, d, revision(old, func(d *Domain) uint64 { return d.Revision })); err != nil {
			return err
		}
	}
	return nil
}

// replace makes the entries of a kind what they are in next.
func replace[T entity](ctx context.Context, c *Catalog, by, kind string, old, next table[*T], rev func(*T) uint64) error {
	for _, name := range old.names() {
		was, _ := old.get(name)
		if _, stays := next.get(name); !stays {
			if err := write(ctx, c, by, kind, name, was, nil, rev(was)); err != nil {
				return err
			}
		}
	}
	for _, name := range next.names() {
		was, _ := old.get(name)
		v, _ := next.get(name)
		if err := write(ctx, c, by, kind, name, was, v, revision(was, rev)); err != nil {
			return err
		}
	}
	return nil
}

func revision[T any](v *T, of func(*T) uint64) uint64 {
	if v == nil {
		return 0
	}
	return of(v)
}

// names returns the keys of a table, ordered.
func (t table[T]) names() []string {
	if t.shard == nil {
		return nil
	}
	var all []string
	for _, m := range t.shard {
		for name := range m {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}
