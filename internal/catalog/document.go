package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
	err := DecodeYAML(src, &doc)
	if errors.Is(err, io.EOF) {
		return Document{}, errors.New("read catalog: the file is empty, which no catalog is")
	}
	if err != nil {
		return Document{}, fmt.Errorf("read catalog: %w", err)
	}
	_, err = doc.Snapshot()
	return doc, err
}

// DecodeYAML reads a file into v, which has a field for each of its keys.
func DecodeYAML(src []byte, v any) (err error) {
	// The library panics where a list is a tag and nothing else.
	defer func() {
		if broken := recover(); broken != nil {
			err = fmt.Errorf("not YAML that can be read: %v", broken)
		}
	}()
	return yaml.NewDecoder(bytes.NewReader(src), yaml.Strict()).Decode(v)
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

// Import makes the catalog what a document says, as a whole or, where something
// fails, not at all. What is there already is not written again.
func (c *Catalog) Import(ctx context.Context, by string, doc Document) error {
	next, err := doc.Snapshot()
	if err != nil {
		return err
	}
	return c.change(ctx, by, func(ch *change) error { return ch.become(next) })
}

func (ch *change) become(next *Snapshot) error {
	old := ch.tip
	certificate := func(name string) *Certificate { return ch.tip.Certificate(name) }
	key := func(id string) *AccessKey { return ch.tip.AccessKey(id) }
	block := func(key string) *Block { b, _ := ch.tip.blocks.get(key); return b }
	for _, step := range []func() error{
		// Certificates are there before the domains that use them, and after.
		func() error { return add(ch, certificate, next.certificates) },
		// Who leaves goes first, so that nobody is the second default of a type.
		func() error { return drop(ch, old.domains.names(), ch.stored, next.domains) },
		func() error { return add(ch, ch.stored, next.domains) },
		func() error { return drop(ch, old.certificates.names(), certificate, next.certificates) },
		func() error { return drop(ch, old.keys.names(), key, next.keys) },
		func() error { return add(ch, key, next.keys) },
		func() error { return drop(ch, old.blocks.names(), block, next.blocks) },
		func() error { return add(ch, block, next.blocks) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// drop deletes those of names that are not in next.
func drop[T entity](ch *change, names []string, get func(string) *T, next table[*T]) error {
	for _, name := range names {
		if _, stays := next.get(name); stays {
			continue
		}
		if err := write(ch, get(name), nil); err != nil {
			return err
		}
	}
	return nil
}

// add writes what is in next and was not there, or was another.
func add[T entity](ch *change, get func(string) *T, next table[*T]) error {
	for _, name := range next.names() {
		was := get(name)
		v, _ := next.get(name)
		if same, err := equal(was, v); err != nil || same {
			if err != nil {
				return err
			}
			continue
		}
		if err := write(ch, was, v); err != nil {
			return err
		}
	}
	return nil
}

// equal says whether two values are stored as the same.
func equal[T entity](a, b *T) (bool, error) {
	x, err := encode(a)
	if err != nil {
		return false, err
	}
	y, err := encode(b)
	return bytes.Equal(x, y), err
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
