package links

import (
	"fmt"
	"strings"

	"millrace/internal/catalog"
)

// pair finds an ingest domain and a streaming domain that belong together.
func pair(s *catalog.Snapshot, name string) (in, out *catalog.Domain, err error) {
	if name == "" {
		in, out = s.Default(catalog.Ingest), s.Default(catalog.Streaming)
	} else if d := s.Domain(strings.ToLower(name)); d != nil && d.Role == catalog.Ingest {
		in = d
	} else {
		out = d
	}
	if in == nil && out != nil {
		in = ingestOf(s, out)
	}
	if out == nil && in != nil {
		out = s.Domain(in.Main)
	}
	switch {
	case in != nil && out != nil:
		return in, out, nil
	case name == "":
		return nil, nil, fmt.Errorf("no domain is marked as default: name one of %s", names(s))
	case in == nil && out == nil:
		return nil, nil, fmt.Errorf("no domain %q here, only %s", name, names(s))
	default:
		return nil, nil, fmt.Errorf("domain %q is associated with no other", name)
	}
}

// ingestOf returns the first of a streaming domain's ingest domains, or nil.
func ingestOf(s *catalog.Snapshot, out *catalog.Domain) *catalog.Domain {
	for _, d := range s.Of(out.Main) {
		if d.Role == catalog.Ingest {
			return d
		}
	}
	return nil
}

func names(s *catalog.Snapshot) string {
	const most = 20
	var all []string
	for _, d := range s.Domains() {
		if len(all) == most {
			return strings.Join(all, ", ") + " and others"
		}
		all = append(all, d.Name)
	}
	return strings.Join(all, ", ")
}
