package callback

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/journal"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

const (
	// settle is how long a publisher must last to be told of.
	settle = 2 * time.Second
	// attempts is how often a callback is tried, retryAfter how long after a
	// failure, and timeout how long one try may take.
	attempts   = 6
	retryAfter = time.Second
	timeout    = 5 * time.Second
	// life and most bound the history, and so the queue.
	life = 7 * 24 * time.Hour
	most = 20_000
	// waiting is how many callbacks of one domain may wait.
	waiting = 1000
)

// Result says how a callback came out; "" while it is under way.
type Result string

// The results.
const (
	Success Result = "success"
	Failed  Result = "failed"
)

// Delivery is one callback.
type Delivery struct {
	Event  string    `json:"event"`  // publish or publish_done
	Domain string    `json:"domain"` // of ingest
	App    string    `json:"app"`
	Stream string    `json:"stream"`
	URL    string    `json:"url"`   // as configured
	Query  string    `json:"query"` // what is added to it
	Began  time.Time `json:"began"`
	Tried  time.Time `json:"tried,omitzero"`
	Tries  int       `json:"tries,omitempty"`
	Result Result    `json:"result,omitempty"`
	// Answer is the last status, or why there was none.
	Answer string `json:"answer,omitempty"`
	// Mark is that of the publisher's presence, see mark.
	Mark string `json:"mark,omitempty"`
}

// Config is what a Room works with.
type Config struct {
	Snapshot func() *catalog.Snapshot
	// Store is where the queue is kept, and Online who is there.
	Store, Online catalog.Store
	// Node is this node's name, in callbacks.
	Node string
	// Private lets callbacks go to loopback and private addresses.
	Private bool
	Now     func() time.Time
	Log     *slog.Logger
}

// Room tells of publishers.
type Room struct {
	config Config
	queue  *journal.Journal[Delivery]
	sender *sender
	stop   chan struct{} // closed when Run ends
	works  sync.WaitGroup

	mu     sync.Mutex
	closed bool
	begin  func(domain string) // starts the work on a line; nil before Run
	lines  map[string][]uint64 // what waits, by ingest domain; a key has a goroutine
	marked int64               // the newest mark
}

// New opens the queue. Publishers that were told of and whose end nobody has seen,
// because the node died, are told to be gone.
func New(ctx context.Context, c Config) (*Room, error) {
	r := &Room{config: c, stop: make(chan struct{}), lines: map[string][]uint64{}, sender: newSender(c.Private)}
	var err error
	r.queue, err = journal.Open[Delivery](ctx, c.Store, journal.Options{Life: life, Most: most, Now: c.Now, Log: c.Log})
	if err != nil {
		return nil, fmt.Errorf("open callbacks: %w", err)
	}
	return r, r.recover(ctx)
}

// Published implements admit.Witness.
func (r *Room) Published(p *live.Publisher, domain *catalog.Domain, q catalog.Request) {
	if domain.Callbacks == nil || domain.Callbacks.URL == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.works.Go(func() { r.follow(p, domain.Name, q) })
	}
}

// follow tells of one publisher: that it is there once it has lasted, and that
// it is gone if it was told of.
func (r *Room) follow(p *live.Publisher, domain string, q catalog.Request) {
	t := time.NewTimer(settle)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.Done():
		return
	case <-r.stop:
		return
	}
	if p.Err() != nil {
		return
	}
	at := presence{Domain: domain, App: q.App, Stream: q.Stream, Client: q.RemoteAddr, Query: q.Query}
	mark := r.mark(at)
	video, _ := p.Tracks()
	r.tell("publish", at, mark, video)
	select {
	case <-p.Done():
	case <-r.stop:
	}
	if !r.tell("publish_done", at, mark, nil) {
		r.unmark(mark)
	}
}

// tell puts a callback into the queue, by what the catalog says now, and says
// whether it will be tried.
func (r *Room) tell(event string, at presence, mark string, video *media.Track) bool {
	d := r.config.Snapshot().Domain(at.Domain)
	if d == nil || d.Callbacks == nil || d.Callbacks.URL == "" {
		return false
	}
	now := r.config.Now()
	v := Delivery{
		Event: event, Domain: at.Domain, App: at.App, Stream: at.Stream, URL: d.Callbacks.URL, Began: now.UTC(), Mark: mark,
		Query: query(event, at, r.config.Node, video, now),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lines[at.Domain]) >= waiting {
		v.Result, v.Answer = Failed, string(reason.QueueFull)
		r.queue.Add(v)
		r.config.Log.Warn("callback dropped", "domain", at.Domain, "event", event, "reason", string(reason.QueueFull))
		return false
	}
	r.line(at.Domain, r.queue.Add(v))
	return true
}

// query is what a callback says, in the documented order; the size of the
// pictures comes with the first one of a publisher alone.
func query(event string, at presence, node string, video *media.Track, now time.Time) string {
	var b strings.Builder
	add := func(name, value string) {
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(name + "=" + url.QueryEscape(value))
	}
	ip, _, err := net.SplitHostPort(at.Client)
	if err != nil {
		ip = at.Client
	}
	add("action", event)
	add("ip", ip)
	add("id", at.Stream)
	add("app", at.Domain)
	add("appname", at.App)
	add("time", strconv.FormatInt(now.Unix(), 10))
	add("usrargs", at.Query)
	add("node", node)
	if video != nil && video.Height > 0 {
		add("height", strconv.Itoa(video.Height))
		add("width", strconv.Itoa(video.Width))
	}
	return b.String()
}

// line has a callback delivered after those of its domain that wait. The caller
// holds mu.
func (r *Room) line(domain string, id uint64) {
	_, running := r.lines[domain]
	r.lines[domain] = append(r.lines[domain], id)
	if !running && r.begin != nil && !r.closed {
		r.begin(domain)
	}
}

// Deliveries returns the callbacks that f is true for, the newest first.
func (r *Room) Deliveries(f func(*Delivery) bool) []Delivery {
	records := r.queue.All(f)
	all := make([]Delivery, len(records))
	for i := range records {
		all[i] = records[i].Value
	}
	return all
}

// Run delivers until ctx ends. What is under way then is tried anew by the next
// Run of this installation.
func (r *Room) Run(ctx context.Context) {
	writing, written := context.WithCancel(context.WithoutCancel(ctx))
	var writer sync.WaitGroup
	writer.Go(func() { r.queue.Run(writing) })
	left := r.queue.All(func(d *Delivery) bool { return d.Result == "" })
	r.mu.Lock()
	clear(r.lines)                            // what was told before is among what is left
	for _, d := range slices.Backward(left) { // the oldest first
		r.lines[d.Value.Domain] = append(r.lines[d.Value.Domain], d.ID)
	}
	r.begin = func(domain string) { r.works.Go(func() { r.work(ctx, domain) }) }
	for domain := range r.lines {
		r.begin(domain)
	}
	r.mu.Unlock()
	<-ctx.Done()
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	close(r.stop)
	r.works.Wait()
	r.sender.client.CloseIdleConnections()
	written()
	writer.Wait()
}

// work delivers what waits of one domain, one after the other.
func (r *Room) work(ctx context.Context, domain string) {
	for {
		r.mu.Lock()
		if len(r.lines[domain]) == 0 || ctx.Err() != nil {
			delete(r.lines, domain)
			r.mu.Unlock()
			return
		}
		id := r.lines[domain][0]
		r.lines[domain] = r.lines[domain][1:]
		r.mu.Unlock()
		r.deliver(ctx, id)
	}
}
