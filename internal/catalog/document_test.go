package catalog_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"millrace/internal/catalog"
)

const ownCatalog = `
domains:
  - name: Push.Example.com
    type: ingest
    main: play.example.com
    functions:
      - name: aliauth
        args: {auth_type: type_a, auth_key1: one, auth_key2: two, ali_auth_delta: "1800"}
  - name: play.example.com
    type: streaming
    functions:
      - name: rts
        args: {enable: "on", mode: half_second}
  - name: more.example.com
    type: streaming
    main: play.example.com
access-keys:
  - {id: MRKEY, secret: 0123456789abcdef, scope: full}
blocks:
  - {domain: push.example.com, app: live, stream: bad, until: 2030-01-01T00:00:00Z}
`

func TestDocument(t *testing.T) {
	doc, err := catalog.ParseYAML([]byte(ownCatalog))
	if err != nil {
		t.Fatal(err)
	}
	s, err := doc.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	in, out := s.Domain("push.example.com"), s.Domain("play.example.com")
	if in.Auth != (catalog.Auth{Enabled: true, PrimaryKey: "one", SecondaryKey: "two", Validity: 30 * time.Minute}) || in.Main != out.Name || out.Mode != catalog.HalfSecond {
		t.Errorf("got %+v, %+v", in, out)
	}
	if s.AccessKey("MRKEY") == nil || s.Blocked("push.example.com", "live", "bad", time.Date(2029, 12, 31, 0, 0, 0, 0, time.UTC)) == nil ||
		s.Blocked("push.example.com", "live", "bad", time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)) != nil {
		t.Error("the key or the block is not there, or stays")
	}
}

// badCatalogs change one line of ownCatalog.
var badCatalogs = []struct{ name, from, to, want string }{
	{"unknown key", "type: ingest", "kind: ingest", "kind"},
	{"type", "type: ingest", "type: edge", "neither ingest nor streaming"},
	{"mode", "half_second", "no_second", "not one of sub_second, half_second"},
	{"host name", "Push.Example.com", "push_example", "no host name"},
	{"wildcard", "Push.Example.com", `"*.example.com"`, "wildcard"},
	{"twice", "more.example.com", "play.example.com", "there twice"},
	{"no key", "auth_key1: one,", "", "auth_key1 is missing"},
	{"validity", `"1800"`, `"59"`, "no number of seconds"},
	{"nested", "main: play.example.com\n    functions", "main: more.example.com\n    functions", "is a sub-streaming domain of"},
	{"elsewhere", "main: play.example.com\n    functions", "main: play.example.org\n    functions", "no streaming domain here"},
	{"two defaults", "type: streaming", "type: streaming\n    default: true", "both the default"},
	{"short secret", "0123456789abcdef", "short", "16 to 128"},
	{"bad block", "stream: bad", "stream: b/ad", "no stream name"},
	{"not YAML", "domains:", "domains: [", "["},
}

func TestBadDocuments(t *testing.T) {
	for _, c := range badCatalogs {
		_, err := catalog.ParseYAML([]byte(strings.ReplaceAll(ownCatalog, c.from, c.to)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	// All that is wrong is named.
	src := strings.NewReplacer("type: ingest", "type: edge", "0123456789abcdef", "short", "stream: bad", "stream: b/ad").Replace(ownCatalog)
	_, err := catalog.ParseYAML([]byte(src))
	for _, want := range []string{"edge", "16 to 128", "b/ad"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}

// What is taken comes out again the same, and stays so.
func FuzzYAML(f *testing.F) {
	f.Add([]byte(ownCatalog))
	for _, c := range badCatalogs {
		f.Add([]byte(strings.ReplaceAll(ownCatalog, c.from, c.to)))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		doc, err := catalog.ParseYAML(src)
		if err != nil {
			return
		}
		once, err := doc.YAML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := catalog.ParseYAML(once)
		if err != nil {
			t.Fatalf("not taken back: %v\n%s", err, once)
		}
		twice, err := again.YAML()
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%v\n%s\n%s", err, once, twice)
		}
	})
}

func FuzzCertificate(f *testing.F) {
	f.Add("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n")
	f.Add("", "-----BEGIN ENCRYPTED PRIVATE KEY-----")
	f.Fuzz(func(t *testing.T, chain, key string) {
		pair, err := catalog.ParseCertificate(chain, key)
		if (pair == nil) == (err == nil) {
			t.Fatalf("%v, %v", pair, err)
		}
	})
}

// Whatever is set and deleted, in whatever order, a domain has one record of a
// function and argument, with an ID of its own, and of it the newest value.
func TestFunctionsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []catalog.Function
		want := map[string]string{}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			key := rapid.SampledFrom([]string{"X-A", "X-B", "X-C"}).Draw(t, "key")
			value := rapid.SampledFrom([]string{"1", "2", "null"}).Draw(t, "value")
			var err error
			if all, err = catalog.With(all, catalog.Header(key, value)); err != nil {
				t.Fatal(err)
			}
			want[key] = value
			if value == "null" {
				delete(want, key)
			}
		}
		got, ids := map[string]string{}, map[uint64]bool{}
		for _, f := range all {
			got[f.Args["key"]] = f.Args["value"]
			ids[f.ID] = true
		}
		if !reflect.DeepEqual(got, want) || len(ids) != len(all) || len(all) != len(want) || ids[0] {
			t.Fatalf("got %v, want %v", all, want)
		}
	})
}

func TestAccessRules(t *testing.T) {
	rules := func(name string, args map[string]string) catalog.Rules {
		t.Helper()
		s, err := catalog.NewSnapshot(catalog.Domain{Name: "d.test", Role: catalog.Streaming, Functions: []catalog.Function{{Name: name, Args: args}}})
		if err != nil {
			t.Fatal(err)
		}
		return s.Domain("d.test").Rules
	}
	const list = "127.0.0.1/24, 10.0.0.0/8,192.0.2.7,2001:db8::/32,::ffff:198.51.100.0/120"
	in := []string{"127.0.0.200:1", "10.255.0.1", "192.0.2.7:80", "[2001:db8::9]:80", "::ffff:192.0.2.7", "198.51.100.9"}
	out := []string{"127.0.1.1", "11.0.0.1:80", "192.0.2.8", "[2001:db9::]:1", "::1"}
	for black, name := range map[bool]string{false: catalog.FuncIPAllow, true: catalog.FuncIPBlack} {
		r := rules(name, map[string]string{"ip_list": list})
		for _, ip := range slices.Concat(in, out) {
			if got := r.Addresses.Take(ip); got != (slices.Contains(in, ip) != black) {
				t.Errorf("%s: %s: %v", name, ip, got)
			}
		}
		if r.Addresses.Take("nobody") {
			t.Errorf("%s: an address that is none", name)
		}
	}
	for _, c := range []struct {
		referer      string
		white, black bool
	}{
		{"https://a.com/x", true, false},
		{"https://www.A.com:8443/", true, false},
		{"a.com", true, false},
		{"https://xa.com/", false, true},
		{"https://a.com.evil.test/", false, true},
		{"https://evil.test/?a.com", false, true},
		{"https://a.com@evil.test/", false, true},
		{"%zz", false, false},
	} {
		white := rules(catalog.FuncRefererWhite, map[string]string{"refer_domain_allow_list": "*.a.com,b.org", "allow_empty": "off"})
		black := rules(catalog.FuncRefererBlack, map[string]string{"refer_domain_deny_list": "a.com"})
		if white.Referers.Take(c.referer) != c.white || black.Referers.Take(c.referer) != c.black {
			t.Errorf("%s: white %v, black %v", c.referer, !c.white, !c.black)
		}
		if white.Referers.Take("") || !black.Referers.Take("") {
			t.Error("no referer")
		}
	}
}
