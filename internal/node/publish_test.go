package node

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Keys to publish are for who sits at the machine.
func TestWhoMayPublishFromThePage(t *testing.T) {
	n := serveNode(t, nil)
	offer := captured(t, "whip-n-M.sdp")
	for _, c := range []struct {
		name, peer, host, header string
		given                    bool
	}{
		{"here", "127.0.0.1:5000", "localhost:8080", "", true},
		{"here, by address", "127.0.0.1:5000", "127.0.0.1:8080", "", true},
		{"here, IPv6", "[::1]:5000", "[::1]:8080", "", true},
		{"here, mapped", "[::ffff:127.0.0.1]:5000", "LOCALHOST", "", true},
		{"another machine", "192.0.2.7:5000", "localhost:8080", "", false},
		{"by this machine's own address", "127.0.0.1:5000", "192.0.2.1:8080", "", false},
		{"a name that was pointed here", "127.0.0.1:5000", "evil.test:8080", "", false},
		{"a streaming domain", "127.0.0.1:5000", "play.localhost:8080", "", false},
		{"through a proxy", "127.0.0.1:5000", "localhost:8080", "X-Forwarded-For", false},
		{"through a modern proxy", "127.0.0.1:5000", "localhost:8080", "Forwarded", false},
		{"no address", "", "localhost:8080", "", false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/demo.json?app=live&stream=try.1", nil)
		r.RemoteAddr, r.Host = c.peer, c.host
		if c.header != "" {
			r.Header.Set(c.header, "192.0.2.7")
		}
		d := n.console().Demo(r)
		if (d.Publish != nil) != c.given {
			t.Errorf("%s: %+v", c.name, d.Publish)
		}
		if d.Publish == nil {
			continue
		}
		p := d.Publish
		if p.App != "live" || p.Stream != "try.1" || !strings.HasPrefix(p.ARTC, "artc://"+c.host+"/live/try.1?auth_key=") || !strings.HasPrefix(p.Play.ARTC, "artc://"+c.host+"/live/try.1?auth_key=") {
			t.Errorf("%s: %+v", c.name, p)
		}
		// What the page is given works.
		res, body := ask(t, http.MethodPost, n.url(p.WHIP), "application/sdp", offer)
		if res.StatusCode != http.StatusCreated {
			t.Fatalf("%s: %s: %s", c.name, res.Status, body)
		}
		if res, body := ask(t, http.MethodDelete, n.url(res.Header.Get("Location")), "", ""); res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s: %s", c.name, res.Status, body)
		}
		for _, play := range []string{p.Play.FLV, p.Play.WHEP} {
			if strings.HasPrefix(play, "http") || !strings.Contains(play, "/live/try.1") {
				t.Errorf("%s: %q is no path", c.name, play)
			}
		}
		if res, _ := ask(t, http.MethodGet, n.url(p.Play.FLV), "", ""); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: FLV %s", c.name, res.Status)
		}
	}
	for name, proxy := range map[string]func(*http.Request){
		"HTTP/1.0":         func(r *http.Request) { r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.0", 1, 0 },
		"closes each time": func(r *http.Request) { r.Close = true },
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/demo.json", nil)
		r.RemoteAddr, r.Host = "127.0.0.1:5000", "127.0.0.1:8080"
		if proxy(r); n.console().Demo(r).Publish != nil {
			t.Errorf("a proxy of %s gets keys", name)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/demo.json?stream=a%20b", nil)
	r.RemoteAddr, r.Host = "127.0.0.1:5000", "localhost"
	if d := n.console().Demo(r); d.Publish != nil {
		t.Errorf("a name that is none: %+v", d.Publish)
	}
}
