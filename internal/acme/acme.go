package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"

	"millrace/internal/catalog"
)

// Protocol is what a certificate authority's check offers as its only
// application protocol (ALPN).
const Protocol = "acme-tls/1"

// lookEvery is how often the catalog is looked through for domains that came or
// went.
const lookEvery = time.Second

// Config is what a Manager works with.
type Config struct {
	Directory string         // the authority's, a URL
	Email     string         // for the authority's account; may be empty
	Roots     *x509.CertPool // whom to trust as the authority's server; nil: as the system does
	Storage   string         // a folder, for the account and the certificates with their keys
	Host      string         // that the node's ports are opened on; "": all
	HTTPPort  int            // as the node opens it, whatever leads to it from port 80
	TLSPort   int            // as the node opens it, whatever leads to it from port 443; 0: there is none
	Snapshot  func() *catalog.Snapshot
	Registry  prometheus.Registerer
	Log       *slog.Logger
}

// Manager holds the certificates. Its methods but Run can be called at any time
// by any goroutine; before and after Run there are none.
type Manager struct {
	config   Config
	obtained *prometheus.CounterVec
	magic    atomic.Pointer[magic]
}

// magic is the library's part, while Run runs.
type magic struct {
	*certmagic.Config
	issuer *certmagic.ACMEIssuer
	cache  *certmagic.Cache
}

// New starts nothing.
func New(c Config) *Manager {
	return &Manager{config: c, obtained: promauto.With(c.Registry).NewCounterVec(prometheus.CounterOpts{
		Name: "millrace_acme_certificates_total", Help: "Certificates asked for by ACME, by result.",
	}, []string{"result"})}
}

// Run gets and renews certificates until ctx is done.
func (m *Manager) Run(ctx context.Context) {
	var config *certmagic.Config
	cache := certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return config, nil },
		Logger:           zap.NewNop(),
	})
	defer cache.Stop()
	config = certmagic.New(cache, certmagic.Config{
		Storage: &certmagic.FileStorage{Path: m.config.Storage}, OnEvent: m.tell, Logger: zap.NewNop(),
	})
	issuer := certmagic.NewACMEIssuer(config, certmagic.ACMEIssuer{
		CA: m.config.Directory, Email: m.config.Email, Agreed: true, TrustedRoots: m.config.Roots,
		ListenHost: m.config.Host, AltHTTPPort: m.config.HTTPPort,
		AltTLSALPNPort: m.config.TLSPort, DisableTLSALPNChallenge: m.config.TLSPort == 0,
		Logger: zap.NewNop(),
	})
	config.Issuers = []certmagic.Issuer{issuer}
	m.magic.Store(&magic{config, issuer, cache})
	defer m.magic.Store(nil)

	asked := map[string]*ask{}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for seen := (*catalog.Snapshot)(nil); ; {
		now := time.Now()
		if s := m.config.Snapshot(); s != seen {
			seen = s
			want := wanted(s)
			for name, a := range asked {
				if !want[name] {
					a.end()
					delete(asked, name)
					cache.RemoveManaged([]certmagic.SubjectIssuer{{Subject: name}})
				}
			}
			for name := range want {
				if asked[name] == nil {
					asked[name] = &ask{end: func() {}}
				}
			}
		}
		m.ask(ctx, config, asked, now)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// ask is a domain that is to have a certificate.
type ask struct {
	end   context.CancelFunc // of the last attempt
	again time.Time          // when there may be another one; zero: at once
	done  bool               // it has one, which the library renews
}

const (
	// mostAsked is how many domains are asked for at a time: each holds one of the
	// library's workers until it has a certificate, and renewals need some, too.
	mostAsked = 100
	// askAgain is how long a domain without a certificate keeps its place. The
	// library tries several times meanwhile.
	askAgain = 6 * time.Hour
)

// ask begins with those domains that have no certificate, as many as there are
// places, and takes the places of those that had theirs for long.
func (m *Manager) ask(ctx context.Context, config *certmagic.Config, asked map[string]*ask, now time.Time) {
	busy := 0
	for name, a := range asked {
		switch {
		case a.done, !now.Before(a.again):
		case m.CertificateOf(name) != nil:
			a.done = true
		default:
			busy++
		}
	}
	for name, a := range asked {
		if busy >= mostAsked {
			return
		}
		if a.done || now.Before(a.again) {
			continue
		}
		a.end()
		one, end := context.WithCancel(ctx)
		a.end, a.again = end, now.Add(askAgain)
		busy++
		if err := config.ManageAsync(one, []string{name}); err != nil {
			m.config.Log.Warn("no certificate by ACME", "domain", name, "err", err)
		}
	}
}

// wanted are the domains that are to have certificates.
func wanted(s *catalog.Snapshot) map[string]bool {
	names := map[string]bool{}
	for d := range s.EachDomain() {
		if d.Certificate == "" && d.Status == catalog.Online && certmagic.SubjectQualifiesForPublicCert(d.Name) {
			names[d.Name] = true
		}
	}
	return names
}

// tell logs and counts what the library reports.
func (m *Manager) tell(_ context.Context, event string, data map[string]any) error {
	switch event {
	case "cert_obtained":
		m.obtained.WithLabelValues("obtained").Inc()
		m.config.Log.Info("certificate by ACME", "domain", data["identifier"], "renewal", data["renewal"])
	case "cert_failed":
		m.obtained.WithLabelValues("failed").Inc()
		m.config.Log.Warn("no certificate by ACME; it will be tried again", "domain", data["identifier"], "renewal", data["renewal"], "err", data["error"])
	}
	return nil
}

// Checks says whether a handshake is the authority's check of a domain, for which
// Certificate alone has the answer.
func Checks(hello *tls.ClientHelloInfo) bool {
	return len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == Protocol
}

// Certificate returns the certificate of the domain that a client names in its
// handshake, or nil where there is none (yet). It waits for nothing.
func (m *Manager) Certificate(hello *tls.ClientHelloInfo) *tls.Certificate {
	at := m.magic.Load()
	if at == nil || hello.ServerName == "" {
		return nil
	}
	c, err := at.GetCertificate(hello)
	if err != nil {
		return nil
	}
	return c
}

// CertificateOf returns the certificate of a domain, or nil where there is none
// (yet).
func (m *Manager) CertificateOf(domain string) *tls.Certificate {
	at := m.magic.Load()
	if at == nil {
		return nil
	}
	for _, c := range at.cache.AllMatchingCertificates(domain) {
		return &c.Certificate
	}
	return nil
}

// Handler answers the authority's checks over HTTP, and has next answer all else.
func (m *Manager) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if at := m.magic.Load(); at != nil && certmagic.LooksLikeHTTPChallenge(r) && at.issuer.HandleHTTPChallenge(w, r) {
			return
		}
		next.ServeHTTP(w, r)
	})
}
