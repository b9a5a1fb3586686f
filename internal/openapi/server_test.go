package openapi

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"millrace/internal/callback"
	"millrace/internal/catalog"
	"millrace/internal/catalog/mem"
	"millrace/internal/control"
	"millrace/internal/live"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a server with a clock that stands still.
type world struct {
	*Server
	catalog *catalog.Catalog
	hub     *live.Hub
	room    *control.Room
	stored  *failing // nonces
	entries *failing // of the catalog
	// deliveries are the callbacks there were.
	deliveries []callback.Delivery
	now        time.Time
	nonce      int
}

func begin(t testing.TB) *world {
	t.Helper()
	w := &world{now: time.Date(2026, 11, 20, 10, 2, 33, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	log := slog.New(slog.DiscardHandler)
	var err error
	w.entries = &failing{Store: mem.New()}
	w.catalog, err = catalog.Open(t.Context(), w.entries, catalog.Options{Now: clock, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	room, err := control.New(t.Context(), control.Config{Snapshot: w.catalog.Snapshot, History: mem.New(), Actions: mem.New(), Now: clock, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	none := func(f func(*callback.Delivery) bool) (all []callback.Delivery) {
		for _, v := range w.deliveries {
			if f(&v) {
				all = append(all, v)
			}
		}
		return all
	}
	w.hub = live.NewHub(live.Options{Log: log})
	t.Cleanup(w.hub.Close)
	w.room = room
	w.stored = &failing{Store: mem.New()}
	w.Server, err = New(t.Context(), Config{Catalog: w.catalog, Streams: room, Stats: w.hub.Stats, Deliveries: none, Nonces: w.stored, Node: "192.0.2.1", Now: clock, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// failing is a store whose disk can be full.
type failing struct {
	catalog.Store
	full atomic.Bool
}

func (f *failing) Put(ctx context.Context, writes ...catalog.Write) (uint64, error) {
	if f.full.Load() {
		return 0, errors.New("no space left")
	}
	return f.Store.Put(ctx, writes...)
}

func (w *world) key(t testing.TB, scope catalog.Scope, domain string) catalog.AccessKey {
	t.Helper()
	k, err := w.catalog.AddAccessKey(t.Context(), "test", scope, domain, "")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// v1 is a request signed the first way. more are names and values, the last of
// a name counts, "" leaves it out.
func (w *world) v1(k catalog.AccessKey, method, action string, more ...string) *http.Request {
	w.nonce++
	p := map[string]string{
		"Action": action, "Version": version, "Format": "JSON", "AccessKeyId": k.ID, "Timestamp": w.now.Format(timeLayout),
		"SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0", "SignatureNonce": strconv.Itoa(w.nonce),
	}
	for i := 0; i+1 < len(more); i += 2 {
		if p[more[i]] = more[i+1]; more[i+1] == "" {
			delete(p, more[i])
		}
	}
	var pairs []pair
	for name, value := range p {
		if name != "Signature" {
			pairs = append(pairs, pair{name, value})
		}
	}
	mac := hmac.New(sha1.New, []byte(k.Secret+"&"))
	_, _ = io.WriteString(mac, method+"&%2F&"+escape(canonical(pairs)))
	if _, given := p["Signature"]; !given {
		pairs = append(pairs, pair{"Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil))})
	} else {
		pairs = append(pairs, pair{"Signature", p["Signature"]})
	}
	return httptest.NewRequest(method, "/?"+canonical(pairs), nil)
}

// v3 is a request signed the newer way.
func (w *world) v3(k catalog.AccessKey, action, query string) *http.Request {
	w.nonce++
	r := httptest.NewRequest(http.MethodPost, "/?"+query, nil)
	sum := sha256.Sum256(nil)
	content := hex.EncodeToString(sum[:])
	headers := [][2]string{
		{"host", r.Host}, {"x-acs-action", action}, {"x-acs-content-sha256", content}, {"x-acs-date", w.now.Format(timeLayout)},
		{"x-acs-signature-nonce", strconv.Itoa(w.nonce)}, {"x-acs-version", version},
	}
	pairs, _ := parsePairs(query)
	text, names := "POST\n/\n"+canonical(pairs)+"\n", ""
	for _, h := range headers {
		r.Header.Set(h[0], h[1])
		text += h[0] + ":" + h[1] + "\n"
		names += ";" + h[0]
	}
	hash := sha256.Sum256([]byte(text + "\n" + names[1:] + "\n" + content))
	mac := hmac.New(sha256.New, []byte(k.Secret))
	_, _ = io.WriteString(mac, algorithmV3+"\n"+hex.EncodeToString(hash[:]))
	r.Header.Set("Authorization", algorithmV3+" Credential="+k.ID+",SignedHeaders="+names[1:]+",Signature="+hex.EncodeToString(mac.Sum(nil)))
	return r
}

// ask returns the status and the document.
func (w *world) ask(t testing.TB, r *http.Request) (int, map[string]any) {
	t.Helper()
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	var doc map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil {
		t.Fatalf("%v in %s", err, rec.Body)
	}
	if doc["RequestId"] == "" {
		t.Errorf("no RequestId in %s", rec.Body)
	}
	return rec.Code, doc
}

func (w *world) want(t *testing.T, r *http.Request, status int, code, message string) {
	t.Helper()
	got, doc := w.ask(t, r)
	text, _ := doc["Message"].(string)
	if name, _ := doc["Code"].(string); got != status || name != code || !strings.Contains(text, message) {
		t.Errorf("%d %v, want %d %s %q", got, doc, status, code, message)
	}
	if code != "" && doc["HostId"] != r.Host {
		t.Errorf("HostId %v", doc["HostId"])
	}
}

func TestRefusals(t *testing.T) {
	w := begin(t)
	k := w.key(t, catalog.Full, "")
	const list = "DescribeLiveUserDomains"
	ok := w.v1(k, http.MethodGet, list)
	again := ok.Clone(context.Background())
	w.want(t, ok, 200, "", "")
	w.want(t, again, 400, "SignatureNonceUsed", "")
	w.want(t, w.v3(k, list, "PageSize=5"), 200, "", "")
	w.want(t, w.v3(k, "DescribeNothing", ""), 404, "InvalidAction.NotFound", "DescribeNothing")
	w.want(t, w.v3(catalog.AccessKey{ID: k.ID, Secret: "wrong"}, list, ""), 400, "SignatureDoesNotMatch", "server string to sign is:ACS3-HMAC-SHA256\n")
	w.want(t, w.v1(k, http.MethodPost, "DescribeNothing"), 404, "InvalidAction.NotFound", "DescribeNothing")
	w.want(t, w.v1(k, http.MethodPost, list, "Action", ""), 400, "MissingAction", "")
	w.want(t, w.v1(k, http.MethodPost, list, "Version", "2014-11-11"), 400, "InvalidVersion", version)
	w.want(t, w.v1(k, http.MethodPost, list, "AccessKeyId", ""), 400, "MissingAccessKeyId", "")
	w.want(t, w.v1(k, http.MethodPost, list, "AccessKeyId", "nobody"), 404, "InvalidAccessKeyId.NotFound", "")
	w.want(t, w.v1(k, http.MethodPost, list, "SignatureMethod", "HMAC-MD5"), 400, "InvalidSignatureMethod", "HMAC-MD5")
	w.want(t, w.v1(k, http.MethodPost, list, "SignatureNonce", strings.Repeat("n", 129)), 400, "InvalidSignatureNonce", "")
	w.want(t, w.v1(k, http.MethodPost, list, "Signature", "AAAA"), 400, "IncompleteSignature", "")
	w.want(t, w.v1(catalog.AccessKey{ID: k.ID, Secret: "wrong"}, http.MethodGet, list), 400, "SignatureDoesNotMatch", "server string to sign is:GET&%2F&AccessKeyId%3D")
	w.want(t, w.v1(k, http.MethodGet, list, "Timestamp", "yesterday"), 400, "InvalidTimeStamp.Format", "")
	for _, off := range []time.Duration{-16 * time.Minute, 16 * time.Minute} {
		w.want(t, w.v1(k, http.MethodGet, list, "Timestamp", w.now.Add(off).Format(timeLayout)), 400, "InvalidTimeStamp.Expired", "2026-11-20T10:02:33Z")
	}
	w.want(t, w.v1(k, http.MethodGet, list, "Timestamp", w.now.Add(-14*time.Minute).Format(timeLayout)), 200, "", "")
	w.want(t, w.v1(k, http.MethodPut, list), 405, "UnsupportedHTTPMethod", "")
	twice := w.v1(k, http.MethodGet, list)
	twice.URL.RawQuery += "&Action=DeleteLiveDomain"
	w.want(t, twice, 400, "InvalidParameter", "given twice")
	// What is too large is refused before anybody looks at who sends it.
	large := httptest.NewRequest(http.MethodPost, "/?Format=JSON", strings.NewReader(strings.Repeat("a", maxBody+1)))
	w.want(t, large, 413, "RequestEntityTooLarge", "")
	many := httptest.NewRequest(http.MethodGet, "/?Action=x"+strings.Repeat("&a=b", maxParameters+1), nil)
	many.Header.Set("Accept", "application/json")
	w.want(t, many, 400, "InvalidParameter", "too many")
}

// A request that was seen is refused as long as its timestamp is good, and no
// longer remembered afterwards.
func TestNonces(t *testing.T) {
	w := begin(t)
	k := w.key(t, catalog.Full, "")
	r := w.v1(k, http.MethodGet, "DescribeLiveUserDomains", "Timestamp", w.now.Add(window).Format(timeLayout))
	w.want(t, r.Clone(t.Context()), 200, "", "")
	w.now = w.now.Add(2 * window)
	w.want(t, r.Clone(t.Context()), 400, "SignatureNonceUsed", "")
	w.now = w.now.Add(2 * time.Minute)
	w.want(t, r.Clone(t.Context()), 400, "InvalidTimeStamp.Expired", "")
	w.want(t, w.v1(k, http.MethodGet, "DescribeLiveUserDomains"), 200, "", "")
	if n := len(w.nonces.used); n != 1 {
		t.Errorf("%d nonces are remembered", n)
	}
	full := &nonces{used: map[nonceID]int64{}}
	for i := range maxNonces {
		full.used[nonceID{byte(i), byte(i >> 8), byte(i >> 16)}] = 1 << 60
	}
	if s := full.take("k", "another", w.now, w.now); s != nonceFull {
		t.Errorf("state %d", s)
	}
}

// A key that has filled its share locks out nobody else, and itself only until
// what it used has run out.
func TestNoncesOfOneKey(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	n := &nonces{used: map[nonceID]int64{}, shares: map[nonceKey]int{}, swept: now}
	for i := range maxShare {
		if s := n.take("greedy", strconv.Itoa(i), now.Add(window), now); s != nonceNew {
			t.Fatalf("nonce %d: state %d", i, s)
		}
	}
	if s := n.take("greedy", "more", now.Add(window), now); s != nonceFull {
		t.Errorf("beyond its share: state %d", s)
	}
	if s := n.take("other", "0", now.Add(window), now); s != nonceNew {
		t.Errorf("another key: state %d", s)
	}
	now = now.Add(window + sweepEvery)
	if s := n.take("greedy", "0", now.Add(window), now); s != nonceNew || len(n.used) != 1 || len(n.shares) != 1 || len(n.unsaved) != 1 {
		t.Errorf("later: state %d, %d nonces of %d keys, %d unwritten", s, len(n.used), len(n.shares), len(n.unsaved))
	}
}

// What was seen before a restart is refused after it: of changes whenever the node
// was killed, of others when it has been written.
func TestNoncesSurvive(t *testing.T) {
	w := begin(t)
	k := w.key(t, catalog.Full, "")
	change := w.v1(k, http.MethodPost, "AddLiveDomain", "DomainName", "a.test", "LiveDomainType", "liveEdge", "Region", "local")
	read := w.v1(k, http.MethodGet, "DescribeLiveUserDomains")
	late := w.v1(k, http.MethodGet, "DescribeLiveUserDomains")
	again := func() {
		t.Helper()
		var err error
		if w.nonces, err = openNonces(t.Context(), w.stored, w.now); err != nil {
			t.Fatal(err)
		}
	}
	w.want(t, read.Clone(t.Context()), 200, "", "")
	w.want(t, change.Clone(t.Context()), 200, "", "")
	w.want(t, late.Clone(t.Context()), 200, "", "")
	again()
	w.want(t, change.Clone(t.Context()), 400, "SignatureNonceUsed", "")
	w.want(t, read.Clone(t.Context()), 400, "SignatureNonceUsed", "")
	w.want(t, late.Clone(t.Context()), 200, "", "") // it was killed within the second
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.Run(ctx) // writes what is left
	again()
	w.want(t, late.Clone(t.Context()), 400, "SignatureNonceUsed", "")
	// A change that cannot be written down is not made.
	w.stored.full.Store(true)
	stop := w.v1(k, http.MethodPost, "StopLiveDomain", "DomainName", "a.test")
	w.want(t, stop, 503, "ServiceUnavailable", "nothing was changed")
	w.stored.full.Store(false)
	w.entries.full.Store(true)
	w.want(t, w.v1(k, http.MethodPost, "StopLiveDomain", "DomainName", "a.test"), 503, "ServiceUnavailable", "may yet have been made")
	w.entries.full.Store(false)
	if d := w.catalog.Snapshot().Domain("a.test"); d.Status != catalog.Online {
		t.Errorf("the domain is %s", d.Status)
	}
	w.want(t, w.v1(k, http.MethodPost, "StopLiveDomain", "DomainName", "a.test"), 200, "", "")
	w.now = w.now.Add(3 * window)
	if again(); len(w.nonces.used) != 0 {
		t.Errorf("%d nonces have come back although they have run out", len(w.nonces.used))
	}
	// More than one entry holds.
	for i := range maxBatch + 10 {
		w.nonces.take("k", strconv.Itoa(i), w.now.Add(window), w.now)
	}
	if err := w.nonces.save(t.Context(), w.now); err != nil {
		t.Fatal(err)
	}
	if again(); len(w.nonces.used) != maxBatch+10 {
		t.Errorf("%d nonces have come back", len(w.nonces.used))
	}
}

func TestScopes(t *testing.T) {
	w := begin(t)
	full, reader := w.key(t, catalog.Full, ""), w.key(t, catalog.ReadOnly, "")
	mine := w.key(t, catalog.OneDomain, "push.a.test")
	for _, name := range []string{"push.a.test", "push.b.test"} {
		w.want(t, w.v1(full, http.MethodPost, "AddLiveDomain", "DomainName", name, "LiveDomainType", "liveEdge", "Region", "cn-shanghai"), 200, "", "")
	}
	w.want(t, w.v1(reader, http.MethodGet, "DescribeLiveDomainDetail", "DomainName", "push.a.test"), 200, "", "")
	w.want(t, w.v1(reader, http.MethodPost, "StopLiveDomain", "DomainName", "push.a.test"), 403, "Forbidden.ReadOnly", "StopLiveDomain")
	w.want(t, w.v1(mine, http.MethodPost, "StopLiveDomain", "DomainName", "Push.A.test"), 200, "", "")
	w.want(t, w.v1(mine, http.MethodPost, "StopLiveDomain", "DomainName", "push.b.test"), 403, "Forbidden.Domain", "push.a.test")
	w.want(t, w.v1(mine, http.MethodPost, "BatchDeleteLiveDomainConfigs", "DomainNames", "push.a.test, push.b.test", "FunctionNames", "aliauth"), 403, "Forbidden.Domain", "")
	w.want(t, w.v1(mine, http.MethodGet, "DescribeLiveUserDomains"), 403, "Forbidden.Domain", "must name it")
	w.want(t, w.v1(mine, http.MethodGet, "DescribeLiveCertificateDetail", "CertName", "any"), 403, "Forbidden.Domain", "")
	chain, private := certificate(t)
	upload := []string{"DomainName", "push.b.test", "SSLProtocol", "on", "CertName", "theirs", "SSLPub", chain, "SSLPri", private}
	w.want(t, w.v1(full, http.MethodPost, "SetLiveDomainCertificate", upload...), 200, "", "")
	upload[1] = "push.a.test"
	for _, force := range []string{"0", "1"} {
		w.want(t, w.v1(mine, http.MethodPost, "SetLiveDomainCertificate", append(upload, "ForceSet", force)...), 403, "Forbidden.Domain", "theirs")
	}
	w.want(t, w.v1(mine, http.MethodPost, "SetLiveDomainCertificate", "DomainName", "push.a.test", "SSLProtocol", "on", "CertName", "theirs"), 403, "Forbidden.Domain", "")
	upload[5] = "mine"
	for range 2 { // its own it may set again
		w.want(t, w.v1(mine, http.MethodPost, "SetLiveDomainCertificate", append(upload, "ForceSet", "1")...), 200, "", "")
	}
	// One that another domain is served with as well is not its own any more.
	w.want(t, w.v1(full, http.MethodPost, "SetLiveDomainCertificate", "DomainName", "push.b.test", "SSLProtocol", "on", "CertName", "mine"), 200, "", "")
	w.want(t, w.v1(mine, http.MethodPost, "SetLiveDomainCertificate", append(upload, "ForceSet", "1")...), 403, "Forbidden.Domain", "mine")
	// Its domain's name may be a part of others.
	if err := w.catalog.AddDomain(t.Context(), "test", catalog.Domain{Name: "more.push.a.test", Role: catalog.Ingest}); err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, w.v1(mine, http.MethodGet, "DescribeLiveUserDomains", "DomainName", "push.a.test"))
	if got := rec.Body.String(); !strings.Contains(got, `"push.a.test"`) || strings.Contains(got, "more.push.a.test") {
		t.Errorf("the key of one domain sees %s", got)
	}
	w.want(t, w.v1(mine, http.MethodPost, "StartLiveDomain", "DomainName", "push.a.test"), 200, "", "")
	w.want(t, w.v1(mine, http.MethodPost, "StopLiveDomain", "DomainName", "push.a.test"), 200, "", "")
	trail, err := w.catalog.Audit(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	if e := trail[0]; e.By != mine.ID || e.Key != "domain/push.a.test" || !strings.Contains(string(e.Before), `"online"`) || !strings.Contains(string(e.After), `"offline"`) {
		t.Errorf("audit: %+v", e)
	}
}

// certificate is one that nobody has signed, with its key.
func certificate(t *testing.T) (chain, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"push.b.test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

func TestXML(t *testing.T) {
	w := begin(t)
	k := w.key(t, catalog.Full, "")
	for _, c := range []struct {
		r    *http.Request
		root string
	}{
		{w.v1(k, http.MethodGet, "DescribeLiveUserDomains", "Format", "XML"), "DescribeLiveUserDomainsResponse"},
		{w.v1(k, http.MethodGet, "DescribeLiveUserDomains", "Format", ""), "DescribeLiveUserDomainsResponse"},
		{w.v1(k, http.MethodGet, "Describe", "Format", "XML"), "Error"},
		{httptest.NewRequest(http.MethodGet, "/?Action=a&b=%zz", nil), "Error"},
	} {
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, c.r)
		var doc struct {
			XMLName   xml.Name
			RequestId string
			Code      string
			Domains   struct{ PageData []struct{ DomainName string } }
		}
		if err := xml.Unmarshal(rec.Body.Bytes(), &doc); err != nil || doc.XMLName.Local != c.root || doc.RequestId == "" {
			t.Errorf("%v: %s", err, rec.Body)
		}
	}
}

// What is another page at the same address is not taken.
func TestTakes(t *testing.T) {
	for target, want := range map[string]bool{
		"GET /": false, "GET /?a=Action": false, "GET /viewers?Action=x": false, "POST /catalog": false,
		"GET /?Action=DescribeLiveUserDomains": true, "GET /?a=b&Action=x": true, "POST /": true,
	} {
		method, at, _ := strings.Cut(target, " ")
		if got := Takes(httptest.NewRequest(method, at, nil)); got != want {
			t.Errorf("%s: %v", target, got)
		}
	}
}

// A read, from the request to its answer.
func BenchmarkRequest(b *testing.B) {
	w := begin(b)
	k := w.key(b, catalog.Full, "")
	for i := range 20 {
		d := catalog.Domain{Name: "push" + strconv.Itoa(i) + ".test", Role: catalog.Ingest}
		if err := w.catalog.AddDomain(b.Context(), "test", d); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if status, doc := w.ask(b, w.v1(k, http.MethodGet, "DescribeLiveUserDomains")); status != http.StatusOK {
			b.Fatal(doc)
		}
	}
}
