package openapi

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"millrace/internal/catalog"
)

// FuzzActions looks for parameters that an action fails on rather than refuses.
func FuzzActions(f *testing.F) {
	for _, s := range [][2]string{
		{"AddLiveDomain", "DomainName=a.test&LiveDomainType=liveVideo&Region=local&Tag.1.Key=k&Tag.1.Value=v&Scope=global"},
		{"BatchSetLiveDomainConfigs", `DomainNames=a.test,push.test&Functions=[{"functionName":"aliauth","configId":"1","functionArgs":[{"argName":"auth_type","argValue":"type_a"}]}]`},
		{"BatchDeleteLiveDomainConfigs", "DomainNames=push.test&FunctionNames=aliauth,rts"},
		{"DescribeLiveStreamAuthChecking", "DomainName=push.test&Url=http://push.test/a/b.flv?auth_key=1-2-3-4"},
		{"SetLiveDomainCertificate", "DomainName=push.test&SSLProtocol=on&CertName=c&SSLPub=-----BEGIN CERTIFICATE-----&SSLPri=x&ForceSet=1"},
		{"SetLiveStreamsNotifyUrlConfig", "DomainName=push.test&NotifyUrl=http://a.test/?b&NotifyReqAuth=yes&NotifyAuthKey=0123456789abcdef"},
		{"DescribeLiveStreamsOnlineList", "DomainName=push.test&PageNum=2&PageSize=3000&StartTime=2026-11-20T10:00Z&OrderBy=stream_name_asc"},
		{"DescribeLiveStreamsPublishList", "DomainName=push.test&PageNumber=100000&PageSize=3000&StartTime=2026-11-20T10:00:00Z&EndTime=2026-11-20T10:01:00Z"},
		{"ForbidLiveStream", "DomainName=push.test&AppName=live&StreamName=s&LiveStreamType=publisher&ResumeTime=2027-01-01T00:00:00Z"},
		{"DescribeLiveUserDomains", "DomainSearchType=suf_match&PageSize=50&PageNumber=100000&Tag.20.Key="},
	} {
		f.Add(s[0], s[1])
	}
	w := begin(f)
	k := w.key(f, catalog.Full, "")
	if err := w.catalog.AddDomain(f.Context(), "test", catalog.Domain{Name: "push.test", Role: catalog.Ingest}); err != nil {
		f.Fatal(err)
	}
	own := []string{"Signature", "Format"}
	f.Fuzz(func(t *testing.T, action, query string) {
		pairs, err := parsePairs(query)
		if w.actions[action] == nil || err != nil {
			return
		}
		var more []string
		for _, p := range pairs {
			if !slices.Contains(own, p.name) && !slices.Contains(common, p.name) {
				more = append(more, p.name, p.value)
			}
		}
		clear(w.nonces.used)
		clear(w.nonces.shares)
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, w.v1(k, http.MethodPost, action, more...))
		if rec.Code >= http.StatusInternalServerError || !json.Valid(rec.Body.Bytes()) {
			t.Fatalf("%s %q: %d %s", action, query, rec.Code, rec.Body)
		}
	})
}

// FuzzSecrets looks for a query whose token a reader sees.
func FuzzSecrets(f *testing.F) {
	for _, s := range []string{"", "a=b&", "auth_key=", "id=x&usrargs=vhost%3Dx%26", "auth_key=auth_key%3D", "auth_key%3D%26"} {
		f.Add(s, "&c=d")
		f.Add(s, "%26c%3Dd")
	}
	reader := &catalog.AccessKey{Scope: catalog.ReadOnly}
	f.Fuzz(func(t *testing.T, before, after string) {
		const token = "1-0-0-TOKEN"
		for _, mark := range []string{"auth_key=", "auth_key%3D"} {
			s := before + mark + token + after
			if got := withoutTokens(reader, s); strings.Contains(got, mark+token) {
				t.Fatalf("%q became %q", s, got)
			}
		}
	})
}

// FuzzSignatureV3 looks for headers that cannot be read, or that make a signature
// of nothing.
func FuzzSignatureV3(f *testing.F) {
	src, err := os.ReadFile("testdata/v3.txt")
	if err != nil {
		f.Fatal(err)
	}
	const names = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
	for text := range strings.SplitSeq(string(src), "====\n") {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n"))))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(r.URL.RawQuery, "", strings.TrimPrefix(r.Header.Get("Authorization"), algorithmV3+" "), r.Header.Get("X-Acs-Content-Sha256"), r.Header.Get("X-Acs-Action"))
	}
	f.Add("a=b&a=c", "x", "Credential=a,Credential=b,SignedHeaders="+names+";"+names+",Signature="+strings.Repeat("0", 64), "", "x")
	f.Add("", "", " , SignedHeaders=;;HOST , Credential", "", "")
	f.Fuzz(func(t *testing.T, query, body, authorization, hash, action string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.URL.RawQuery = query
		r.Header.Set("Authorization", algorithmV3+" "+authorization)
		r.Header.Set("X-Acs-Content-Sha256", hash)
		r.Header.Set("X-Acs-Action", action)
		c, err := read(httptest.NewRecorder(), r)
		if err != nil {
			explain(err)
			return
		}
		sig, err := c.signature()
		if err != nil {
			explain(err)
			return
		}
		if sig.matches("a secret that nobody has") {
			t.Fatalf("a signature was made of nothing: %q %q", query, authorization)
		}
		for _, name := range mustSign {
			if !strings.Contains(sig.canonical, "\n"+name+":") {
				t.Fatalf("%s is not in %q", name, sig.canonical)
			}
		}
	})
}
