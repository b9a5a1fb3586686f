package node

import (
	"net/http"
	"strings"
	"testing"

	"millrace/internal/catalog"
	"millrace/internal/config"
)

// set changes a default domain of the running node.
func (r *running) set(t *testing.T, name string, functions ...catalog.Function) {
	t.Helper()
	if err := r.catalog.SetFunctions(t.Context(), "test", []string{name}, functions); err != nil {
		t.Fatal(err)
	}
}

func function(name string, args ...string) catalog.Function {
	f := catalog.Function{Name: name, Args: map[string]string{}}
	for i := 0; i+1 < len(args); i += 2 {
		f.Args[args[i]] = args[i+1]
	}
	return f
}

// A rule holds for the next request, and leaves alone who plays.
func TestRulesChangeWhileASessionRuns(t *testing.T) {
	n := serveNode(t, nil)
	ffmpeg(t, n.links(t, "ruled").Publish.RTMP)
	n.live(t, "ruled")
	urls := n.links(t, "ruled").Play
	res, err := http.Get(urls.FLV) //nolint:noctx // closed below
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	goesOn := func() {
		t.Helper()
		var some [4 << 10]byte
		for range 4 {
			if _, err := res.Body.Read(some[:]); err != nil {
				t.Fatalf("the session has ended: %v", err)
			}
		}
	}
	goesOn()
	for _, c := range []struct {
		f      catalog.Function
		reason string
	}{
		{function(catalog.FuncProhibit, "protocols", "flv"), "prohibited"},
		{function(catalog.FuncIPBlack, "ip_list", "127.0.0.0/8"), "address"},
		{function(catalog.FuncRefererWhite, "refer_domain_allow_list", "good.test", "allow_empty", "off"), "referer"},
		{catalog.Signed("anotherkey", "", catalog.DefaultValidity), "auth"},
		{catalog.RTS(catalog.HalfSecond), "mode"},
	} {
		before := n.catalog.Snapshot().Domain("play.localhost").Functions
		n.set(t, "play.localhost", c.f)
		answer, body := ask(t, http.MethodGet, urls.FLV, "", "")
		if answer.StatusCode != http.StatusForbidden || !strings.Contains(body, `"`+c.reason+`"`) {
			t.Errorf("%s: %s %s", c.f.Name, answer.Status, body)
		}
		goesOn()
		err := n.catalog.ChangeDomain(t.Context(), "test", "play.localhost", func(d *catalog.Domain) error {
			d.Functions = before
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err = n.catalog.ChangeDomain(t.Context(), "test", "play.localhost", func(d *catalog.Domain) error {
		d.Status = catalog.Offline
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if answer, body := ask(t, http.MethodGet, urls.FLV, "", ""); answer.StatusCode != http.StatusForbidden || !strings.Contains(body, "domain_offline") {
		t.Errorf("offline: %s %s", answer.Status, body)
	}
	goesOn()
}

func TestResponseHeaders(t *testing.T) {
	n := serveNode(t, nil)
	err := n.catalog.AddDomain(t.Context(), "test", catalog.Domain{Name: "own.test", Role: catalog.Streaming})
	if err != nil {
		t.Fatal(err)
	}
	origin := func(host string) (string, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.url("/live/none.flv"), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.Header.Get(allowOrigin), res.Header.Get("X-Own")
	}
	for host, want := range map[string]string{"localhost": "*", "own.test": "", "none.test": "*"} {
		if got, _ := origin(host); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
	n.set(t, "own.test", catalog.Header(allowOrigin, "https://a.test"), catalog.Header("x-own", "yes"))
	if got, own := origin("own.test"); got != "https://a.test" || own != "yes" {
		t.Errorf("got %q, %q", got, own)
	}
	n.set(t, "own.test", catalog.Header("X-Own", "null"))
	if _, own := origin("own.test"); own != "" {
		t.Errorf("deleted, but got %q", own)
	}
}

func TestRedirectToHTTPS(t *testing.T) {
	n := serveNode(t, func(c *config.Config) { c.HTTPSAddr = "127.0.0.1:0" })
	n.set(t, "play.localhost", function(catalog.FuncForceHTTPS, "enable", "on"))
	for method, status := range map[string]int{http.MethodGet: http.StatusFound, http.MethodPost: http.StatusTemporaryRedirect} {
		req, err := http.NewRequestWithContext(t.Context(), method, n.url("/live/x.flv?a=b"), nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		to := res.Header.Get("Location")
		if res.StatusCode != status || !strings.HasPrefix(to, "https://127.0.0.1:") || !strings.HasSuffix(to, "/live/x.flv?a=b") {
			t.Errorf("%s: %s to %q", method, res.Status, to)
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections() //nolint:errcheck,forcetypeassert // it is one
}
