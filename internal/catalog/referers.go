package catalog

import (
	"fmt"
	"net/url"
	"strings"
)

// Referers is a list of the sites whose pages may, or may not, use a domain.
// The zero value takes all.
type Referers struct {
	sites      map[string]struct{} // "a.com" stands for its subdomains, too
	deny       bool                // sites is a black list
	allowEmpty bool
	on         bool
}

// Take says whether a request with this Referer header may come in.
func (r *Referers) Take(referer string) bool {
	switch {
	case !r.on:
		return true
	case referer == "":
		return r.allowEmpty
	}
	host := refererHost(referer)
	if host == "" {
		return false
	}
	for {
		if _, ok := r.sites[host]; ok {
			return !r.deny
		}
		_, above, dotted := strings.Cut(host, ".")
		if !dotted {
			return r.deny
		}
		host = above
	}
}

// refererHost is the host of a page's URL, or of what has lost its scheme.
func refererHost(referer string) string {
	if !strings.Contains(referer, "://") {
		referer = "http://" + referer
	}
	u, err := url.Parse(referer)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// parseSites reads host names, separated by commas. "*.a.com" is "a.com".
func parseSites(list string) (map[string]struct{}, error) {
	sites := map[string]struct{}{}
	for word := range strings.SplitSeq(list, ",") {
		word = strings.TrimSpace(word)
		name := strings.ToLower(strings.TrimPrefix(word, "*."))
		if !isHostName(name) {
			return nil, fmt.Errorf("%s is no domain name", quote(word))
		}
		sites[name] = struct{}{}
	}
	return sites, nil
}
