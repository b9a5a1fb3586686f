package catalog

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"time"
)

// The kinds of entries. An entry's key is its kind, "/" and its name.
const (
	kindDomain      = "domain"
	kindCertificate = "certificate"
	kindAccessKey   = "key"
	kindBlock       = "block"
)

// kinds are the prefixes of what is in a snapshot.
var kinds = []string{kindDomain + "/", kindCertificate + "/", kindAccessKey + "/", kindBlock + "/"}

// Certificate is what a domain is served with over TLS.
type Certificate struct {
	Name string `json:"name"`
	// Chain and Key are PEM; Key is secret.
	Chain   string    `json:"chain"`
	Key     string    `json:"key"`
	Created time.Time `json:"created"`
	// Unnamed says that it was uploaded without a name and got one that nobody is to
	// remember: it goes with the last domain that is served with it.
	Unnamed bool `json:"unnamed,omitempty"`

	Revision uint64 `json:"-"`
	// TLS is Chain and Key, ready for use.
	TLS *tls.Certificate `json:"-"`
}

func (c *Certificate) finish() error {
	pair, err := ParseCertificate(c.Chain, c.Key)
	c.TLS = pair
	return err
}

// Scope says what an access key may do.
type Scope string

// The scopes. A key for one domain changes and reads that domain alone.
const (
	Full      Scope = "full"
	ReadOnly  Scope = "read-only"
	OneDomain Scope = "domain"
)

// AccessKey is what API clients sign their requests with.
type AccessKey struct {
	ID      string    `json:"id"`
	Secret  string    `json:"secret"`
	Scope   Scope     `json:"scope"`
	Domain  string    `json:"domain,omitempty"` // for OneDomain
	Note    string    `json:"note,omitempty"`
	Created time.Time `json:"created"`

	Revision uint64 `json:"-"`
}

// Block forbids a stream to be published.
type Block struct {
	Domain  string    `json:"domain"` // of ingest
	App     string    `json:"app"`
	Stream  string    `json:"stream"`
	Until   time.Time `json:"until"`
	Created time.Time `json:"created"`

	Revision uint64 `json:"-"`
}

func (d Domain) key() string      { return kindDomain + "/" + d.Name }
func (c Certificate) key() string { return kindCertificate + "/" + c.Name }
func (k AccessKey) key() string   { return kindAccessKey + "/" + k.ID }
func (b Block) key() string       { return kindBlock + "/" + blockKey(b.Domain, b.App, b.Stream) }

func (d Domain) revision() uint64      { return d.Revision }
func (c Certificate) revision() uint64 { return c.Revision }
func (k AccessKey) revision() uint64   { return k.Revision }
func (b Block) revision() uint64       { return b.Revision }

func blockKey(domain, app, stream string) string { return domain + "/" + app + "/" + stream }

// decode reads the value of an entry; it is nil where the entry was deleted.
func decode[T any](e Entry) (*T, error) {
	if e.Value == nil {
		return nil, nil //nolint:nilnil // says so
	}
	v := new(T)
	if err := json.Unmarshal(e.Value, v); err != nil {
		return nil, err
	}
	return v, nil
}

func encode[T any](v *T) ([]byte, error) {
	if v == nil {
		return nil, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode entry: %w", err)
	}
	return b, nil
}
