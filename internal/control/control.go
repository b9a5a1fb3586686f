package control

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/journal"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

const (
	// historyLife and historyMost bound the history of publications.
	historyLife = 90 * 24 * time.Hour
	historyMost = 50_000
	// actionsLife and actionsMost bound the history of what was done to streams.
	actionsLife = 7 * 24 * time.Hour
	actionsMost = 10_000
	// lookEvery is how often a changed catalog is looked through for publishers
	// that are forbidden now.
	lookEvery = 500 * time.Millisecond
)

// Publication is one publisher's time.
type Publication struct {
	Domain   string `json:"domain"` // of ingest
	Main     string `json:"main"`   // the streaming domain
	App      string `json:"app"`
	Stream   string `json:"stream"`
	Protocol string `json:"protocol"`
	Client   string `json:"client"` // address with port
	Query    string `json:"query,omitempty"`
	// Pulled says that the stream was fetched from another server; Client is
	// then that one's address, or its URL.
	Pulled bool          `json:"pulled,omitempty"`
	Began  time.Time     `json:"began"`
	Ended  time.Time     `json:"ended,omitzero"`
	Reason reason.Reason `json:"reason,omitempty"`
}

// Online is a publisher of this moment. Tracks are nil while they are not known.
type Online struct {
	Publication
	Video, Audio         *media.Track
	VideoRate, AudioRate live.Rate
}

// Action is something done to a stream.
type Action struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Word   string    `json:"action"` // forbid, resume or kick
	Domain string    `json:"domain"`
	App    string    `json:"app"`
	Stream string    `json:"stream"`
	Client string    `json:"client,omitempty"`
}

// Config is what a Room works with.
type Config struct {
	Snapshot func() *catalog.Snapshot
	// History and Actions are where those lists are kept.
	History, Actions catalog.Store
	// Most is how many streams may be published to one ingest domain at once; 0:
	// any number.
	Most int
	Now  func() time.Time
	Log  *slog.Logger
}

// Room is the list of publishers.
type Room struct {
	config  Config
	history *journal.Journal[Publication]
	actions *journal.Journal[Action]
	stop    chan struct{} // closed when Run ends
	watches sync.WaitGroup

	mu     sync.Mutex
	closed bool
	online map[*live.Publisher]Publication
	places places
}

// New opens the histories. Publications whose end nobody has seen, because the
// node died, end now.
func New(ctx context.Context, c Config) (*Room, error) {
	r := &Room{config: c, stop: make(chan struct{}), online: map[*live.Publisher]Publication{}, places: places{}}
	var err error
	r.history, err = journal.Open[Publication](ctx, c.History, journal.Options{Life: historyLife, Most: historyMost, Now: c.Now, Log: c.Log})
	if err == nil {
		r.actions, err = journal.Open[Action](ctx, c.Actions, journal.Options{Life: actionsLife, Most: actionsMost, Now: c.Now, Log: c.Log})
	}
	if err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	for _, k := range r.history.All(func(p *Publication) bool { return p.Ended.IsZero() }) {
		r.history.Change(k.ID, func(p *Publication) { p.Ended, p.Reason = c.Now().UTC(), reason.Shutdown })
	}
	return r, nil
}

// Published implements admit.Witness.
func (r *Room) Published(p *live.Publisher, domain *catalog.Domain, q catalog.Request) {
	ended := func() { r.Leave(domain.Name, q.App, q.Stream) }
	if q.Pulled {
		ended = nil // it has taken no place
	}
	r.List(p, Publication{
		Domain: domain.Name, Main: domain.Main, App: q.App, Stream: q.Stream, Protocol: string(q.Protocol),
		Client: q.RemoteAddr, Query: q.Query, Pulled: q.Pulled,
	}, ended)
}

// List has a publisher in the lists until its end, then calls ended, which may be
// nil. It fills in when v began, and does not block.
func (r *Room) List(p *live.Publisher, v Publication, ended func()) {
	v.Began = r.config.Now().UTC()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.online[p] = v
	id := r.history.Add(v)
	r.watches.Go(func() {
		r.watch(p, id)
		if ended != nil {
			ended()
		}
	})
}

// watch waits for a publisher's end.
func (r *Room) watch(p *live.Publisher, id uint64) {
	why := reason.Shutdown
	select {
	case <-p.Done():
		why = p.Why()
	case <-r.stop:
	}
	r.history.Change(id, func(v *Publication) { v.Ended, v.Reason = r.config.Now().UTC(), why })
	r.mu.Lock() // last: who is not online any more has an end
	delete(r.online, p)
	r.mu.Unlock()
}

// Online returns the publishers that f is true for, by their names.
func (r *Room) Online(f func(*Publication) bool) []Online {
	r.mu.Lock()
	var all []Online
	var publishers []*live.Publisher
	for p, v := range r.online {
		if f(&v) {
			all, publishers = append(all, Online{Publication: v}), append(publishers, p)
		}
	}
	r.mu.Unlock()
	for i, p := range publishers {
		all[i].Video, all[i].Audio = p.Tracks()
		all[i].VideoRate, all[i].AudioRate = p.Rates()
	}
	slices.SortFunc(all, func(a, b Online) int {
		return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Domain, b.Domain))
	})
	return all
}

// History returns the publications that f is true for, the newest first.
func (r *Room) History(f func(*Publication) bool) []Publication {
	records := r.history.All(f)
	all := make([]Publication, len(records))
	for i := range records {
		all[i] = records[i].Value
	}
	return all
}

// Actions returns what was done to streams, where f is true, the newest first.
func (r *Room) Actions(f func(*Action) bool) []Action {
	records := r.actions.All(f)
	all := make([]Action, len(records))
	for i := range records {
		all[i] = records[i].Value
	}
	return all
}

// Note writes down that something was done to a stream.
func (r *Room) Note(a Action) {
	a.At = r.config.Now().UTC()
	for _, o := range r.Online(r.of(a.Domain, a.App, a.Stream)) {
		a.Client = o.Client
	}
	r.actions.Add(a)
}

// Kick ends the publisher of a stream, which may come back, and says whether there
// was one.
func (r *Room) Kick(domain, app, stream string) bool {
	return r.end((*live.Publisher).Kick, r.of(domain, app, stream)) > 0
}

// of says which publications an ingest domain's stream is: what is pulled belongs
// to each ingest domain of its streaming domain.
func (r *Room) of(domain, app, stream string) func(*Publication) bool {
	d := r.config.Snapshot().Domain(domain)
	return func(v *Publication) bool {
		mine := v.Domain == domain || v.Pulled && d != nil && d.Main == v.Main
		return mine && v.App == app && v.Stream == stream
	}
}

// Cut ends at once the streams that the catalog forbids now, their viewers too.
// Run does the same for changes of the catalog by whomever, a little later.
func (r *Room) Cut() {
	r.end((*live.Publisher).Forbid, forbidden(r.config.Snapshot(), r.config.Now()))
}

// end ends the publishers that f is true for.
func (r *Room) end(how func(*live.Publisher), f func(*Publication) bool) int {
	r.mu.Lock()
	var found []*live.Publisher
	for p, v := range r.online {
		if f(&v) {
			found = append(found, p)
		}
	}
	r.mu.Unlock()
	for _, p := range found {
		how(p)
	}
	return len(found)
}

// Run writes the histories and ends publishers that the catalog forbids, until
// ctx ends. Publishers are to be ended before.
func (r *Room) Run(ctx context.Context) {
	writing, written := context.WithCancel(context.WithoutCancel(ctx))
	var writers sync.WaitGroup
	writers.Go(func() { r.history.Run(writing) })
	writers.Go(func() { r.actions.Run(writing) })
	r.cut(ctx)
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	close(r.stop)
	r.watches.Wait()
	written()
	writers.Wait()
}

// cut ends publishers that are forbidden, however the catalog came to say so.
func (r *Room) cut(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var seen *catalog.Snapshot
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s := r.config.Snapshot()
		if s == seen {
			continue
		}
		seen = s
		r.Cut()
	}
}

// forbidden says which publications a snapshot forbids.
func forbidden(s *catalog.Snapshot, now time.Time) func(*Publication) bool {
	domains := map[string][]*catalog.Domain{} // by streaming domain, of what is pulled
	return func(v *Publication) bool {
		if !v.Pulled {
			return s.Blocked(v.Domain, v.App, v.Stream, now) != nil
		}
		all, known := domains[v.Main]
		if !known {
			all = s.Of(v.Main)
			domains[v.Main] = all
		}
		return slices.ContainsFunc(all, func(d *catalog.Domain) bool { return s.Blocked(d.Name, v.App, v.Stream, now) != nil })
	}
}
