package catalog_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/catalog/mem"
)

// selfSigned is a certificate and its key, in PEM.
func selfSigned(t *testing.T) (chain, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"play.example.com"}}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

// everything is a catalog with something of each kind.
func everything(t *testing.T) *catalog.Catalog {
	t.Helper()
	c, _ := filled(t)
	ctx := t.Context()
	chain, key := selfSigned(t)
	steps := []error{
		c.GiveCertificate(ctx, "test", "play.example.com", func(*catalog.Snapshot) (*catalog.Certificate, error) {
			return &catalog.Certificate{Name: "own", Chain: chain, Key: key}, nil
		}),
		c.AddDomain(ctx, "test", catalog.Domain{Name: "sub.example.com", Role: catalog.Streaming, Scope: "global", Status: catalog.Offline}),
		c.AssociateSub(ctx, "test", "sub.example.com", "play.example.com"),
		c.BlockStream(ctx, "test", "push.example.com", "live", "a.b-c_d", time.Now().Add(time.Hour)),
		c.ChangeDomain(ctx, "test", "push.example.com", func(d *catalog.Domain) error {
			d.Callbacks = &catalog.Callbacks{URL: "http://192.0.2.1/a?b=c&d=%20", Key: "0123456789abcdef"}
			return nil
		}),
		c.SetFunctions(ctx, "test", []string{"play.example.com"}, []catalog.Function{
			catalog.RTS(catalog.HalfSecond), catalog.Signed("one", "two", 90*time.Second),
			catalog.Header("X-One", "a: \"b\" # 'c' \\ %"), catalog.Header("X-Two", "yes"),
			{Name: catalog.FuncRTSRelay, Args: map[string]string{"enable": "on", "target_push_domain": "push.localhost"}},
			{Name: catalog.FuncRefererWhite, Args: map[string]string{"refer_domain_allow_list": "*.a.com,b.org", "allow_empty": "off"}},
			{Name: catalog.FuncIPAllow, Args: map[string]string{"ip_list": "10.0.0.0/8,2001:db8::/32"}},
			{Name: catalog.FuncForceHTTPS, Args: map[string]string{"enable": "on"}},
			{Name: catalog.FuncProhibit, Args: map[string]string{"protocols": "hls,flv"}},
		}),
	}
	for _, scope := range []catalog.Scope{catalog.Full, catalog.ReadOnly, catalog.OneDomain} {
		domain := ""
		if scope == catalog.OneDomain {
			domain = "play.example.com"
		}
		_, err := c.AddAccessKey(ctx, "test", scope, domain, "a note: with \"all\" of it")
		steps = append(steps, err)
	}
	for i, err := range steps {
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	return c
}

func yamlOf(t *testing.T, c *catalog.Catalog) string {
	t.Helper()
	b, err := c.Snapshot().Document().YAML()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What is exported comes back the same in another catalog, whatever was there; to
// import it again writes nothing, and one that fails leaves all as it was.
func TestExportAndImport(t *testing.T) {
	want := yamlOf(t, everything(t))
	doc, err := catalog.ParseYAML([]byte(want))
	if err != nil {
		t.Fatal(err)
	}
	store := &slow{Store: mem.New()}
	c := open(t, store)
	for _, err := range []error{c.Fill(t.Context(), "test", catalog.First()), c.AddDomain(t.Context(), "test", catalog.Domain{Name: "gone.test", Role: catalog.Ingest}), c.Import(t.Context(), "test", doc)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []*catalog.Catalog{c, open(t, store)} {
		if got := yamlOf(t, c); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	puts := store.puts
	if err := c.Import(t.Context(), "test", doc); err != nil || store.puts != puts {
		t.Errorf("the same again: %v, %d writes", err, store.puts-puts)
	}
	// Another node has changed something meanwhile.
	if err := open(t, store.Store).DeleteDomain(t.Context(), "other", "sub.example.com"); err != nil {
		t.Fatal(err)
	}
	before := c.Snapshot()
	if err := c.Import(t.Context(), "test", catalog.First()); !errors.Is(err, catalog.ErrConflict) {
		t.Errorf("got %v", err)
	}
	if c.Snapshot() != before || open(t, store.Store).Snapshot().Domain("play.example.com") == nil {
		t.Error("a part has been imported")
	}
}

// What was stored before it was checked is mended where it is read, so that the
// domain can be changed, exported and imported.
func TestStoredFragment(t *testing.T) {
	c, store := filled(t)
	ctx := t.Context()
	set := func(d *catalog.Domain) error { d.Callbacks = &catalog.Callbacks{URL: "http://h/cb?a=b"}; return nil }
	if err := c.ChangeDomain(ctx, "test", "push.example.com", set); err != nil {
		t.Fatal(err)
	}
	e, err := store.Get(ctx, "domain/push.example.com")
	if err != nil {
		t.Fatal(err)
	}
	old := bytes.Replace(e.Value, []byte("cb?a=b"), []byte("cb?a=b#c"), 1)
	if _, err := store.Put(ctx, catalog.Write{Key: e.Key, Value: old, Revision: e.Revision}); err != nil || len(old) != len(e.Value)+2 {
		t.Fatal(err, string(old))
	}
	c = open(t, store)
	if got := c.Snapshot().Domain("push.example.com").Callbacks.URL; got != "http://h/cb?a=b" {
		t.Errorf("read as %s", got)
	}
	if err := c.ChangeDomain(ctx, "test", "push.example.com", func(d *catalog.Domain) error { d.Status = catalog.Offline; return nil }); err != nil {
		t.Error(err)
	}
	if err := open(t, mem.New()).Import(ctx, "test", c.Snapshot().Document()); err != nil {
		t.Error(err)
	}
}
