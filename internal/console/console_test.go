package console

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

func serve(t *testing.T) http.Handler {
	t.Helper()
	return Handler(Config{Demo: func(r *http.Request) Demo {
		return Demo{On: true, App: "live", Stream: "demo", LoopMillis: 8000, ARTCURL: "artc://" + r.Host + "/live/demo"}
	}})
}

func get(h http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

func TestPages(t *testing.T) {
	h := serve(t)
	for target, title := range map[string]string{"/": "Try RTS", "/publish": "Publish", "/calibrate": "Time calibrator"} {
		w := get(h, "GET", target)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "<title>"+title) {
			t.Errorf("%s: %d %q", target, w.Code, w.Body)
		}
		if ct := w.Header().Get("Content-Type"); ct != "text/html; charset=utf-8" {
			t.Errorf("%s: Content-Type %q", target, ct)
		}
		if cc := w.Header().Get("Cache-Control"); cc != "no-cache" {
			t.Errorf("%s: Cache-Control %q", target, cc)
		}
		csp := w.Header().Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'self';") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: Content-Security-Policy %q", target, csp)
		}
	}
}

var reference = regexp.MustCompile(`(?:src|href)="([^"]+)"`)

// Every file that a page names is served, with its type, for ever; and no page
// names anything outside this server or has a script inside.
func TestPagesFindTheirAssets(t *testing.T) {
	h := serve(t)
	types := map[string]string{
		".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
	}
	for _, target := range []string{"/", "/publish", "/calibrate"} {
		body := get(h, "GET", target).Body.String()
		if strings.Contains(body, "<style") || regexp.MustCompile(`<script[^>]*>[^<]`).MatchString(body) {
			t.Errorf("%s has an inline script or style", target)
		}
		found := reference.FindAllStringSubmatch(body, -1)
		if len(found) < 3 {
			t.Fatalf("%s names %v", target, found)
		}
		for _, m := range found {
			name := m[1]
			w := get(h, "GET", name)
			if w.Code != http.StatusOK || w.Body.Len() == 0 {
				t.Errorf("%s names %s: %d", target, name, w.Code)
			}
			if got, want := w.Header().Get("Content-Type"), types[name[strings.LastIndex(name, "."):]]; got != want {
				t.Errorf("%s: Content-Type %q, want %q", name, got, want)
			}
			if cc := w.Header().Get("Cache-Control"); !strings.Contains(cc, "immutable") {
				t.Errorf("%s: Cache-Control %q", name, cc)
			}
		}
	}
}

// Assets are named by their content, so that they may be kept for ever.
func TestAssetsAreHashed(t *testing.T) {
	entries, err := fs.ReadDir(built, "dist/assets")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !regexp.MustCompile(`-[A-Za-z0-9_-]{8}\.(js|css|svg)$`).MatchString(e.Name()) {
			t.Errorf("%s has no hash", e.Name())
		}
	}
}

func TestDemo(t *testing.T) {
	w := get(serve(t), "GET", "http://play.example/demo.json")
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for k, want := range map[string]any{
		"demo": true, "app": "live", "stream": "demo", "loop_ms": 8000.0, "artcURL": "artc://play.example/live/demo",
	} {
		if got[k] != want {
			t.Errorf("%s is %v, want %v", k, got[k], want)
		}
	}
	if _, ok := got["hlsURL"]; ok {
		t.Error("an empty hlsURL is told")
	}
	if ct, cc := w.Header().Get("Content-Type"), w.Header().Get("Cache-Control"); ct != "application/json" || cc != "no-store" {
		t.Errorf("Content-Type %q, Cache-Control %q", ct, cc)
	}
}

func TestClock(t *testing.T) {
	before := time.Now()
	w := get(serve(t), "GET", "/clock")
	after := time.Now()
	var got struct{ Ms float64 }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	at := time.UnixMicro(int64(got.Ms * 1000))
	if at.Before(before.Add(-time.Millisecond)) || at.After(after.Add(time.Millisecond)) {
		t.Errorf("%v is not between %v and %v", at, before, after)
	}
	if cc := w.Header().Get("Cache-Control"); cc != "no-store" {
		t.Errorf("Cache-Control %q", cc)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	h := serve(t)
	for _, target := range []string{
		"/assets/", "/assets/nothing.js", "/assets/..%2findex.html", "/assets/%2e%2e%2f%2e%2e%2fconsole.go",
		"/index.html", "/dist/index.html", "/calibrate/", "/live/demo.flv",
	} {
		if w := get(h, "GET", target); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
	if w := get(h, "POST", "/demo.json"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
	if w := get(h, "HEAD", "/"); w.Code != http.StatusOK {
		t.Errorf("HEAD: %d", w.Code)
	}
}

// The routes live beside the server's own.
func TestPatternsDoNotCollide(t *testing.T) {
	mux := http.NewServeMux()
	other := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for _, p := range []string{"GET /{app}/{stream}", "POST /{app}/{stream}", "POST /whep/{app}/{stream}", "OPTIONS /"} {
		mux.Handle(p, other)
	}
	h := serve(t)
	for _, p := range Patterns() {
		mux.Handle(p, h)
	}
	for target, want := range map[string]int{
		"/": 200, "/publish": 200, "/calibrate": 200, "/clock": 200, "/demo.json": 200, "/assets/none.js": 404, "/live/demo.flv": 418,
	} {
		if w := get(mux, "GET", target); w.Code != want {
			t.Errorf("%s: %d, want %d", target, w.Code, want)
		}
	}
}
