package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"millrace/internal/catalog"
)

// domainsFile is where the domains of earlier installations are.
const domainsFile = "domains.yaml"

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

var modes = map[string]catalog.Mode{"": catalog.SubSecond, "sub-second": catalog.SubSecond, "half-second": catalog.HalfSecond}

// legacy reads domains.yaml. Where there is none, the error is fs.ErrNotExist.
func (d *Dir) legacy() (catalog.Document, error) {
	path := filepath.Join(d.path, domainsFile)
	src, err := os.ReadFile(path)
	if err != nil {
		return catalog.Document{}, fmt.Errorf("read domains: %w", err)
	}
	doc, err := parseDomains(src)
	if err != nil {
		return doc, fmt.Errorf("read %s: %w", path, err)
	}
	return doc, nil
}

// retire renames domains.yaml, after it has been imported.
func (d *Dir) retire() error {
	path := filepath.Join(d.path, domainsFile)
	err := os.Rename(path, path+".imported")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("retire %s: %w", path, err)
	}
	return nil
}

func parseDomains(src []byte) (catalog.Document, error) {
	var file struct {
		Domains []entry `yaml:"domains"`
	}
	if err := catalog.DecodeYAML(src, &file); err != nil {
		return catalog.Document{}, err
	}
	var doc catalog.Document
	for i, e := range file.Domains {
		d, err := e.domain()
		if err != nil {
			return doc, fmt.Errorf("domain %d, %q: %w", i+1, e.Name, err)
		}
		doc.Domains = append(doc.Domains, d)
	}
	_, err := doc.Snapshot()
	return doc, err
}

// domain is an entry in today's terms. Pages of any origin could use all domains.
func (e entry) domain() (catalog.Domain, error) {
	mode, known := modes[e.Mode]
	d := catalog.Domain{Name: e.Name, Role: catalog.Role(e.Type), Main: e.StreamingDomain, Default: e.Default}
	switch {
	case !known:
		return d, fmt.Errorf("mode %q is neither sub-second nor half-second", e.Mode)
	case d.Role == catalog.Ingest && e.Mode != "":
		return d, errors.New("an ingest domain has the mode of its streaming domain, none of its own")
	case e.Signing && (e.ValidityMinutes < 1 || e.ValidityMinutes > maxValidity):
		return d, fmt.Errorf("validity-minutes wants 1 to %d", int64(maxValidity))
	}
	if strings.EqualFold(d.Main, d.Name) {
		d.Main = ""
	}
	if e.Signing {
		d.Functions = append(d.Functions, catalog.Signed(e.PrimaryKey, e.SecondaryKey, time.Duration(e.ValidityMinutes)*time.Minute))
	}
	if d.Role == catalog.Streaming {
		d.Functions = append(d.Functions, catalog.RTS(mode))
	}
	d.Functions = append(d.Functions, catalog.Header("Access-Control-Allow-Origin", "*"))
	return d, nil
}

// maxValidity is a hundred years, in minutes.
const maxValidity = 100 * 365 * 24 * 60
