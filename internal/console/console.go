package console

import (
	"embed"
	"encoding/json"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

//go:embed dist
var built embed.FS

// Config is what the pages are told.
type Config struct {
	// Demo says what there is to play, for a request: it may look at its Host.
	// It is called for each GET /demo.json.
	Demo func(r *http.Request) Demo
}

// Patterns are the routes that Handler answers, for http.ServeMux. They do not
// collide with routes of the form "GET /{app}/{stream}".
func Patterns() []string {
	return []string{"GET /{$}", "GET /publish", "GET /calibrate", "GET /assets/{file}", "GET /demo.json", "GET /clock"}
}

// Handler serves the pages. It starts nothing and may be shared.
func Handler(c Config) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", page("index.html"))
	mux.HandleFunc("GET /publish", page("publish.html"))
	mux.HandleFunc("GET /calibrate", page("calibrate.html"))
	mux.HandleFunc("GET /assets/{file}", asset)
	mux.HandleFunc("GET /demo.json", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, c.Demo(r))
	})
	mux.HandleFunc("GET /clock", clock)
	return secure(mux)
}

// policy lets the pages load what this server gives, and nothing else.
// MediaSource plays from blob: URLs; the browser draws the icon by itself.
var policy = strings.Join([]string{
	"default-src 'self'", "media-src 'self' blob:", "object-src 'none'",
	"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
}, "; ")

func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// page serves an HTML page, which names its assets: it is asked for anew.
func page(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { write(w, name, "no-cache") }
}

// asset serves a file whose name changes with its content.
func asset(w http.ResponseWriter, r *http.Request) {
	write(w, "assets/"+r.PathValue("file"), "public, max-age=31536000, immutable")
}

func write(w http.ResponseWriter, name, caching string) {
	b, err := fs.ReadFile(built, path.Join("dist", name))
	if err != nil || !fs.ValidPath(name) {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", contentType(name))
	h.Set("Content-Length", strconv.Itoa(len(b)))
	h.Set("Cache-Control", caching)
	_, _ = w.Write(b) // the client has gone
}

// contentType does not ask the machine's own tables for what matters.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// clock answers with the time as late as possible: half of what the client
// waited is how far it may be off.
func clock(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, struct {
		Millis float64 `json:"ms"`
	}{float64(time.Now().UnixMicro()) / 1000})
}

func writeJSON(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(b) // the client has gone
}
