package node

import (
	"crypto/subtle"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"millrace/internal/console"
	"millrace/internal/datadir"
	"millrace/internal/openapi"
)

// webServer is one HTTP server and what it listens on.
type webServer struct {
	server   *http.Server
	listener net.Listener
}

func (w webServer) serve() error {
	if err := w.server.Serve(w.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// webServers makes the servers of the live ports and of the admin port.
func (n *node) webServers() []webServer {
	public := n.liveMux()
	all := []webServer{
		{n.httpServer(public), n.open.http},
		{n.httpServer(adminMux(n)), n.open.admin},
	}
	all[1].server.MaxHeaderBytes = apiHeaderBytes
	if n.open.https != nil {
		all = append(all, webServer{n.httpServer(public), n.open.https})
	}
	return all
}

const (
	// bodyTimeout bounds the reading of a request's body.
	bodyTimeout = 5 * time.Second
	// answerTimeout bounds the writing of an answer that is no stream.
	answerTimeout = 30 * time.Second
	// apiHeaderBytes is room for certificates in a URL: API clients put all
	// parameters there.
	apiHeaderBytes = 128 << 10
)

// httpServer bounds what a client may take before it has said what it wants.
// It sets no ReadTimeout and no WriteTimeout: those would end every stream
// played over HTTP after as long.
func (n *node) httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: bodiesInTime(h), ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(n.log.Handler(), slog.LevelDebug),
	}
}

// bodiesInTime gives up a request whose announced body does not come: net/http
// waits for it before it lets go of the connection, read or not.
func bodiesInTime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
		}
		next.ServeHTTP(w, r)
	})
}

// answersInTime gives up a client that does not take its answer. Streams set
// deadlines of their own, with each write.
func answersInTime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout))
		next.ServeHTTP(w, r)
	})
}

// liveMux routes the live port.
func (n *node) liveMux() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/whep/{app}/{stream}", n.signal.ServeWHEP)
	mux.HandleFunc("/whep/{app}/{stream}/{session}", n.signal.ServeWHEP)
	mux.HandleFunc("/whip/{app}/{stream}", n.signal.ServeWHIP)
	mux.HandleFunc("/whip/{app}/{stream}/{session}", n.signal.ServeWHIP)
	mux.HandleFunc("/{app}/{stream}", func(w http.ResponseWriter, r *http.Request) {
		flv, hls := strings.HasSuffix(r.URL.Path, ".flv"), strings.HasSuffix(r.URL.Path, ".m3u8")
		switch {
		case r.Method == http.MethodPost || r.Method == http.MethodOptions && !flv && !hls:
			n.signal.ServeARTC(w, r)
		case flv:
			n.flv.ServeFLV(w, r)
		case hls:
			n.hls.ServeMultivariant(w, r)
		default:
			n.signal.ServeARTC(w, r) // refuses in its own words
		}
	})
	mux.HandleFunc("/{app}/{stream}/{playlist}", n.hls.ServePlaylist)
	mux.HandleFunc("/{app}/{stream}/{run}/{file}", n.hls.ServeFile)
	page := n.page()
	for _, p := range console.Patterns() {
		mux.Handle(p, page)
	}
	// What has no route is told so to pages of any origin, too.
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if _, decided := w.Header()[allowOrigin]; !decided {
			w.Header().Set(allowOrigin, "*")
		}
		http.NotFound(w, r)
	})
	return answersInTime(n.acmeChecks(n.domainRules(mux)))
}

// adminMux routes the admin port. Whether the node is well may be asked by
// anybody who reaches the port; requests of the API are signed with an access
// key; all else wants the installation's token, as a bearer token or as the
// password of any user.
func adminMux(n *node) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	inside := http.NewServeMux()
	inside.Handle("GET /metrics", promhttp.HandlerFor(n.registry, promhttp.HandlerOpts{}))
	inside.HandleFunc("GET "+datadir.CatalogPath, n.exportCatalog)
	inside.HandleFunc("GET /api/audit", n.audit)
	inside.HandleFunc("PUT "+datadir.CatalogPath, n.importCatalog)
	inside.HandleFunc("GET /debug/pprof/", pprof.Index)
	inside.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	inside.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	inside.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	inside.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	pages := console.AdminHandler(console.AdminConfig{Viewers: n.viewers})
	for _, p := range console.AdminPatterns() {
		inside.Handle(p, pages)
	}
	lock, api := locked(n.token, inside), answersInTime(n.api)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if openapi.Takes(r) {
			api.ServeHTTP(w, r)
			return
		}
		lock.ServeHTTP(w, r)
	})
	return mux
}

// locked lets in who knows the token.
func locked(token string, inside http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, given, basic := r.BasicAuth()
		if !basic {
			given = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		}
		if subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="millrace"`)
			http.Error(w, "the admin token is in the file admin-token of the data directory", http.StatusUnauthorized)
			return
		}
		inside.ServeHTTP(w, r)
	})
}
