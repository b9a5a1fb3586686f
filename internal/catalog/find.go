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
	name := strings.ToLower(BareHost(host))
	if d := s.Domain(name); d != nil && d.Role == role && name != "" {
		return d
	}
	if isLocal(name) {
		return s.defaults[role]
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
	if name == "localhost" {
		return true
	}
	_, err := netip.ParseAddr(name)
	return err == nil
}
