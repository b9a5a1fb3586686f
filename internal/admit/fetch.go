package admit

import (
	"time"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/reason"
)

// Fetch admits that a stream comes from another server. The error is a
// *catalog.Denied.
func (a *Admit) Fetch(n live.Name) error {
	_, err := a.fetch(n)
	return err
}

// Fetched tells the witnesses of the publisher of a stream that Fetch admitted,
// and that comes by protocol from the server remote. It counts as published to
// the first ingest domain of its streaming domain, by name, or where there is none
// to that itself. It is kicked where it has been forbidden meanwhile.
func (a *Admit) Fetched(p *live.Publisher, protocol catalog.Protocol, remote string) {
	n := p.Name()
	domain, err := a.fetch(n)
	if err == nil {
		q := catalog.Request{
			Protocol: protocol, Host: domain.Name, App: n.App, Stream: n.Stream, Path: "/" + n.App + "/" + n.Stream,
			RemoteAddr: remote, Pulled: true,
		}
		for _, w := range a.witnesses {
			w.Published(p, domain, q)
		}
		err = a.Fetch(n)
	}
	if err != nil {
		p.Forbid()
	}
}

// fetch is Fetch. It returns the domain that the stream counts as published to.
func (a *Admit) fetch(n live.Name) (*catalog.Domain, error) {
	snapshot := a.snapshot()
	domain := snapshot.Domain(n.Domain)
	switch {
	case domain == nil || domain.Role != catalog.Streaming:
		return nil, denied(reason.UnknownDomain, "%s is no streaming domain here", quote(n.Domain))
	case domain.Status == catalog.Offline:
		return nil, denied(reason.DomainOffline, "domain %s is offline", domain.Name)
	case domain.Mode == catalog.HalfSecond:
		return nil, denied(reason.Mode, "this domain is in half-second mode: its streams come by WHIP or ARTC, not from an origin")
	}
	to := domain
	for _, d := range snapshot.Of(domain.Name) {
		if b := snapshot.Blocked(d.Name, n.App, n.Stream, a.now()); b != nil {
			return nil, denied(reason.Forbidden, "this stream is forbidden until %s", b.Until.UTC().Format(time.RFC3339))
		}
		if d.Role == catalog.Ingest && (to == domain || d.Default) {
			to = d
		}
	}
	return to, nil
}
