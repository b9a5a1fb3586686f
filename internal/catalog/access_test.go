package catalog

import (
	"net/netip"
	"strings"
	"testing"
)

// FuzzAccess looks for lists that a domain takes and then misreads, and for hosts,
// addresses and referers of clients that break the look-up.
func FuzzAccess(f *testing.F) {
	f.Add("a.com,*.b.org", "10.0.0.0/8,2001:db8::/32", "http://www.a.com/x?y", "192.0.2.1:80")
	f.Add("a", "127.0.0.1/24, ::1", "a", "[::1%eth0]:1")
	f.Add("x.y.z", "::ffff:10.0.0.0/104", "http://[::1/", "::ffff:10.1.1.1")
	s, err := NewSnapshot(
		Domain{Name: "push.test", Role: Ingest, Main: "play.test", Default: true},
		Domain{Name: "play.test", Role: Streaming, Default: true},
	)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, sites, addresses, referer, remote string) {
		for _, host := range []string{referer, remote} {
			if d := s.Find(host, Streaming); d != nil && d.Name != "play.test" {
				t.Fatalf("%q is %s", host, d.Name)
			}
		}
		var white, black Rules
		if applyReferers(&white, map[string]string{"l": sites, "allow_empty": "off"}, "l", false) == nil {
			if err := applyReferers(&black, map[string]string{"l": sites}, "l", true); err != nil {
				t.Fatal(err)
			}
			if readable := refererHost(referer) != ""; white.Referers.Take(referer) && black.Referers.Take(referer) || readable && !white.Referers.Take(referer) && !black.Referers.Take(referer) {
				t.Fatalf("%q and %q: both lists say the same", sites, referer)
			}
			if own, _, _ := strings.Cut(sites, ","); !white.Referers.Take("http://" + strings.TrimPrefix(strings.TrimSpace(own), "*.") + "/") {
				t.Fatalf("%q does not take itself", sites)
			}
		}
		if applyAddresses(&white, map[string]string{"ip_list": addresses}, false) != nil {
			return
		}
		if err := applyAddresses(&black, map[string]string{"ip_list": addresses}, true); err != nil {
			t.Fatal(err)
		}
		_, err := parseRemote(remote)
		if in := white.Addresses.Take(remote); in && black.Addresses.Take(remote) || err == nil && !in && !black.Addresses.Take(remote) {
			t.Fatalf("%q and %q: both lists say the same", addresses, remote)
		}
		// Address by address it is as the standard library has it.
		ip, err := parseRemote(remote)
		if err != nil {
			return
		}
		in := false
		for word := range strings.SplitSeq(addresses, ",") {
			p, err := parsePrefix(strings.TrimSpace(word))
			in = in || err == nil && p.Contains(ip)
		}
		if white.Addresses.Take(netip.AddrPortFrom(ip, 1).String()) != in {
			t.Fatalf("%q and %s: want %v", addresses, ip, in)
		}
	})
}
