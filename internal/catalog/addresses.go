package catalog

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Addresses is a list of client addresses to take, or not to take. The zero
// value takes all.
type Addresses struct {
	set  prefixes
	deny bool // the set is a black list
	on   bool
}

// Take says whether a client's address, with or without a port, may come in. An
// address that is none is taken only where there is no list.
func (a *Addresses) Take(remote string) bool {
	if !a.on {
		return true
	}
	ip, err := parseRemote(remote)
	if err != nil {
		return false
	}
	return a.set.contain(ip) != a.deny
}

func parseRemote(remote string) (netip.Addr, error) {
	if at, err := netip.ParseAddrPort(remote); err == nil {
		return at.Addr().Unmap().WithZone(""), nil
	}
	ip, err := netip.ParseAddr(remote)
	return ip.Unmap().WithZone(""), err
}

// prefixes is a set of IP prefixes. A look-up costs one map access per length
// that occurs, whatever their number.
type prefixes struct {
	lengths4, lengths6 []int // of the prefixes, unique
	has                map[netip.Prefix]struct{}
}

func (s *prefixes) contain(ip netip.Addr) bool {
	lengths := s.lengths6
	if ip.Is4() {
		lengths = s.lengths4
	}
	for _, n := range lengths {
		p, err := ip.Prefix(n)
		if err != nil {
			continue
		}
		if _, ok := s.has[p]; ok {
			return true
		}
	}
	return false
}

// parsePrefixes reads addresses and CIDR prefixes, separated by commas.
func parsePrefixes(list string) (prefixes, error) {
	s := prefixes{has: map[netip.Prefix]struct{}{}}
	for word := range strings.SplitSeq(list, ",") {
		word = strings.TrimSpace(word)
		p, err := parsePrefix(word)
		if err != nil {
			return s, fmt.Errorf("%s is neither an IP address nor a CIDR prefix", quote(word))
		}
		s.has[p] = struct{}{}
		lengths := &s.lengths6
		if p.Addr().Is4() {
			lengths = &s.lengths4
		}
		if !slices.Contains(*lengths, p.Bits()) {
			*lengths = append(*lengths, p.Bits())
		}
	}
	return s, nil
}

func parsePrefix(word string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(word); err == nil {
		if ip := p.Addr(); ip.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(ip.Unmap(), p.Bits()-96)
		}
		return p.Masked(), nil
	}
	ip, err := netip.ParseAddr(word)
	if err != nil || ip.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("parse address %s", word)
	}
	ip = ip.Unmap()
	return ip.Prefix(ip.BitLen())
}
