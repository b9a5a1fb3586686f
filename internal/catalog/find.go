package catalog

import (
	"net"
	"net/netip"
	"strings"
)

// Find returns the domain that a host, with or without a port, means in the
// given role, or nil. Names are exact but for case; an IP address and
// "localhost" mean the default domain of the role.
func (s *Snapshot) Find(host string, role Role) *Domain {
	name := BareHost(host)
	local := isLocal(name)
	for i := range s.Domains {
		d := &s.Domains[i]
		if d.Role != role {
			continue
		}
		if local && d.Default || !local && name != "" && strings.EqualFold(d.Name, name) {
			return d
		}
	}
	return nil
}

// BareHost takes the port and the brackets of an IPv6 address off a host.
func BareHost(host string) string {
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
