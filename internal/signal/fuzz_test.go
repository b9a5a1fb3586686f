package signal

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	for _, tt := range []struct{ raw, host, app, stream, path, key string }{
		{"artc://h/a/s", "h", "a", "s", "/a/s", ""},
		{"artc://h:80/a/s?auth_key=1-0-0-x", "h:80", "a", "s", "/a/s", "1-0-0-x"},
		{"artc://[::1]:80/a/s?x&auth_key=k&auth_key=l#f", "[::1]:80", "a", "s", "/a/s", "k"},
		{"artc://h/a%2fb/s%20t?a;b&auth_key=k", "h", "a/b", "s t", "/a%2fb/s%20t", "k"},
	} {
		q, err := parseURL(tt.raw)
		if err != nil || q.Host != tt.host || q.App != tt.app || q.Stream != tt.stream || q.Path != tt.path || q.AuthKey != tt.key {
			t.Errorf("%s: %+v, %v", tt.raw, q, err)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{
		"artc://localhost:18080/live/file?case=file&auth_key=1700000000-0-0-abc", "artc://h/a/s", "artc://[::1]/a%2e/s?x=%", "artc:///a/s",
		"http://h/a/s", "artc://h//", "artc://u@h/a/s#x?y",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseURL(raw)
		if err != nil {
			return
		}
		if q.Host == "" || q.App == "" || q.Stream == "" || strings.Count(q.Path, "/") != 2 || len(q.Path) > maxPath {
			t.Fatalf("%q gave %+v", raw, q)
		}
		// Where the standard library takes the URL as well, it reads the same.
		if u, err := url.Parse(raw); err == nil && (u.Host != q.Host || u.Path != "/"+q.App+"/"+q.Stream) {
			t.Fatalf("%q gave %+v, and %q %q", raw, q, u.Host, u.Path)
		}
	})
}

func FuzzParseARTC(f *testing.F) {
	files, err := filepath.Glob("testdata/*.request.txt")
	if err != nil || len(files) == 0 {
		f.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		_, body, _ := strings.Cut(string(b), "\r\n\r\n")
		f.Add(body)
	}
	f.Add(`{"push_stream":"artc://h/a/s","pull_streams":[],"jsep":{"type":"offer","sdp":"v=0"}}`)
	f.Add(`{"push_stream":{},"jsep":{"type":"offer","sdp":"v=0"}}`)
	f.Add(`{"pull_streams":[{"url":"artc://h/a/s","amsid":[],"vmsid":""}],"jsep":{"type":"offer","sdp":"v=0"}}`)
	f.Fuzz(func(t *testing.T, body string) {
		o, err := parseARTC(body)
		if err != nil {
			if r := explain(err); r.status != 400 || r.detail == "" {
				t.Fatalf("%v is answered %+v", err, r)
			}
			return
		}
		if o.offer == nil || o.target.Stream == "" || o.publish != (o.wish == wish{}) {
			t.Fatalf("%+v", o)
		}
	})
}

func FuzzSeal(f *testing.F) {
	s := newSeal()
	f.Add("a.b.c", "Sess-_1.2")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, forged, session string) {
		if got, ok := s.read(forged); ok {
			t.Fatalf("%q was taken for %+v", forged, got)
		}
		want := ticket{session, iceTag(forged), forged}
		if got, ok := s.read(s.write(want)); !ok || got != want {
			t.Fatalf("%+v came back as %+v, %v", want, got, ok)
		}
	})
}

// What a client sends as If-Match matches the tag, or it does not: a weak tag
// and a part of one never do.
func FuzzMatches(f *testing.F) {
	for _, c := range []string{`"abc"`, "*", `W/"abc"`, `"a", "abc"`, `"ab`, "", ","} {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, condition string) {
		const tag = `"0123456789abcdef"`
		if matches([]string{condition}, tag) && !strings.Contains(condition, tag) && !strings.Contains(condition, "*") {
			t.Fatalf("%q matches", condition)
		}
		if !matches([]string{condition, tag}, tag) {
			t.Fatal("a second header line is passed over")
		}
	})
}
