package catalog

import (
	"net/url"
	"slices"
	"strings"
)

// check says whether d can be in s beside the other domains. The error is an
// *Invalid.
func (s *Snapshot) check(d *Domain) error {
	if bad := d.checkSelf(); bad != nil {
		return bad.under("domain " + quoteName(d.Name))
	}
	if bad := s.checkMain(d); bad != nil {
		return bad.under("domain " + d.Name)
	}
	if bad := s.checkRelay(d); bad != nil {
		return bad.under("domain " + d.Name)
	}
	if d.Certificate != "" && s.Certificate(d.Certificate) == nil {
		return &Invalid{"domain " + d.Name + ": certificate", quote(d.Certificate) + " is not there"}
	}
	if other := s.defaults[d.Role]; d.Default && other != nil && other.Name != d.Name {
		return &Invalid{"domain " + d.Name, "and " + other.Name + " are both the default of their type"}
	}
	return nil
}

func quoteName(name string) string {
	if isHostName(name) {
		return name
	}
	return quote(name)
}

func (d *Domain) checkSelf() *Invalid {
	switch {
	case strings.HasPrefix(d.Name, "*") || strings.HasPrefix(d.Name, "."):
		return &Invalid{"name", "is a wildcard, which no domain can be"}
	case !isHostName(d.Name):
		return &Invalid{"name", "is no host name"}
	case d.Role != Ingest && d.Role != Streaming:
		return &Invalid{"type", quote(string(d.Role)) + " is neither ingest nor streaming"}
	case d.Status != Online && d.Status != Offline:
		return &Invalid{"status", quote(string(d.Status)) + " is neither online nor offline"}
	case !slices.Contains([]string{"domestic", "overseas", "global"}, d.Scope):
		return &Invalid{"scope", quote(d.Scope) + " is not one of domestic, overseas, global"}
	case !isHostName(d.Region):
		return &Invalid{"region", quote(d.Region) + " is no name of a region"}
	case d.Callbacks != nil && d.Role != Ingest:
		return &Invalid{"callbacks", "are for ingest domains only"}
	}
	if c := d.Callbacks; c != nil {
		if u, err := url.Parse(c.URL); c.URL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
			return &Invalid{"callbacks: url", quote(c.URL) + " is no http or https URL"}
		}
		if strings.Contains(c.URL, "#") {
			return &Invalid{"callbacks: url", "has a fragment (#), behind which a callback could say nothing"}
		}
	}
	return nil
}

// checkMain checks d's place among the others.
func (s *Snapshot) checkMain(d *Domain) *Invalid {
	if d.Main == "" || d.Main == d.Name {
		if d.Role == Ingest && d.Main == d.Name {
			return &Invalid{"main", "is the domain itself, which is no streaming domain"}
		}
		return nil
	}
	main := s.Domain(d.Main)
	switch {
	case main == nil || main.Role != Streaming:
		return &Invalid{"main", quote(d.Main) + " is no streaming domain here"}
	case main.Main != main.Name:
		return &Invalid{"main", main.Name + " is a sub-streaming domain of " + main.Main + " itself"}
	case main.Region != d.Region:
		return &Invalid{"region", d.Region + " is not that of " + main.Name + ", " + main.Region}
	}
	return nil
}

// checkRelay checks what the stream relay of half-second domains demands: the
// target is an ingest domain whose streams are played in another mode.
func (s *Snapshot) checkRelay(d *Domain) *Invalid {
	if d.RelayTo != "" {
		target := s.Domain(d.RelayTo)
		switch {
		case d.Mode != HalfSecond:
			return &Invalid{FuncRTSRelay, "is for domains in half-second mode"}
		case target == nil || target.Role != Ingest:
			return &Invalid{FuncRTSRelay + ": target_push_domain", quote(d.RelayTo) + " is no ingest domain here"}
		case target.Main == "":
			return &Invalid{FuncRTSRelay + ": target_push_domain", target.Name + " is associated with no streaming domain"}
		case target.Main == d.Main || target.Main == d.Name:
			return &Invalid{FuncRTSRelay + ": target_push_domain", target.Name + " belongs to this domain itself"}
		}
		if main := s.Domain(target.Main); main == nil || main.Mode == HalfSecond {
			return &Invalid{FuncRTSRelay + ": target_push_domain", target.Name + " is played in half-second mode"}
		}
	}
	if old := s.Domain(d.Name); d.Mode == HalfSecond && (old == nil || old.Mode != HalfSecond) {
		for other := range s.EachDomain() {
			if target := s.Domain(other.RelayTo); other.Name != d.Name && target != nil && target.Main == d.Name {
				return &Invalid{FuncRTS, "cannot be half-second: " + other.Name + " relays its streams here"}
			}
		}
	}
	return nil
}
