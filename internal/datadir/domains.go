package datadir

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"millrace/internal/catalog"
)

const domainsFile = "domains.yaml"

const domainsHead = `# The domains of this installation and the keys that sign their URLs. Keep it secret.
# Made at the first start; changes are read at the next one.
#
#   name              the host name that clients use
#   type              ingest (publishers) or streaming (viewers)
#   streaming-domain  of an ingest domain: where its streams are played
#   default           also for requests to an IP address or to localhost
#   mode              of a streaming domain: sub-second, or half-second (WebRTC in, WebRTC out)
#   signing           whether URLs need a signature; a token lives for validity-minutes
#   secondary-key     accepted as well, for changing the primary key without a break
`

// entry is one domain as it stands in the file.
type entry struct {
	Name            string `yaml:"name"`
	Type            string `yaml:"type"`
	StreamingDomain string `yaml:"streaming-domain,omitempty"`
	Default         bool   `yaml:"default"`
	Mode            string `yaml:"mode,omitempty"`
	Signing         bool   `yaml:"signing"`
	PrimaryKey      string `yaml:"primary-key"`
	SecondaryKey    string `yaml:"secondary-key,omitempty"`
	ValidityMinutes int64  `yaml:"validity-minutes"`
}

type domainsDocument struct {
	Domains []entry `yaml:"domains"`
}

var (
	roles = map[string]catalog.Role{"ingest": catalog.Ingest, "streaming": catalog.Streaming}
	modes = map[string]catalog.Mode{"": catalog.SubSecond, "sub-second": catalog.SubSecond, "half-second": catalog.HalfSecond}
)

// Domains returns the installation's domains. The first call ever makes them:
// push.localhost and play.localhost, associated, each with a random key.
func (d *Dir) Domains() (*catalog.Snapshot, error) {
	s, err := ReadDomains(d.path)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	body, err := yaml.Marshal(firstDomains())
	if err != nil {
		return nil, fmt.Errorf("encode domains: %w", err)
	}
	// Another process may be making them just now; then its keys hold.
	err = d.write(domainsFile, slices.Concat([]byte(domainsHead), []byte("\n"), body), false)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return ReadDomains(d.path)
}

func firstDomains() domainsDocument {
	const day = 1440
	return domainsDocument{[]entry{
		{
			Name: "push.localhost", Type: "ingest", StreamingDomain: "play.localhost",
			Default: true, Signing: true, PrimaryKey: rand.Text(), ValidityMinutes: day,
		},
		{
			Name: "play.localhost", Type: "streaming", Mode: "sub-second",
			Default: true, Signing: true, PrimaryKey: rand.Text(), ValidityMinutes: day,
		},
	}}
}

// ReadDomains reads the domains of an installation that has been started
// before; where it has not, the error is fs.ErrNotExist.
func ReadDomains(dir string) (*catalog.Snapshot, error) {
	path := filepath.Join(dir, domainsFile)
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read domains: %w", err)
	}
	s, err := parseDomains(src)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return s, nil
}

func parseDomains(src []byte) (*catalog.Snapshot, error) {
	var doc domainsDocument
	if err := yaml.NewDecoder(bytes.NewReader(src), yaml.Strict()).Decode(&doc); err != nil {
		return nil, err
	}
	s := &catalog.Snapshot{}
	for i, e := range doc.Domains {
		d, err := e.domain()
		if err != nil {
			return nil, fmt.Errorf("domain %d, %q: %w", i+1, e.Name, err)
		}
		s.Domains = append(s.Domains, d)
	}
	return s, agree(s.Domains)
}

// Unsigned returns a copy of s in which the default domains want no signature.
func Unsigned(s *catalog.Snapshot) *catalog.Snapshot {
	open := &catalog.Snapshot{Domains: slices.Clone(s.Domains)}
	for i := range open.Domains {
		if d := &open.Domains[i]; d.Default {
			d.Auth.Enabled = false
		}
	}
	return open
}

// WithMode returns a copy of s in which the default streaming domain is in mode m.
func WithMode(s *catalog.Snapshot, m catalog.Mode) *catalog.Snapshot {
	other := &catalog.Snapshot{Domains: slices.Clone(s.Domains)}
	for i := range other.Domains {
		if d := &other.Domains[i]; d.Default && d.Role == catalog.Streaming {
			d.Mode = m
		}
	}
	return other
}

func (e entry) domain() (catalog.Domain, error) {
	role, known := roles[e.Type]
	mode, knownMode := modes[e.Mode]
	switch {
	case !isHostName(e.Name):
		return catalog.Domain{}, errors.New("name is no host name")
	case !known:
		return catalog.Domain{}, fmt.Errorf("type %q is neither ingest nor streaming", e.Type)
	case !knownMode:
		return catalog.Domain{}, fmt.Errorf("mode %q is neither sub-second nor half-second", e.Mode)
	case role == catalog.Ingest && e.Mode != "":
		return catalog.Domain{}, errors.New("an ingest domain has the mode of its streaming domain, none of its own")
	case role == catalog.Ingest && e.StreamingDomain == "":
		return catalog.Domain{}, errors.New("an ingest domain wants a streaming-domain")
	case e.Signing && e.PrimaryKey == "":
		return catalog.Domain{}, errors.New("signing wants a primary-key")
	case e.Signing && (e.ValidityMinutes < 1 || e.ValidityMinutes > maxValidity):
		return catalog.Domain{}, fmt.Errorf("validity-minutes wants 1 to %d", int64(maxValidity))
	}
	d := catalog.Domain{
		Name: strings.ToLower(e.Name), Role: role, Main: strings.ToLower(e.StreamingDomain), Default: e.Default,
		Auth: catalog.Auth{
			Enabled: e.Signing, PrimaryKey: e.PrimaryKey, SecondaryKey: e.SecondaryKey,
			Validity: time.Duration(e.ValidityMinutes) * time.Minute,
		},
	}
	if role == catalog.Streaming {
		d.Mode = mode
		if d.Main == "" {
			d.Main = d.Name
		}
	}
	return d, nil
}

// maxValidity is a hundred years, in minutes.
const maxValidity = 100 * 365 * 24 * 60
