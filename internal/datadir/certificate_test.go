package datadir_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"testing"
	"time"
)

var (
	names = []string{"localhost", "play.localhost"}
	ips   = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}
)

// A client that trusts the certificate can talk to every name and address.
func TestCertificateWorks(t *testing.T) {
	cert, err := open(t, t.TempDir()).Certificate(names, ips, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	for _, host := range []string{"localhost", "play.localhost", "127.0.0.1", "::1"} {
		if err := handshake(t.Context(), cert, &tls.Config{RootCAs: roots, ServerName: host}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	if err := handshake(t.Context(), cert, &tls.Config{RootCAs: roots, ServerName: "example.test"}); err == nil {
		t.Error("the certificate is good for example.test")
	}
}

// handshake runs over a socket: both sides may write at once.
func handshake(ctx context.Context, cert tls.Certificate, client *tls.Config) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		return err
	}
	defer listener.Close()
	served := make(chan struct{})
	go func() {
		defer close(served)
		if conn, err := listener.Accept(); err == nil {
			_ = conn.(*tls.Conn).HandshakeContext(ctx) // the client's error is the one that counts
			_ = conn.Close()
		}
	}()
	conn, err := (&tls.Dialer{Config: client}).DialContext(ctx, "tcp", listener.Addr().String())
	if err == nil {
		err = conn.Close()
	}
	<-served
	return err
}

func TestCertificateLasts(t *testing.T) {
	path := t.TempDir()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	made, err := open(t, path).Certificate(names, ips, start)
	if err != nil {
		t.Fatal(err)
	}
	wantFiles(t, path, "tls.pem")
	day := 24 * time.Hour
	for _, c := range []struct {
		name  string
		names []string
		ips   []netip.Addr
		at    time.Time
		same  bool
	}{
		{"restart", names, ips, start.Add(time.Minute), true},
		{"a year later", names, ips, start.Add(366 * day), true},
		{"fewer names", names[:1], ips[:1], start, true},
		{"soon to run out", names, ips, start.Add(368 * day), false},
		{"a new name", append(names, "own.test"), ips, start.Add(370 * day), false},
		{"a new address", names, append(ips, netip.MustParseAddr("fe80::1%eth0")), start.Add(370 * day), false},
		{"the new address again", names, append(ips, netip.MustParseAddr("fe80::1%eth1")), start.Add(371 * day), true},
	} {
		got, err := open(t, path).Certificate(c.names, c.ips, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if same := bytes.Equal(got.Certificate[0], made.Certificate[0]); same != c.same {
			t.Errorf("%s: same certificate: %v", c.name, same)
		}
		made = got
	}
}

func TestBrokenCertificateFile(t *testing.T) {
	dir := write(t, "tls.pem", "not PEM")
	if _, err := open(t, dir).Certificate(names, ips, time.Now()); err == nil {
		t.Error("a file that somebody broke is passed over in silence")
	}
}
