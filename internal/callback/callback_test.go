package callback

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"millrace/internal/admit"
	"millrace/internal/catalog"
	"millrace/internal/catalog/mem"
	"millrace/internal/live"
	"millrace/internal/reason"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is a liveness bound: what takes longer has hung.
const patience = time.Minute

// The example in the vendor's documentation.
func TestSignature(t *testing.T) {
	if s := signature("learn.aliyundoc.com", "1519375990", "yourkey"); s != "9e226fc2c250be266e3657e156f68c12" {
		t.Errorf("got %s", s)
	}
}

func TestPublicAddresses(t *testing.T) {
	for s, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true, "127.0.0.1": false, "::1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "0.0.0.0": false, "::": false, "::ffff:127.0.0.1": false, "::127.0.0.1": false,
		"fe80::1": false, "fc00::1": false, "fd00:ec2::254": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "224.0.0.1": false, "255.255.255.255": false,
	} {
		if got := isPublic(netip.MustParseAddr(s)); got != want {
			t.Errorf("%s: %v", s, got)
		}
	}
}

// world is a server that is told, and what tells it.
type world struct {
	store  catalog.Store
	online catalog.Store
	domain catalog.Domain
	hub    *live.Hub
	told   chan url.Values
	status chan int // what the server answers, 200 when there is nothing
}

func begin(t *testing.T) *world {
	t.Helper()
	w := &world{store: mem.New(), online: mem.New(), hub: live.NewHub(live.Options{}), told: make(chan url.Values, 100), status: make(chan int, 100)}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		select { // before anybody hears of the request: the next one's is not for this one
		case status = <-w.status:
		default:
		}
		w.told <- r.URL.Query()
		if status == http.StatusFound {
			rw.Header().Set("Location", "/elsewhere")
		}
		rw.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	w.domain = catalog.Domain{Name: "push.test", Role: catalog.Ingest, Callbacks: &catalog.Callbacks{URL: server.URL + "/at"}}
	t.Cleanup(w.hub.Close)
	return w
}

func (w *world) snapshot() *catalog.Snapshot {
	play := catalog.Domain{Name: "play.test", Role: catalog.Streaming}
	d := w.domain
	d.Main, d.Status = "play.test", catalog.Online
	s, err := catalog.NewSnapshot(d, play)
	if err != nil {
		panic(err)
	}
	return s
}

func (w *world) open(t *testing.T, private bool) *Room {
	t.Helper()
	r, err := New(t.Context(), Config{Snapshot: w.snapshot, Store: w.store, Online: w.online, Node: "node-1", Private: private, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func run(t *testing.T, r *Room) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	return func() { cancel(); <-done }
}

func (w *world) publish(t *testing.T, r *Room, stream string) *live.Publisher {
	t.Helper()
	door := admit.New(w.snapshot, w.hub, time.Now, slog.New(slog.DiscardHandler), r)
	p, err := door.Publish(t.Context(), catalog.Request{
		Protocol: catalog.RTMP, Host: "push.test", App: "live", Stream: stream, Path: "/live/" + stream, Query: "vhost=v&auth_key=k", RemoteAddr: "192.0.2.7:5",
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (w *world) hear(t *testing.T, action, stream string) {
	t.Helper()
	select {
	case q := <-w.told:
		want := map[string]string{"action": action, "ip": "192.0.2.7", "id": stream, "app": "push.test", "appname": "live", "usrargs": "vhost=v&auth_key=k", "node": "node-1"}
		for name, value := range want {
			if q.Get(name) != value {
				t.Errorf("%s is %q, want %q", name, q.Get(name), value)
			}
		}
	case <-time.After(patience):
		t.Fatalf("not told of %s %s", action, stream)
	}
}

func (w *world) awaitResult(t *testing.T, r *Room, n int) []Delivery {
	t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		if all := r.Deliveries(func(d *Delivery) bool { return d.Result != "" }); len(all) == n {
			return all
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%+v", r.Deliveries(func(*Delivery) bool { return true }))
		}
	}
}

func TestPublishers(t *testing.T) {
	t.Parallel()
	w := begin(t)
	r := w.open(t, true)
	defer run(t, r)()
	w.publish(t, r, "short").Close(reason.ClosedByPeer) // gone within 2 s: nobody is told
	p := w.publish(t, r, "long")
	w.status <- http.StatusInternalServerError
	w.status <- http.StatusFound // is not followed
	for range 3 {
		w.hear(t, "publish", "long")
	}
	p.Close(reason.ClosedByPeer)
	w.hear(t, "publish_done", "long")
	all := w.awaitResult(t, r, 2)
	if all[0].Event != "publish_done" || all[0].Result != Success || all[1].Tries != 3 || all[1].Answer != "200" || all[1].Result != Success {
		t.Errorf("%+v", all)
	}
}

// What was not delivered when the node stopped is delivered by the next one.
func TestQueueSurvives(t *testing.T) {
	t.Parallel()
	w := begin(t)
	first := w.open(t, true)
	stop := run(t, first)
	w.status <- http.StatusServiceUnavailable
	p := w.publish(t, first, "s")
	w.hear(t, "publish", "s")
	stop()
	p.Close(reason.Shutdown)
	second := w.open(t, true)
	if left := second.Deliveries(func(d *Delivery) bool { return d.Result == "" }); len(left) != 2 {
		t.Fatalf("%+v", left)
	}
	defer run(t, second)()
	w.hear(t, "publish", "s")
	w.hear(t, "publish_done", "s")
	w.awaitResult(t, second, 2)
}

func TestPrivateAddressesAreRefused(t *testing.T) {
	t.Parallel()
	w := begin(t)
	w.domain.Callbacks.URL = strings.Replace(w.domain.Callbacks.URL, "127.0.0.1", "localhost", 1) // its address is seen when it is dialed
	r := w.open(t, false)
	defer run(t, r)()
	w.publish(t, r, "s")
	all := w.awaitResult(t, r, 1)
	if strings.Contains(all[0].Answer, "auth_key") {
		t.Errorf("an answer holds a token: %s", all[0].Answer)
	}
	if all[0].Result != Failed || !strings.Contains(all[0].Answer, "private") || all[0].Tries != 1 || len(w.told) != 0 {
		t.Errorf("%+v, %d requests came", all, len(w.told))
	}
}

// A node that died has seen no end of its publishers; the next one tells of it,
// after what waited, and once.
func TestPublisherOfANodeThatDied(t *testing.T) {
	t.Parallel()
	w := begin(t)
	first := w.open(t, true)
	stop := run(t, first)
	w.publish(t, first, "here")
	w.hear(t, "publish", "here")
	gone := w.publish(t, first, "gone")
	w.hear(t, "publish", "gone")
	gone.Close(reason.ClosedByPeer)
	w.hear(t, "publish_done", "gone")
	w.awaitResult(t, first, 3)
	w.awaitMarks(t, 1)
	died := mem.New() // what is on disk at this moment
	copyStore(t, w.online, died)
	stop()
	w.store, w.online = mem.New(), died
	second := w.open(t, true)
	third := w.open(t, true) // of the same disk: the one before was killed before it wrote anything
	for _, r := range []*Room{second, third} {
		if left := r.Deliveries(func(d *Delivery) bool { return true }); len(left) != 1 || left[0].Event != "publish_done" || left[0].Stream != "here" {
			t.Fatalf("%+v", left)
		}
	}
	defer run(t, third)()
	w.hear(t, "publish_done", "here")
	w.awaitResult(t, third, 1)
	w.awaitMarks(t, 0)
}

// Of what a node has left in the queue nothing is told twice, and nothing to
// domains that want no callbacks any more.
func TestMarksThatAreLeft(t *testing.T) {
	t.Parallel()
	w := begin(t)
	first := w.open(t, true)
	stop := run(t, first)
	w.publish(t, first, "s")
	w.hear(t, "publish", "s")
	w.status <- http.StatusServiceUnavailable
	stop() // its end is in the queue, and the mark is there still
	if second := w.open(t, true); len(second.Deliveries(func(d *Delivery) bool { return d.Event == "publish_done" })) != 1 {
		t.Error("told twice")
	}
	w.awaitMarks(t, 1)
	w.domain.Callbacks, w.store = nil, mem.New()
	if third := w.open(t, true); len(third.Deliveries(func(*Delivery) bool { return true })) != 0 {
		t.Error("told although nobody wants to know")
	}
	w.awaitMarks(t, 0)
}

func (w *world) awaitMarks(t *testing.T, n int) {
	t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		marks, err := w.online.List(t.Context(), markPrefix)
		if err == nil && len(marks) == n {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d marks, %v; want %d", len(marks), err, n)
		}
	}
}

func copyStore(t *testing.T, from, to catalog.Store) {
	t.Helper()
	all, err := from.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if _, err := to.Put(t.Context(), catalog.Write{Key: e.Key, Value: e.Value}); err != nil {
			t.Fatal(err)
		}
	}
}

// A server that takes requests and never answers is given up on after 5 s, six
// times, a second apart.
func TestServerThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{store: mem.New(), online: mem.New(), hub: live.NewHub(live.Options{})}
		defer w.hub.Close()
		w.domain = catalog.Domain{Name: "push.test", Role: catalog.Ingest, Callbacks: &catalog.Callbacks{URL: "http://silent.test/at"}}
		r := w.open(t, true)
		var asked []time.Duration
		began := time.Now()
		transport, ok := r.sender.client.Transport.(*http.Transport)
		if !ok {
			t.Fatal("another transport")
		}
		var servers sync.WaitGroup
		transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			asked = append(asked, time.Since(began))
			servers.Go(func() { _, _ = io.Copy(io.Discard, server); _ = server.Close() })
			return client, nil
		}
		stop := run(t, r)
		w.publish(t, r, "s")
		<-time.After(time.Minute)
		all := r.Deliveries(func(*Delivery) bool { return true })
		if len(all) != 1 || all[0].Result != Failed || all[0].Tries != 6 || all[0].Answer != "no answer came within 5s" {
			t.Errorf("%+v", all)
		}
		want := []time.Duration{2, 8, 14, 20, 26, 32}
		for i := range want {
			want[i] *= time.Second
		}
		if !slices.Equal(asked, want) {
			t.Errorf("asked after %v, want %v", asked, want)
		}
		if d := all[0].Tried.Sub(began); d.Round(time.Second) != 37*time.Second {
			t.Errorf("given up after %v", d)
		}
		stop()
		servers.Wait()
	})
}
