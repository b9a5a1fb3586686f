package openapi

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"millrace/internal/catalog"
)

// A certificate free of charge is one by ACME: refused where that is off, and
// otherwise told of as soon as it is there.
func TestCertificateFreeOfCharge(t *testing.T) {
	w := begin(t)
	k := w.key(t, catalog.Full, "")
	if err := w.catalog.AddDomain(t.Context(), "test", catalog.Domain{Name: "push.b.test", Role: catalog.Ingest}); err != nil {
		t.Fatal(err)
	}
	want := []string{"DomainName", "push.b.test", "SSLProtocol", "on", "CertType", "free"}
	w.want(t, w.v1(k, http.MethodPost, "SetLiveDomainCertificate", want...), 400, "InvalidCertType.Malformed", "ACME")

	var got *tls.Certificate
	w.free = func(string) *tls.Certificate { return got }
	chain, private := certificate(t)
	w.want(t, w.v1(k, http.MethodPost, "SetLiveDomainCertificate", append(want, "CertType", "upload", "SSLPub", chain, "SSLPri", private)...), 200, "", "")
	w.want(t, w.v1(k, http.MethodPost, "SetLiveDomainCertificate", want...), 200, "", "")
	info := func() certInfo {
		t.Helper()
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, w.v1(k, http.MethodGet, "DescribeLiveDomainCertificateInfo", "DomainName", "push.b.test"))
		var a struct {
			CertInfos struct{ CertInfo []certInfo }
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &a); err != nil || len(a.CertInfos.CertInfo) != 1 {
			t.Fatalf("%v: %s", err, rec.Body)
		}
		return a.CertInfos.CertInfo[0]
	}
	if i := info(); i.SSLProtocol != "off" {
		t.Errorf("before it is there: %+v", i)
	}
	pair, err := catalog.ParseCertificate(chain, private)
	if err != nil {
		t.Fatal(err)
	}
	got = pair
	if i := info(); i.SSLProtocol != "on" || i.CertType != "free" || i.CertDomainName != "push.b.test" || i.SSLPub != chain {
		t.Errorf("when it is there: %+v", i)
	}
}
