package openapi

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// sent is the request of a URL, read.
func sent(t *testing.T, method, target, form string) *call {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(form))
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	c, err := read(httptest.NewRecorder(), r)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func wantMatch(t *testing.T, c *call, secret string) *signed {
	t.Helper()
	sig, err := c.signature()
	if err != nil {
		t.Fatal(err)
	}
	if !sig.matches(secret) {
		t.Errorf("the signature does not match; string to sign: %s", sig.toSign)
	}
	if sig.matches(secret+"x") || sig.matches("") {
		t.Error("the signature matches another secret, too")
	}
	return sig
}

// The example in the vendor's documentation.
func TestSignatureOfTheDocumentation(t *testing.T) {
	const query = "Format=XML&SignatureMethod=HMAC-SHA1&Action=DescribeLiveSnapshotConfig&AccessKeyId=testid&RegionId=cn-shanghai&ServiceCode=live" +
		"&DomainName=test.com&AppName=test&SignatureNonce=c2fe8fbb-2977-4414-8d39-348d02419c1c&Version=2016-11-01&SignatureVersion=1.0&Timestamp=2017-06-14T09%3A51%3A14Z" +
		"&Signature=3I5a3myPjp8FXWT4rvxX5pKb%2Faw%3D"
	wantMatch(t, sent(t, http.MethodGet, "/?"+query, ""), "testsecret")
}

// Requests that the official Go client has made.
func TestSignaturesOfTheGoClient(t *testing.T) {
	src, err := os.ReadFile("testdata/v1.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(src)), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		sig := wantMatch(t, sent(t, http.MethodPost, lines[i], ""), "testSecret")
		if sig.toSign != lines[i+1] {
			t.Errorf("string to sign\n%s\nwant\n%s", sig.toSign, lines[i+1])
		}
		path, form, _ := strings.Cut(lines[i], "?")
		wantMatch(t, sent(t, http.MethodPost, path, form), "testSecret")
		half := strings.Index(form, "&RegionId")
		wantMatch(t, sent(t, http.MethodPost, path+"?"+form[:half], form[half+1:]), "testSecret")
	}
}

func TestSignaturesV3(t *testing.T) {
	src, err := os.ReadFile("testdata/v3.txt")
	if err != nil {
		t.Fatal(err)
	}
	for text := range strings.SplitSeq(string(src), "====\n") {
		read3 := func(change func(*http.Request)) *call {
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n"))))
			if err != nil {
				t.Fatal(err)
			}
			change(r)
			c, err := read(httptest.NewRecorder(), r)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		wantMatch(t, read3(func(*http.Request) {}), "testSecret")
		for name, change := range map[string]func(*http.Request){
			"host":   func(r *http.Request) { r.Host = "elsewhere.test" },
			"action": func(r *http.Request) { r.Header.Set("X-Acs-Action", "DeleteLiveDomain") },
			"query":  func(r *http.Request) { r.URL.RawQuery += "&Oneshot=yes" },
			"method": func(r *http.Request) { r.Method = http.MethodGet },
			"path":   func(r *http.Request) { r.URL.Path = "/other" },
		} {
			sig, err := read3(change).signature()
			if err != nil {
				t.Fatal(err)
			}
			if sig.matches("testSecret") {
				t.Errorf("the signature does not cover the %s", name)
			}
		}
		for name, change := range map[string]func(*http.Request){
			"does not sign host": func(r *http.Request) {
				a := strings.Replace(r.Header.Get("Authorization"), "host;", "", 1)
				r.Header.Set("Authorization", a)
			},
			"Signature of 64":  func(r *http.Request) { r.Header.Set("Authorization", algorithmV3+" Credential=a,Signature=00") },
			"hash of the body": func(r *http.Request) { r.Header.Set("X-Acs-Content-Sha256", "00") },
		} {
			if _, err := read3(change).signature(); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v, want %q", err, name)
			}
		}
	}
}

func FuzzParsePairs(f *testing.F) {
	for _, s := range []string{"a=b&c=d", "a=%2F+%7E", "a=%", "&&=", "%3d=%3D", "a==b", "a=\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		pairs, err := parsePairs(raw)
		if err != nil {
			return
		}
		// What is parsed and written again is the same.
		text := canonical(pairs)
		again, err := parsePairs(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if s := canonical(again); s != text {
			t.Fatalf("%q became %q", text, s)
		}
	})
}

func FuzzSignature(f *testing.F) {
	src, err := os.ReadFile("testdata/v1.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.SplitSeq(string(src), "\n") {
		if _, query, ok := strings.Cut(line, "?"); ok {
			f.Add(query, "", "")
			f.Add("", query, "")
		}
	}
	f.Add("a=b", "", algorithmV3+" Credential=a,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature="+strings.Repeat("0", 64))
	f.Add("", "", algorithmV3+" ,,=,Signature=")
	f.Fuzz(func(t *testing.T, query, form, authorization string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form))
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", authorization)
		c, err := read(httptest.NewRecorder(), r)
		if err != nil {
			explain(err)
			return
		}
		sig, err := c.signature()
		if err == nil && sig.matches("a secret that nobody has") {
			t.Fatalf("a signature was made of nothing: %q %q %q", query, form, authorization)
		}
	})
}
