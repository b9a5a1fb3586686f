package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// ErrPrivate says that an address is one that must not be reached.
var ErrPrivate = errors.New("the address is private, and not among those that are allowed")

// special are the networks, besides what netip has a word for, whose addresses are
// not on the public Internet (the IANA special-purpose address registries), or lead
// into such.
var special = []netip.Prefix{ //nolint:gochecknoglobals // a table
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("fec0::/10"),
}

// Guard is the way to the outside: it reaches public addresses, and others where
// they are allowed. Addresses are looked at after names are resolved, when the
// connection is made. Any number of goroutines may use it.
type Guard struct{ allow []netip.Prefix }

// NewGuard returns a Guard that lets allow through besides what is public.
func NewGuard(allow []netip.Prefix) *Guard { return &Guard{slices.Clone(allow)} }

// Check fails with ErrPrivate where a must not be reached.
func (g *Guard) Check(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	holds := func(p netip.Prefix) bool { return p.Contains(a) }
	if slices.ContainsFunc(g.allow, holds) {
		return nil
	}
	if !a.IsValid() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || slices.ContainsFunc(special, holds) {
		return fmt.Errorf("%w: %s", ErrPrivate, a)
	}
	return nil
}

// dialTimeout bounds the making of one connection.
const dialTimeout = 5 * time.Second

// DialContext is net.Dialer's.
func (g *Guard) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout, Control: func(_, at string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(at)
		if err != nil {
			return fmt.Errorf("%w: %q", ErrPrivate, at)
		}
		return g.Check(to.Addr())
	}}
	return d.DialContext(ctx, network, addr)
}

// Resolve returns the first address of host:port that may be reached, for what
// cannot dial by a Guard.
func (g *Guard) Resolve(ctx context.Context, addr string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	n, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
	if err != nil {
		return netip.AddrPort{}, err
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for _, a := range all {
		if err = g.Check(a); err == nil {
			return netip.AddrPortFrom(a.Unmap(), uint16(n)), nil
		}
	}
	return netip.AddrPort{}, err
}
