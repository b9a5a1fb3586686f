package node

import (
	"net"
	"net/http"
	"strconv"

	"millrace/internal/catalog"
)

const allowOrigin = "Access-Control-Allow-Origin"

// domainRules does what a domain wants of HTTP, whatever is asked: its response
// headers, which the answers' own ones go before, and redirections to the other
// scheme. Where the domain does not say which pages may read its answers, none of
// another origin may; of hosts that are no domain, all may read the refusal.
func (n *node) domainRules(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := n.catalog.Snapshot()
		d := s.Find(r.Host, catalog.Streaming)
		if d == nil {
			d = s.Find(r.Host, catalog.Ingest)
		}
		if d == nil {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h[allowOrigin] = nil
		for key, values := range d.Header {
			h[key] = values
		}
		if to := n.elsewhere(d, r); to != "" {
			http.Redirect(w, r, to, redirectStatus(r.Method))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// elsewhere is where a request is to be sent to for the sake of the scheme, or "".
// Preflights are answered here: browsers follow no redirection of them.
func (n *node) elsewhere(d *catalog.Domain, r *http.Request) string {
	scheme, listener, usual := d.Redirect, n.open.http, 80
	switch {
	case scheme == "" || r.Method == http.MethodOptions:
		return ""
	case scheme == "https":
		listener, usual = n.open.https, 443
	}
	if listener == nil || (r.TLS != nil) == (scheme == "https") {
		return ""
	}
	host := inURL(r.Host)
	if at := port(listener); at != usual {
		host = net.JoinHostPort(catalog.BareHost(r.Host), strconv.Itoa(at))
	}
	return scheme + "://" + host + r.URL.RequestURI()
}

// redirectStatus keeps the method of requests that bring something.
func redirectStatus(method string) int {
	if method == http.MethodGet || method == http.MethodHead {
		return http.StatusFound
	}
	return http.StatusTemporaryRedirect
}
