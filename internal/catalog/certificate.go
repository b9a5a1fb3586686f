package catalog

import (
	"crypto/tls"
	"strings"
)

// CertificateFor returns the certificate of the domain that a client names in its
// handshake, or nil where that has none of its own.
func (s *Snapshot) CertificateFor(name string) *tls.Certificate {
	d := s.Domain(strings.ToLower(name))
	if d == nil || d.Certificate == "" {
		return nil
	}
	if c := s.Certificate(d.Certificate); c != nil {
		return c.TLS
	}
	return nil
}

// ParseCertificate reads a certificate with its chain, and its private key, both
// in PEM. The key must be the certificate's and want no passphrase. The error is
// an *Invalid.
func ParseCertificate(chain, key string) (*tls.Certificate, error) {
	const most = 256 << 10
	switch {
	case len(chain) > most || len(key) > most:
		return nil, &Invalid{"certificate", "is too long"}
	case strings.Contains(key, "ENCRYPTED"):
		return nil, &Invalid{"key", "wants a passphrase, which nobody could give"}
	}
	pair, err := tls.X509KeyPair([]byte(chain), []byte(key))
	if err != nil {
		return nil, &Invalid{"certificate", "cannot be used: " + err.Error()}
	}
	return &pair, nil
}
