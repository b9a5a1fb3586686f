package node

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"millrace/internal/acme"
	"millrace/internal/catalog"
	"millrace/internal/config"
	"millrace/internal/datadir"
)

// listeners are the open TCP ports; https and rtmps are nil when they are off.
type listeners struct {
	http, https, rtmp, rtmps, admin net.Listener

	domains func() *catalog.Snapshot
	own     tls.Certificate // the node's, signed by itself
	acme    *acme.Manager   // nil: off; set before anything is accepted
}

// listen opens them all or none.
func listen(cfg config.Config, dir *datadir.Dir, domains func() *catalog.Snapshot) (*listeners, error) {
	l := &listeners{domains: domains}
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
	var err error
	if l.own, err = dir.Certificate(certificateNames(domains()), certificateIPs(cfg), time.Now()); err != nil {
		l.close()
		return nil, err
	}
	secure := func(to *net.Listener, protocols ...string) {
		if *to != nil {
			*to = tls.NewListener(*to, &tls.Config{
				MinVersion: tls.VersionTLS12, NextProtos: protocols, GetCertificate: l.certificate,
			})
		}
	}
	secure(&l.https, append([]string{"h2", "http/1.1"}, acmeProtocols(cfg)...)...)
	secure(&l.rtmps)
	return l, nil
}

// certificate serves the certificate of the domain that a client names: its own,
// else one got by ACME, else the node's.
func (l *listeners) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if l.acme != nil && acme.Checks(hello) {
		if c := l.acme.Certificate(hello); c != nil {
			return c, nil
		}
	}
	if c := l.domains().CertificateFor(hello.ServerName); c != nil {
		return c, nil
	}
	if l.acme != nil {
		if c := l.acme.Certificate(hello); c != nil {
			return c, nil
		}
	}
	return &l.own, nil
}

// plain puts the usual reasons why a port cannot be opened into plain words.
func plain(flag, addr string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("--%s: port taken: another program, or another millrace, listens on %s: stop it, or give another address", flag, addr)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("--%s: %s is no address of this machine", flag, addr)
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

// mostNames is how many names the self-signed certificate is for at most.
const mostNames = 100

func certificateNames(domains *catalog.Snapshot) []string {
	names := []string{"localhost"}
	for _, d := range domains.Domains() {
		if len(names) == mostNames {
			break // a certificate with thousands of names would fit no handshake
		}
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
