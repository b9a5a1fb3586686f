package node

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/config"
	"millrace/internal/datadir"
)

// A domain is served with its own certificate, by the name in the handshake, from
// the moment that it has one; others with the node's.
func TestCertificateBySNI(t *testing.T) {
	n := serveNode(t, func(c *config.Config) { c.HTTPSAddr = "127.0.0.1:0" })
	other := t.TempDir()
	dir, err := datadir.Open(other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Certificate([]string{"own.test"}, nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(other, "tls.pem"))
	if err != nil {
		t.Fatal(err)
	}
	key, chain, _ := strings.Cut(string(pem), "-----BEGIN CERTIFICATE")
	chain = "-----BEGIN CERTIFICATE" + chain
	served := func(name string) []string {
		t.Helper()
		conn, err := tls.Dial("tcp", n.open.https.Addr().String(), &tls.Config{ServerName: name, InsecureSkipVerify: true}) //nolint:gosec // it is looked at
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].DNSNames
	}
	if err := n.catalog.AddDomain(t.Context(), "test", catalog.Domain{Name: "own.test", Role: catalog.Streaming}); err != nil {
		t.Fatal(err)
	}
	give := func(name, key string) error {
		return n.catalog.GiveCertificate(t.Context(), "test", "own.test", func(*catalog.Snapshot) (*catalog.Certificate, error) {
			return &catalog.Certificate{Name: name, Chain: chain, Key: key}, nil
		})
	}
	if got := served("own.test"); len(got) < 2 {
		t.Errorf("before: %q", got)
	}
	if err := give("own", key); err != nil {
		t.Fatal(err)
	}
	if got := served("OWN.test"); len(got) != 1 || got[0] != "own.test" {
		t.Errorf("own: %q", got)
	}
	if got := served("play.localhost"); len(got) < 2 {
		t.Errorf("another: %q", got)
	}
	if err := give("bad", chain); err == nil {
		t.Error("a certificate without its key is taken")
	}
}
