package links

import (
	"fmt"
	"strings"

	"millrace/internal/catalog"
)

// pair finds an ingest domain and a streaming domain that belong together.
func pair(s *catalog.Snapshot, name string) (in, out *catalog.Domain, err error) {
	wanted := func(d *catalog.Domain) bool {
		if name == "" {
			return d.Default
		}
		return strings.EqualFold(d.Name, name)
	}
	for i := range s.Domains {
		switch d := &s.Domains[i]; {
		case wanted(d) && d.Role == catalog.Ingest:
			in = d
		case wanted(d) && d.Role == catalog.Streaming:
			out = d
		}
	}
	if in == nil && out != nil {
		in = first(s, func(d *catalog.Domain) bool { return d.Role == catalog.Ingest && d.Main == out.Main })
	}
	if out == nil && in != nil {
		out = first(s, func(d *catalog.Domain) bool { return d.Role == catalog.Streaming && d.Name == in.Main })
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

func first(s *catalog.Snapshot, ok func(*catalog.Domain) bool) *catalog.Domain {
	for i := range s.Domains {
		if ok(&s.Domains[i]) {
			return &s.Domains[i]
		}
	}
	return nil
}

func names(s *catalog.Snapshot) string {
	all := make([]string, len(s.Domains))
	for i, d := range s.Domains {
		all[i] = d.Name
	}
	return strings.Join(all, ", ")
}
