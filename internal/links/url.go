package links

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"millrace/internal/catalog"
	"millrace/internal/sign"
)

// KeyOnly is a domain of which nothing is known but a key. Its validity is the
// usual one, a day.
func KeyOnly(key string) *catalog.Domain {
	return &catalog.Domain{Rules: catalog.Rules{Auth: catalog.Auth{Enabled: true, PrimaryKey: key, Validity: catalog.DefaultValidity}}}
}

// DomainOf returns the domain that a URL belongs to: the one that it names, else
// the one of the pair that o.Domain names, for publishers or for viewers. A WHIP
// endpoint below /whip is for publishers in any case.
func DomainOf(s *catalog.Snapshot, raw string, publish bool, o Order) (*catalog.Domain, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("read URL: %w", err)
	}
	if d := s.Domain(strings.ToLower(u.Hostname())); d != nil {
		return d, nil
	}
	in, out, err := pair(s, o.Domain)
	if publish || endpoint(u, "/whip/") {
		return in, err
	}
	return out, err
}

// URL signs any URL with the primary key of d. Of o it uses At and Life.
func URL(d *catalog.Domain, raw string, o Order) (string, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return "", fmt.Errorf("read URL: %w", err)
	case u.Host == "" || len(u.EscapedPath()) < 2:
		return "", errors.New("read URL: want scheme://host/path")
	case u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return "", errors.New("read URL: has a fragment, which no server gets to see")
	case catalog.HasArgument(u.RawQuery, sign.Param):
		return "", errors.New("read URL: is signed already")
	case d.Auth.PrimaryKey == "":
		return "", fmt.Errorf("domain %q has no key to sign with", d.Name)
	}
	// The signature of a WHIP or WHEP endpoint is that of the stream.
	path := u.EscapedPath()
	if endpoint(u, "/whip/") || endpoint(u, "/whep/") {
		path = path[len("/whip"):]
	}
	return sign.Append(raw, sign.Sign(path, d.Auth.PrimaryKey, stamp(d, o), "", "")), nil
}

// endpoint says whether a URL is that of a stream's endpoint below a prefix.
func endpoint(u *url.URL, prefix string) bool {
	stream, ok := strings.CutPrefix(u.EscapedPath(), prefix)
	return ok && strings.Count(stream, "/") == 1
}
