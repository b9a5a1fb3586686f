package openapi

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
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

// A certificate without a name goes with the last domain that is served with it;
// those that were given one stay.
func TestUnnamedCertificates(t *testing.T) {
	w := begin(t)
	k := w.key(t, catalog.Full, "")
	for _, name := range []string{"push.a.test", "push.b.test"} {
		if err := w.catalog.AddDomain(t.Context(), "test", catalog.Domain{Name: name, Role: catalog.Ingest}); err != nil {
			t.Fatal(err)
		}
	}
	set := func(domain string, more ...string) {
		t.Helper()
		w.want(t, w.v1(k, http.MethodPost, "SetLiveDomainCertificate", append([]string{"DomainName", domain, "SSLProtocol", "on"}, more...)...), 200, "", "")
	}
	want := func(of string, names ...string) {
		t.Helper()
		var got []string
		for _, c := range w.catalog.Snapshot().Certificates() {
			got = append(got, c.Name)
		}
		if !slices.Equal(got, names) || w.catalog.Snapshot().Domain("push.b.test") != nil && w.catalog.Snapshot().Domain("push.b.test").Certificate != of {
			t.Fatalf("there are %q, want %q; push.b.test has %q", got, names, w.catalog.Snapshot().Domain("push.b.test").Certificate)
		}
	}
	upload := func() []string {
		chain, private := certificate(t)
		return []string{"SSLPub", chain, "SSLPri", private}
	}
	const first, second = "push.b.test-20261120T100233", "push.b.test-20261120T100233-2"
	set("Push.B.test", upload()...)
	want(first, first)
	set("push.b.test", upload()...) // within the same second
	want(second, second)
	set("push.a.test", "CertName", second)
	set("push.b.test", append(upload(), "CertName", "named")...)
	want("named", "named", second)
	set("push.b.test", upload()...)
	want(first, "named", first, second)
	w.want(t, w.v1(k, http.MethodPost, "SetLiveDomainCertificate", "DomainName", "push.a.test", "SSLProtocol", "off"), 200, "", "")
	want(first, "named", first)
	w.want(t, w.v1(k, http.MethodPost, "DeleteLiveDomain", "DomainName", "push.b.test"), 200, "", "")
	want("", "named")
	// One that cannot be served leaves nothing behind.
	set2 := append(upload(), "SSLProtocol", "on", "DomainName", "gone.test")
	w.want(t, w.v1(k, http.MethodPost, "SetLiveDomainCertificate", set2...), 404, "InvalidDomain.NotFound", "")
	want("", "named")
}
