package admit

import (
	"net"
	"net/netip"
	"strings"

	"millrace/internal/catalog"
)

// find returns the domain that a request's host means in the given role, or
// nil. Names are exact but for case; an IP address and "localhost" mean the
// default domain of the role.
func find(s *catalog.Snapshot, host string, role catalog.Role) *catalog.Domain {
	name := bareHost(host)
	if !isLocal(name) {
		return named(s, name, role)
	}
	for i := range s.Domains {
		if d := &s.Domains[i]; d.Role == role && d.Default {
			return d
		}
	}
	return nil
}

// named returns the domain of that name and role, or nil.
func named(s *catalog.Snapshot, name string, role catalog.Role) *catalog.Domain {
	for i := range s.Domains {
		if d := &s.Domains[i]; d.Role == role && name != "" && strings.EqualFold(d.Name, name) {
			return d
		}
	}
	return nil
}

// mainOf is the streaming domain whose name space d's streams live in.
func mainOf(d *catalog.Domain) string {
	if d.Main != "" {
		return d.Main
	}
	return d.Name
}

// modeOf is the latency mode of a streaming domain.
func modeOf(d *catalog.Domain) catalog.Mode {
	if d.Mode == "" {
		return catalog.SubSecond
	}
	return d.Mode
}

// bareHost takes the port and the brackets of an IPv6 address off a host.
func bareHost(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		return host[1 : len(host)-1]
	}
	return host
}

func isLocal(name string) bool {
	if strings.EqualFold(name, "localhost") {
		return true
	}
	_, err := netip.ParseAddr(name)
	return err == nil
}

func roleWord(r catalog.Role) string {
	if r == catalog.Ingest {
		return "ingest"
	}
	return "streaming"
}
