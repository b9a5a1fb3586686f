package catalog

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// Snapshot is an immutable view of the catalog. The zero value is empty.
type Snapshot struct {
	domains      table[*Domain]
	defaults     map[Role]*Domain
	certificates table[*Certificate]
	keys         table[*AccessKey]
	blocks       table[*Block]
}

// NewSnapshot makes a snapshot of domains alone, of which it keeps copies. The
// error is an *Invalid.
func NewSnapshot(domains ...Domain) (*Snapshot, error) {
	b := (&Snapshot{}).build()
	for i := range domains {
		d := domains[i]
		if err := d.finish(); err != nil {
			return nil, err
		}
		b.setDomain(d.Name, &d)
	}
	return b.snapshot(), nil
}

// finish sets what follows from the rest of d. The error is an *Invalid.
func (d *Domain) finish() error {
	rules, err := compile(d.Role, d.Functions)
	if err != nil {
		return err.(*Invalid).under("domain " + d.Name) //nolint:errorlint,forcetypeassert // its only kind
	}
	d.Rules = rules
	if d.Role == Streaming && d.Main == "" {
		d.Main = d.Name
	}
	return nil
}

// Domain returns the domain of a name, in lower case, or nil.
func (s *Snapshot) Domain(name string) *Domain {
	d, _ := s.domains.get(name)
	return d
}

// Default returns the default domain of a role, or nil.
func (s *Snapshot) Default(role Role) *Domain { return s.defaults[role] }

// Domains returns all domains, ordered by name.
func (s *Snapshot) Domains() []*Domain {
	return slices.SortedFunc(s.domains.all(), func(a, b *Domain) int { return strings.Compare(a.Name, b.Name) })
}

// EachDomain yields all domains in no order.
func (s *Snapshot) EachDomain() iter.Seq[*Domain] { return s.domains.all() }

// Of returns the domains whose streams live in the name space of a streaming
// domain: its ingest domains, itself and its sub-streaming domains, by name.
func (s *Snapshot) Of(main string) []*Domain {
	return slices.DeleteFunc(s.Domains(), func(d *Domain) bool { return d.Main != main })
}

// Certificate returns a certificate by its name, or nil.
func (s *Snapshot) Certificate(name string) *Certificate {
	c, _ := s.certificates.get(name)
	return c
}

// Certificates returns all certificates, ordered by name.
func (s *Snapshot) Certificates() []*Certificate {
	return slices.SortedFunc(s.certificates.all(), func(a, b *Certificate) int { return cmp.Compare(a.Name, b.Name) })
}

// AccessKey returns an access key by its ID, or nil.
func (s *Snapshot) AccessKey(id string) *AccessKey {
	k, _ := s.keys.get(id)
	return k
}

// AccessKeys returns all access keys, ordered by ID.
func (s *Snapshot) AccessKeys() []*AccessKey {
	return slices.SortedFunc(s.keys.all(), func(a, b *AccessKey) int { return cmp.Compare(a.ID, b.ID) })
}

// Blocked returns what forbids the stream to be published to an ingest domain at
// a time, or nil.
func (s *Snapshot) Blocked(domain, app, stream string, now time.Time) *Block {
	if s.blocks.size == 0 {
		return nil
	}
	b, _ := s.blocks.get(blockKey(domain, app, stream))
	if b == nil || !now.Before(b.Until) {
		return nil
	}
	return b
}

// Blocks returns all blocks, those that have run out included, ordered by
// domain, app and stream.
func (s *Snapshot) Blocks() []*Block {
	return slices.SortedFunc(s.blocks.all(), func(a, b *Block) int {
		return cmp.Compare(blockKey(a.Domain, a.App, a.Stream), blockKey(b.Domain, b.App, b.Stream))
	})
}

// builder is a changed copy of a snapshot in the making.
type builder struct {
	domains      *draft[*Domain]
	certificates *draft[*Certificate]
	keys         *draft[*AccessKey]
	blocks       *draft[*Block]
	defaults     map[Role]*Domain
	from         *Snapshot
}

func (s *Snapshot) build() *builder { return &builder{from: s, defaults: s.defaults} }

func (b *builder) setDomain(name string, d *Domain) {
	if b.domains == nil {
		b.domains = b.from.domains.draft()
	}
	old, _ := b.domains.get(name)
	if old != nil && old.Default || d != nil && d.Default {
		defaults := map[Role]*Domain{}
		for role, at := range b.defaults {
			if at.Name != name {
				defaults[role] = at
			}
		}
		if d != nil && d.Default {
			defaults[d.Role] = d
		}
		b.defaults = defaults
	}
	put(b.domains, name, d)
}

// put sets a value, or removes it where v is nil.
func put[T any](d *draft[*T], key string, v *T) {
	if v == nil {
		d.remove(key)
		return
	}
	d.set(key, v)
}

func (b *builder) snapshot() *Snapshot {
	s := *b.from
	s.defaults = b.defaults
	if b.domains != nil {
		s.domains = b.domains.table
	}
	if b.certificates != nil {
		s.certificates = b.certificates.table
	}
	if b.keys != nil {
		s.keys = b.keys.table
	}
	if b.blocks != nil {
		s.blocks = b.blocks.table
	}
	return &s
}

// set puts one entry of the store into the snapshot. Keys of other kinds are
// passed over.
func (b *builder) set(e Entry, adjust func(*Domain)) error {
	kind, name, _ := strings.Cut(e.Key, "/")
	var err error
	switch kind {
	case kindDomain:
		var d *Domain
		if d, err = decode[Domain](e); d != nil {
			d.Revision = e.Revision
			d.mend()
			err = d.finish()
			if adjust != nil && err == nil {
				original := *d
				adjust(d)
				d.original = &original
			}
		}
		if err == nil {
			b.setDomain(name, d)
		}
	case kindCertificate:
		err = setEntry(&b.certificates, b.from.certificates, name, e, func(c *Certificate) error { c.Revision = e.Revision; return c.finish() })
	case kindAccessKey:
		err = setEntry(&b.keys, b.from.keys, name, e, func(k *AccessKey) error { k.Revision = e.Revision; return nil })
	case kindBlock:
		err = setEntry(&b.blocks, b.from.blocks, name, e, func(b *Block) error { b.Revision = e.Revision; return nil })
	}
	if err != nil {
		return fmt.Errorf("read entry %s: %w", e.Key, err)
	}
	return nil
}

// mend changes what a store may hold from before it was checked.
func (d *Domain) mend() {
	if c := d.Callbacks; c != nil {
		c.URL, _, _ = strings.Cut(c.URL, "#")
	}
}

func setEntry[T any](d **draft[*T], from table[*T], name string, e Entry, finish func(*T) error) error {
	v, err := decode[T](e)
	if err != nil {
		return err
	}
	if v != nil {
		if err := finish(v); err != nil {
			return err
		}
	}
	if *d == nil {
		*d = from.draft()
	}
	put(*d, name, v)
	return nil
}
