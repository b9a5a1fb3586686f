package httplive

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"millrace/internal/catalog"
)

func FuzzParseWish(f *testing.F) {
	for _, uri := range []string{
		"/live/demo.flv?auth_key=1-0-0-a", "/li%76e/d%65mo.flv", "http://h/live/demo.flv?rts_degrade=on", "/a/b/c.flv", "//.flv", "/a/%zz.flv", "*", "",
		"/a/b.flv?auth_key&auth_key=%%&=",
	} {
		f.Add(uri, "keep-alive, Upgrade", "websocket")
	}
	f.Fuzz(func(t *testing.T, uri, connection, upgrade string) {
		u, err := url.ParseRequestURI(uri)
		if err != nil {
			return // net/http refuses it
		}
		r := &http.Request{RequestURI: uri, URL: u, Header: http.Header{"Connection": {connection}, "Upgrade": {upgrade}}}
		w, err := parseWish(r)
		if len(w.App) > maxName || len(w.Stream) > maxName {
			t.Fatalf("names of %d and %d bytes", len(w.App), len(w.Stream))
		}
		var denied *catalog.Denied
		if err != nil {
			if !errors.As(err, &denied) {
				t.Fatalf("%v is no refusal", err)
			}
			return
		}
		if w.App == "" || w.Stream == "" || !strings.HasPrefix(w.Path, "/") || !strings.HasSuffix(w.Path, extension) {
			t.Fatalf("%q became %+v", uri, w)
		}
		if strings.Contains(w.AuthKey, "&") || w.Degraded && !strings.Contains(r.URL.RawQuery, "rts_degrade=on") {
			t.Fatalf("%q became %+v", uri, w)
		}
	})
}

// Pages that play over WebSocket are told by their origin, all others by the
// referer alone.
func TestOriginOfWebSockets(t *testing.T) {
	for _, c := range []struct{ upgrade, referer, want string }{
		{"websocket", "", "https://page.test"},
		{"websocket", "https://other.test/", "https://other.test/"},
		{"h2c", "", ""},
	} {
		h := http.Header{"Connection": {"Upgrade"}, "Upgrade": {c.upgrade}, "Origin": {"https://page.test"}}
		if c.referer != "" {
			h.Set("Referer", c.referer)
		}
		w, err := parseWish(&http.Request{RequestURI: "/live/demo.flv", URL: &url.URL{Path: "/live/demo.flv"}, Header: h})
		if err != nil || w.Referer != c.want {
			t.Errorf("%+v: referer %q, %v", c, w.Referer, err)
		}
	}
}
