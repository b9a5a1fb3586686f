package node

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/config"
	"millrace/internal/datadir"
)

// listeners are the open TCP ports; https and rtmps are nil when they are off.
type listeners struct{ http, https, rtmp, rtmps, admin net.Listener }

// listen opens them all or none.
func listen(cfg config.Config, dir *datadir.Dir, domains *catalog.Snapshot) (*listeners, error) {
	l := &listeners{}
	open := func(flag, addr string, to *net.Listener) error {
		var err error
		*to, err = net.Listen("tcp", addr)
		return plain(flag, addr, err)
	}
	for _, o := range []struct {
		flag, addr string
		to         *net.Listener
	}{
		{"http-addr", cfg.HTTPAddr, &l.http},
		{"https-addr", cfg.HTTPSAddr, &l.https},
		{"rtmp-addr", cfg.RTMPAddr, &l.rtmp},
		{"rtmps-addr", cfg.RTMPSAddr, &l.rtmps},
		{"admin-addr", cfg.AdminAddr, &l.admin},
	} {
		if o.addr == "" {
			continue
		}
		if err := open(o.flag, o.addr, o.to); err != nil {
			l.close()
			return nil, err
		}
	}
	if l.https == nil && l.rtmps == nil {
		return l, nil
	}
	cert, err := dir.Certificate(certificateNames(domains), certificateIPs(cfg), time.Now())
	if err != nil {
		l.close()
		return nil, err
	}
	secure := func(to *net.Listener, protocols ...string) {
		if *to != nil {
			*to = tls.NewListener(*to, &tls.Config{
				Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: protocols,
			})
		}
	}
	secure(&l.https, "h2", "http/1.1")
	secure(&l.rtmps)
	return l, nil
}

// plain puts the usual reasons why a port cannot be opened into plain words.
func plain(flag, addr string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("--%s: port taken: another program, or another millrace, listens on %s", flag, addr)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("--%s: not allowed to listen on %s: ports below 1024 need more rights", flag, addr)
	}
	return fmt.Errorf("--%s: %w", flag, err)
}

func (l *listeners) close() {
	for _, c := range []net.Listener{l.http, l.https, l.rtmp, l.rtmps, l.admin} {
		if c != nil {
			_ = c.Close()
		}
	}
}

func certificateNames(domains *catalog.Snapshot) []string {
	names := []string{"localhost"}
	for _, d := range domains.Domains {
		names = append(names, d.Name)
	}
	return names
}

// certificateIPs are the addresses that a browser may name the node by.
func certificateIPs(cfg config.Config) []netip.Addr {
	ips := append([]netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}, cfg.RTCIPs...)
	all, err := net.InterfaceAddrs()
	if err != nil {
		return ips
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLoopback() && !p.Addr().IsLinkLocalUnicast() {
			ips = append(ips, p.Addr().Unmap())
		}
	}
	return ips
}
