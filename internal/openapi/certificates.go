package openapi

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"strconv"
	"strings"
	"time"

	"millrace/internal/catalog"
)

type setCertificate struct {
	Domain   string `api:"DomainName,required,domain"`
	Protocol string `api:"SSLProtocol,required,one=on|off"`
	Type     string `api:"CertType,def=upload,one=upload|cas|free"`
	Name     string `api:"CertName"`
	Chain    string `api:"SSLPub"`
	Key      string `api:"SSLPri"`
	Force    string `api:"ForceSet,one=0|1"`
}

// setCertificate gives a domain a certificate, uploaded with the request or, by
// its name alone, before.
func (s *Server) setCertificate(ctx context.Context, by caller, p setCertificate) (*answer, error) {
	if _, err := s.domain(p.Domain); err != nil {
		return nil, err
	}
	if p.Protocol == "on" && p.Type != "free" && p.Chain != "" && p.Key != "" {
		if _, err := catalog.ParseCertificate(p.Chain, p.Key); err != nil {
			return nil, about("SSLPub", err)
		}
	}
	return &answer{}, about("CertName", s.catalog.GiveCertificate(ctx, by.ID, p.Domain, func(now *catalog.Snapshot) (*catalog.Certificate, error) {
		switch {
		case p.Protocol == "off":
			return nil, nil //nolint:nilnil // none of its own
		case p.Type != "free":
			return s.chooseCertificate(now, by, p)
		case s.free == nil:
			return nil, invalid("CertType", "certificates free of charge come by ACME, which this server was not started with")
		}
		return nil, nil //nolint:nilnil // by ACME
	}))
}

// chooseCertificate returns the certificate that a domain is to have, its name
// alone where it is there.
func (s *Server) chooseCertificate(now *catalog.Snapshot, by caller, p setCertificate) (*catalog.Certificate, error) {
	c := catalog.Certificate{Name: p.Name, Chain: p.Chain, Key: p.Key}
	if c.Name == "" {
		c.Name, c.Unnamed = freeName(now, strings.ToLower(p.Domain)+"-"+s.now().UTC().Format("20060102T150405")), true
	}
	if err := mayUse(now, by, strings.ToLower(p.Domain), c.Name); err != nil {
		return nil, err
	}
	old := now.Certificate(c.Name)
	switch {
	case old != nil && (p.Chain == "" && p.Key == "" || old.Chain == p.Chain && old.Key == p.Key):
		return &catalog.Certificate{Name: c.Name}, nil
	case p.Chain == "":
		return nil, missing("SSLPub")
	case p.Key == "":
		return nil, missing("SSLPri")
	case old != nil && p.Force != "1":
		return nil, &Error{http.StatusBadRequest, "CertName.AlreadyExists", "There is another certificate of this name; ForceSet=1 replaces it."}
	}
	return &c, nil
}

// freeName is a name that no certificate has: name itself, or with a number.
func freeName(now *catalog.Snapshot, name string) string {
	free := name
	for n := 2; now.Certificate(free) != nil; n++ {
		free = name + "-" + strconv.Itoa(n)
	}
	return free
}

// mayUse keeps keys of one domain from the certificates of others: from
// replacing them, and from being served with them.
func mayUse(now *catalog.Snapshot, by caller, domain, name string) error {
	if by.Scope != catalog.OneDomain || now.Certificate(name) == nil {
		return nil
	}
	own, others := false, false
	for d := range now.EachDomain() {
		own = own || d.Certificate == name && d.Name == domain
		others = others || d.Certificate == name && d.Name != domain
	}
	if own && !others {
		return nil
	}
	return &Error{http.StatusForbidden, "Forbidden.Domain", "The certificate " + quote(name) + " is not that of the domain of this access key."}
}

// leaf is a certificate itself, without its chain.
func leaf(c *tls.Certificate) *x509.Certificate {
	if c != nil && c.Leaf != nil {
		return c.Leaf
	}
	if c != nil && len(c.Certificate) > 0 {
		if l, err := x509.ParseCertificate(c.Certificate[0]); err == nil {
			return l
		}
	}
	return &x509.Certificate{}
}

// chain is a certificate with those that vouch for it, in PEM.
func chain(c *tls.Certificate) string {
	var b []byte
	for _, der := range c.Certificate {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return string(b)
}

type certInfos struct {
	answer
	CertInfos struct{ CertInfo many[certInfo] }
}

type certInfo struct {
	DomainName, CertName, CertType, CertDomainName, CertOrg, CertLife, CertExpireTime, CertStartTime, CertCommonName string
	SSLProtocol, SSLPub, Status                                                                                      string
}

func (s *Server) describeCertificate(_ context.Context, _ caller, p one) (*certInfos, error) {
	d, err := s.domain(p.Domain)
	if err != nil {
		return nil, err
	}
	v := certInfo{DomainName: d.Name, SSLProtocol: "off"}
	switch c := s.catalog.Snapshot().Certificate(d.Certificate); {
	case c != nil:
		v.CertName, v.CertType, v.SSLPub = c.Name, "upload", c.Chain
		v.tell(leaf(c.TLS))
	case s.free != nil:
		if c := s.free(d.Name); c != nil {
			v.CertName, v.CertType, v.SSLPub = d.Name, "free", chain(c)
			v.tell(leaf(c))
		}
	}
	a := &certInfos{}
	a.CertInfos.CertInfo = many[certInfo]{v}
	return a, nil
}

func (v *certInfo) tell(l *x509.Certificate) {
	v.SSLProtocol, v.Status = "on", "success"
	v.CertDomainName, v.CertCommonName = strings.Join(l.DNSNames, ","), l.Subject.CommonName
	v.CertOrg = strings.Join(l.Issuer.Organization, ",")
	v.CertStartTime, v.CertExpireTime = stamp(l.NotBefore), stamp(l.NotAfter)
	v.CertLife = l.NotAfter.Sub(l.NotBefore).Round(time.Second).String()
}

type whichCertificates struct {
	Domain string `api:"DomainName,domain"`
}

type certificateList struct {
	answer
	CertificateListModel struct {
		Count    int
		CertList struct{ Cert many[certificateRow] }
	}
}

type certificateRow struct {
	CertName, Common, Fingerprint, Issuer string
	LastTime, CertId                      int64 //nolint:revive,staticcheck // on the wire
}

// listCertificates lists those that a domain could use, or all.
func (s *Server) listCertificates(_ context.Context, _ caller, p whichCertificates) (*certificateList, error) {
	if p.Domain != "" {
		if _, err := s.domain(p.Domain); err != nil {
			return nil, err
		}
	}
	a := &certificateList{}
	m := &a.CertificateListModel
	for _, c := range s.catalog.Snapshot().Certificates() {
		l := leaf(c.TLS)
		if p.Domain != "" && l.VerifyHostname(p.Domain) != nil {
			continue
		}
		m.CertList.Cert = append(m.CertList.Cert, certificateRow{
			CertName: c.Name, Common: l.Subject.CommonName, Fingerprint: fingerprint(l), Issuer: l.Issuer.CommonName,
			LastTime: c.Created.Unix(), CertId: int64(c.Revision), //nolint:gosec // far below
		})
	}
	m.Count = len(m.CertList.Cert)
	return a, nil
}

func fingerprint(l *x509.Certificate) string {
	sum := sha256.Sum256(l.Raw)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

type whichCertificate struct {
	Name string `api:"CertName,required"`
}

type certificateDetail struct {
	answer
	CertName, Cert string
	CertId         int64 //nolint:revive,staticcheck // on the wire
}

// certificateDetail gives a certificate, never its key.
func (s *Server) certificateDetail(_ context.Context, _ caller, p whichCertificate) (*certificateDetail, error) {
	c := s.catalog.Snapshot().Certificate(p.Name)
	if c == nil {
		return nil, &Error{http.StatusNotFound, "InvalidCertificate.NotFound", "There is no certificate of this name."}
	}
	return &certificateDetail{CertName: c.Name, Cert: c.Chain, CertId: int64(c.Revision)}, nil //nolint:gosec // far below
}
