package relay

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

func TestGuard(t *testing.T) {
	g := NewGuard([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00:1::/32")})
	for addr, ok := range map[string]bool{
		"93.184.215.14": true, "2606:2800:21f::1": true, "10.1.2.3": true, "::ffff:10.1.2.3": true, "fd00:1::5": true,
		"10.2.0.1": false, "127.0.0.1": false, "::1": false, "::ffff:127.0.0.1": false, "169.254.169.254": false,
		"192.168.1.1": false, "172.16.0.1": false, "100.64.0.1": false, "0.0.0.0": false, "::": false, "fe80::1%eth0": false,
		"fd00:2::1": false, "224.0.0.1": false, "255.255.255.255": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false,
	} {
		if err := g.Check(netip.MustParseAddr(addr)); (err == nil) != ok || err != nil && !errors.Is(err, ErrPrivate) {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

// TestGuardLooksWhenItDials wants names that lead to private addresses refused.
func TestGuardLooksWhenItDials(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	closed, open := NewGuard(nil), NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	if c, err := closed.DialContext(t.Context(), "tcp", "localhost:"+port); !errors.Is(err, ErrPrivate) {
		t.Errorf("dialed %v, %v", c, err)
	}
	if at, err := closed.Resolve(t.Context(), "localhost:"+port); !errors.Is(err, ErrPrivate) {
		t.Errorf("resolved to %v, %v", at, err)
	}
	c, err := open.DialContext(t.Context(), "tcp", "localhost:"+port)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if at, err := open.Resolve(t.Context(), "localhost:"+port); err != nil || !at.Addr().IsLoopback() {
		t.Errorf("resolved to %v, %v", at, err)
	}
}
