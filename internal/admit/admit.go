package admit

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/reason"
)

// Admit decides who may publish and who may play. The half-second mode converts
// nothing, so that only what WebRTC brings goes in and only WebRTC comes out. It holds no state of its own;
// any number of goroutines may use it.
type Admit struct {
	snapshot func() *catalog.Snapshot
	hub      *live.Hub
	now      func() time.Time
	log      *slog.Logger
	// witnesses are told of publishers.
	witnesses []Witness
	gate      Gate // nil: none
}

// Gate bounds how many streams are published to an ingest domain. It may not
// block.
type Gate interface {
	// Enter takes a place, or fails with a *catalog.Denied. The gate itself, as a
	// witness, sees the end of a publisher that comes to be.
	Enter(domain, app, stream string) error
	// Leave gives back the place of one that does not.
	Leave(domain, app, stream string)
}

// Bound has g, which is one of the witnesses, bound publishers. It must be called
// before a is in use.
func (a *Admit) Bound(g Gate) { a.gate = g }

// Witness is told of each publisher that was admitted, to an ingest domain. It
// may not block; the publisher's Done says when it is over.
type Witness interface {
	Published(p *live.Publisher, domain *catalog.Domain, q catalog.Request)
}

// New returns an Admit that reads the catalog by snapshot, once per request,
// and the time by now.
func New(snapshot func() *catalog.Snapshot, hub *live.Hub, now func() time.Time, log *slog.Logger, witnesses ...Witness) *Admit {
	return &Admit{snapshot: snapshot, hub: hub, now: now, log: log, witnesses: witnesses}
}

// Publish admits a publisher. Where the name is held by one that shows no sign
// of life it blocks, as long as ctx lets it and for about two seconds at most,
// until that one may be replaced. The error is a *catalog.Denied, or wraps one
// of the errors of live.
func (a *Admit) Publish(ctx context.Context, q catalog.Request) (*live.Publisher, error) {
	snapshot := a.snapshot()
	domain, err := a.enter(snapshot, q, catalog.Ingest)
	if err != nil {
		return nil, err
	}
	main := snapshot.Domain(domain.Main)
	if main == nil {
		return nil, denied(reason.UnknownDomain, "ingest domain %q is associated with no streaming domain", domain.Name)
	}
	if err := checkMode(main.Mode, q.Protocol, "publish"); err != nil {
		return nil, err
	}
	if err := a.checkBlocked(domain, q); err != nil {
		return nil, err
	}
	name := live.Name{Domain: main.Name, App: q.App, Stream: q.Stream}
	p, err := a.publish(ctx, domain.Name, name, q)
	if err != nil {
		return nil, err
	}
	for _, w := range a.witnesses {
		w.Published(p, domain, q)
	}
	// Who was forbidden after the first look may have been missed by whoever
	// cuts those that publish.
	if err := a.checkBlocked(domain, q); err != nil {
		p.Forbid()
		return nil, err
	}
	a.admitted(ctx, "publisher", name, q)
	return p, nil
}

// publish has the hub make a publisher, if there is a place for one.
func (a *Admit) publish(ctx context.Context, domain string, n live.Name, q catalog.Request) (*live.Publisher, error) {
	if a.gate != nil {
		if err := a.gate.Enter(domain, n.App, n.Stream); err != nil {
			return nil, err
		}
	}
	p, err := a.hub.AwaitPublish(ctx, n, string(q.Protocol), q.RemoteAddr)
	if err == nil {
		return p, nil
	}
	if a.gate != nil {
		a.gate.Leave(domain, n.App, n.Stream)
	}
	return nil, fmt.Errorf("admit publisher: %w", err)
}

func (a *Admit) checkBlocked(d *catalog.Domain, q catalog.Request) error {
	if b := a.snapshot().Blocked(d.Name, q.App, q.Stream, a.now()); b != nil {
		return denied(reason.Forbidden, "this stream is forbidden until %s", b.Until.UTC().Format(time.RFC3339))
	}
	return nil
}

// Play admits a reader of a stream, in the given variant, and says in which
// latency mode it is to be served. It blocks, as long as ctx lets it, while the
// stream is being started. The error is a *catalog.Denied, or wraps one of the
// errors of live or of ctx.
func (a *Admit) Play(ctx context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error) {
	domain, err := a.enter(a.snapshot(), q, catalog.Streaming)
	if err != nil {
		return nil, "", err
	}
	mode := domain.Mode
	if err := checkMode(mode, q.Protocol, "play"); err != nil {
		return nil, "", err
	}
	tracks, _ := tracksOf(q.Track)
	name := live.Name{Domain: domain.Main, App: q.App, Stream: q.Stream, Track: tracks, Variant: variant}
	r, err := a.hub.Subscribe(ctx, name)
	if err != nil {
		return nil, "", fmt.Errorf("admit reader: %w", err)
	}
	a.admitted(ctx, "reader", name, q)
	return r, mode, nil
}

// enter makes the checks that publishers and readers have in common: first what
// costs nothing, last the signature.
func (a *Admit) enter(s *catalog.Snapshot, q catalog.Request, role catalog.Role) (*catalog.Domain, error) {
	if err := checkNames(q); err != nil {
		return nil, err
	}
	domain := s.Find(q.Host, role)
	if domain == nil {
		return nil, denied(reason.UnknownDomain, "%s is no %s domain here", quote(q.Host), string(role))
	}
	if err := checkAccess(domain, q); err != nil {
		return nil, err
	}
	if !domain.Auth.Enabled {
		return domain, nil
	}
	if err := domain.Auth.Verify(&q, a.now()); err != nil {
		return nil, &catalog.Denied{Reason: reason.Auth, Detail: err.Error()}
	}
	return domain, nil
}

func (a *Admit) admitted(ctx context.Context, who string, name live.Name, q catalog.Request) {
	a.log.DebugContext(ctx, "admitted", "role", who, "stream", name.String(), "proto", string(q.Protocol), "peer", q.RemoteAddr)
}

func denied(why reason.Reason, format string, args ...any) error {
	return &catalog.Denied{Reason: why, Detail: fmt.Sprintf(format, args...)}
}
