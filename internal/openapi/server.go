package openapi

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"time"

	"millrace/internal/callback"
	"millrace/internal/catalog"
	"millrace/internal/control"
	"millrace/internal/live"
)

// Config is what a Server works with.
type Config struct {
	Catalog *catalog.Catalog
	Streams *control.Room
	// Stats returns the streams of the hub, for what is made of those published.
	Stats func() []live.Stat
	// Deliveries returns the callbacks that f is true for, the newest first.
	Deliveries func(f func(*callback.Delivery) bool) []callback.Delivery
	// Free returns the certificate that a domain without one of its own got by
	// ACME, or nil where it has none yet. It is nil itself where ACME is off.
	Free func(domain string) *tls.Certificate
	// Nonces is where those of requests are kept.
	Nonces catalog.Store
	// Node is this node's address, in lists of streams.
	Node string
	Now  func() time.Time
	Log  *slog.Logger
}

// Server answers requests of the API. Any number of goroutines may use it.
type Server struct {
	catalog    *catalog.Catalog
	streams    *control.Room
	stats      func() []live.Stat
	deliveries func(f func(*callback.Delivery) bool) []callback.Delivery
	free       func(domain string) *tls.Certificate
	node       string
	now        func() time.Time
	log        *slog.Logger
	actions    map[string]*action
	nonces     *nonces
}

// New returns a Server. It reads the nonces that are still good.
func New(ctx context.Context, c Config) (*Server, error) {
	s := &Server{
		catalog: c.Catalog, streams: c.Streams, stats: c.Stats, deliveries: c.Deliveries, free: c.Free, node: c.Node, now: c.Now, log: c.Log,
		actions: map[string]*action{},
	}
	for _, a := range actions() {
		s.actions[a.name] = a
	}
	var err error
	s.nonces, err = openNonces(ctx, c.Nonces, c.Now())
	return s, err
}

// Run writes the nonces of requests to the store, until ctx ends and all are
// written.
func (s *Server) Run(ctx context.Context) { s.nonces.run(ctx, s.now, s.log) }

// action is one row of the table of actions.
type action struct {
	name    string
	changes bool
	run     func(ctx context.Context, s *Server, key caller, a *action, parameters map[string]string) (reply, error)
}

// caller is the access key of who asks.
type caller = *catalog.AccessKey

// reads and changes make rows. P is a struct with tags, see field.
func reads[P any, R reply](name string, f func(*Server, context.Context, caller, P) (R, error)) *action {
	fields := fieldsOf(reflect.TypeFor[P]())
	return &action{name: name, run: func(ctx context.Context, s *Server, key caller, a *action, parameters map[string]string) (reply, error) {
		var p P
		if err := known(name, fields, parameters); err != nil {
			return nil, err
		}
		domains, err := bind(reflect.ValueOf(&p).Elem(), fields, parameters)
		if err != nil {
			return nil, err
		}
		if err := authorise(key, a, domains); err != nil {
			return nil, err
		}
		if a.changes {
			if err := s.remember(ctx); err != nil {
				return nil, err
			}
		}
		return f(s, ctx, key, p)
	}}
}

func changes[P any, R reply](name string, f func(*Server, context.Context, caller, P) (R, error)) *action {
	a := reads(name, f)
	a.changes = true
	return a
}

// Takes says whether a request is one of this API rather than of something else
// at the same address.
func Takes(r *http.Request) bool {
	if r.URL.Path != "/" {
		return false
	}
	return r.Method == http.MethodPost || r.Header.Get("X-Acs-Action") != "" || strings.Contains("&"+r.URL.RawQuery, "&Action=")
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := requestID()
	c, err := read(w, r)
	name := c.word("Action", "X-Acs-Action")
	var out reply
	var by string
	if err == nil {
		out, by, err = s.answer(r.Context(), c, name)
	}
	if err == nil {
		s.log.DebugContext(r.Context(), "api", "action", name, "key", by, "request", id)
		out.stamp(id)
		write(w, c.wantsJSON(), http.StatusOK, name+"Response", out)
		return
	}
	e := explain(err)
	if e.Status == http.StatusInternalServerError || errors.Is(err, catalog.ErrStore) {
		s.log.ErrorContext(r.Context(), "api", "action", quote(name), "key", by, "request", id, "err", err)
	} else {
		s.log.InfoContext(r.Context(), "api refused", "action", quote(name), "key", by, "peer", r.RemoteAddr, "request", id, "code", e.Code)
	}
	write(w, c.wantsJSON(), e.Status, "Error", &failure{answer{id}, r.Host, e.Code, e.Message})
}

func (s *Server) answer(ctx context.Context, c *call, name string) (out reply, by string, err error) {
	if name == "" {
		return nil, "", missing("Action")
	}
	key, err := s.authenticate(c)
	if err != nil {
		return nil, "", err
	}
	a := s.actions[name]
	if a == nil {
		return nil, key.ID, &Error{http.StatusNotFound, "InvalidAction.NotFound", "Specified action " + quote(name) + " is not found."}
	}
	out, err = a.run(ctx, s, key, a, c.all)
	return out, key.ID, err
}

// requestID is a random UUID in upper case.
func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := strings.ToUpper(hex.EncodeToString(b[:]))
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
