package node

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"millrace/internal/acme"
	"millrace/internal/config"
)

// openACME makes what gets certificates, where that is wanted.
func (n *node) openACME() error {
	if !n.cfg.ACME {
		return nil
	}
	var roots *x509.CertPool
	if file := n.cfg.ACMERoots; file != "" {
		pem, err := os.ReadFile(file) //nolint:gosec // the operator names it
		if err != nil {
			return fmt.Errorf("--acme-roots: %w", err)
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(pem) {
			return fmt.Errorf("--acme-roots: %s holds no certificate in PEM", file)
		}
	}
	host, httpPort := hostAndPort(n.open.http)
	_, tlsPort := hostAndPort(n.open.https)
	n.open.acme = acme.New(acme.Config{
		Directory: n.cfg.ACMECA, Email: n.cfg.ACMEEmail, Roots: roots, Storage: filepath.Join(n.cfg.DataDir, "acme"),
		Host: host, HTTPPort: httpPort, TLSPort: tlsPort, Snapshot: n.catalog.Snapshot, Registry: n.registry, Log: n.log,
	})
	return nil
}

// hostAndPort is where l listens; the host is "" where that is everywhere, and
// the port 0 where l is nil.
func hostAndPort(l net.Listener) (string, int) {
	if l == nil {
		return "", 0
	}
	a, ok := l.Addr().(*net.TCPAddr)
	switch {
	case !ok:
		return "", 0
	case a.IP.IsUnspecified():
		return "", a.Port
	}
	return a.IP.String(), a.Port
}

// acmeProtocols is what an authority's check asks for besides HTTP.
func acmeProtocols(cfg config.Config) []string {
	if cfg.ACME {
		return []string{acme.Protocol}
	}
	return nil
}

// acmeChecks lets an authority's checks over HTTP pass all rules of domains.
func (n *node) acmeChecks(next http.Handler) http.Handler {
	if n.open.acme == nil {
		return next
	}
	return n.open.acme.Handler(next)
}
