package datadir

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	certificateFile = "tls.pem"
	// certificateLife stays below the 398 days that browsers take at most.
	certificateLife = 397 * 24 * time.Hour
	// certificateRest is the least life left at a start; else it is renewed.
	certificateRest = 30 * 24 * time.Hour
)

// Certificate returns a self-signed certificate (ECDSA P-256) for names and
// addresses. A restart gets the same one, so that an exception made in a
// browser lasts, until it runs out or has to cover something new.
func (d *Dir) Certificate(names []string, ips []netip.Addr, now time.Time) (tls.Certificate, error) {
	path := filepath.Join(d.path, certificateFile)
	src, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return tls.Certificate{}, fmt.Errorf("read certificate: %w", err)
	}
	if err == nil {
		pair, err := tls.X509KeyPair(src, src)
		if err != nil {
			return tls.Certificate{}, fmt.Errorf("read %s: %w", path, err)
		}
		if covers(pair.Leaf, names, ips) && now.Add(certificateRest).Before(pair.Leaf.NotAfter) && now.After(pair.Leaf.NotBefore) {
			return pair, nil
		}
	}
	fresh, err := selfSign(names, ips, now)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make certificate: %w", err)
	}
	if err := d.write(certificateFile, fresh, true); err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(fresh, fresh)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make certificate: %w", err)
	}
	return pair, nil
}

func covers(c *x509.Certificate, names []string, ips []netip.Addr) bool {
	for _, n := range names {
		if !slices.Contains(c.DNSNames, n) {
			return false
		}
	}
	for _, ip := range ips {
		if c.VerifyHostname(ip.Unmap().WithZone("").String()) != nil {
			return false
		}
	}
	return true
}

// selfSign returns key and certificate in PEM.
func selfSign(names []string, ips []netip.Addr, now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "Millrace, self-signed"},
		NotBefore:    now.Add(-time.Hour), // clocks of clients
		NotAfter:     now.Add(certificateLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     names,

		BasicConstraintsValid: true,
	}
	for _, ip := range ips {
		template.IPAddresses = append(template.IPAddresses, net.IP(ip.Unmap().AsSlice()))
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return append(
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})...,
	), nil
}
