package control_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"millrace/internal/admit"
	"millrace/internal/catalog"
	"millrace/internal/catalog/mem"
	"millrace/internal/control"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a door with a room beside it.
type world struct {
	catalog          *catalog.Catalog
	hub              *live.Hub
	room             *control.Room
	door             *admit.Admit
	history, actions catalog.Store
}

// most is how many streams an ingest domain may have here.
const most = 3

func begin(t *testing.T) *world {
	t.Helper()
	w := &world{history: mem.New(), actions: mem.New(), hub: live.NewHub(live.Options{})}
	log := slog.New(slog.DiscardHandler)
	var err error
	if w.catalog, err = catalog.Open(t.Context(), mem.New(), catalog.Options{Now: time.Now, Log: log}); err != nil {
		t.Fatal(err)
	}
	doc := catalog.Document{Domains: []catalog.Domain{
		{Name: "push.test", Role: catalog.Ingest, Main: "play.test"}, {Name: "other.test", Role: catalog.Ingest, Main: "play.test"},
		{Name: "play.test", Role: catalog.Streaming},
	}}
	if err := w.catalog.Import(t.Context(), "test", doc); err != nil {
		t.Fatal(err)
	}
	w.room = w.open(t)
	w.door = admit.New(w.catalog.Snapshot, w.hub, time.Now, log, w.room)
	w.door.Bound(w.room)
	return w
}

func (w *world) open(t *testing.T) *control.Room {
	t.Helper()
	r, err := control.New(t.Context(), control.Config{
		Snapshot: w.catalog.Snapshot, History: w.history, Actions: w.actions, Most: most, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// run runs the room until stop is called, the hub closed first as by a node.
func (w *world) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.room.Run(ctx) }()
	return func() {
		w.hub.Close()
		cancel()
		<-done
	}
}

func (w *world) publish(t *testing.T, stream string) *live.Publisher {
	t.Helper()
	p, err := w.door.Publish(t.Context(), catalog.Request{
		Protocol: catalog.RTMP, Host: "push.test", App: "live", Stream: stream, Path: "/live/" + stream, Query: "a=b", RemoteAddr: "192.0.2.7:5",
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Announce(&media.Track{Kind: media.Video, Codec: media.H264, Width: 320, Height: 180}, nil)
	return p
}

func all[T any](*T) bool { return true }

func TestHistorySurvives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t)
		stop := w.run(t)
		p := w.publish(t, "a")
		list := w.room.Online(all)
		if len(list) != 1 || list[0].Domain != "push.test" || list[0].Main != "play.test" || list[0].Video.Height != 180 || list[0].Query != "a=b" {
			t.Fatalf("online: %+v", list)
		}
		p.Close(reason.PeerGone)
		synctest.Wait()
		w.publish(t, "b")
		stop()
		if len(w.room.Online(all)) != 0 {
			t.Error("online although the room is closed")
		}
		history := w.open(t).History(all)
		if len(history) != 2 || history[0].Stream != "b" || history[0].Reason != reason.Shutdown || history[0].Ended.IsZero() || history[1].Reason != reason.PeerGone {
			t.Errorf("history: %+v", history)
		}
	})
}

// A node that died saw no end of its publications; the next one ends them.
func TestNodeDied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t)
		stop := w.run(t)
		w.publish(t, "a")
		synctest.Wait()
		kept, err := w.history.List(t.Context())
		if err != nil || len(kept) != 1 {
			t.Fatalf("%d entries, %v", len(kept), err)
		}
		stop()
		w.history = mem.New()
		if _, err := w.history.Put(t.Context(), catalog.Write{Key: kept[0].Key, Value: kept[0].Value}); err != nil {
			t.Fatal(err)
		}
		if h := w.open(t).History(all); len(h) != 1 || h[0].Ended.IsZero() {
			t.Errorf("history: %+v", h)
		}
	})
}

func TestForbiddenWhicheverWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t)
		defer w.run(t)()
		bad, good := w.publish(t, "bad"), w.publish(t, "good")
		viewer, err := w.hub.Subscribe(t.Context(), live.Name{Domain: "play.test", App: "live", Stream: "bad"})
		if err != nil {
			t.Fatal(err)
		}
		defer viewer.Close()
		began := time.Now()
		for _, in := range []string{"other.test", "push.test"} {
			if err := w.catalog.BlockStream(t.Context(), "test", in, "live", "bad", time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			if in == "other.test" {
				select { // the block of a stream of that name by another domain is nothing to it
				case <-bad.Done():
					t.Fatal("cut for another domain")
				case <-time.After(2 * time.Second):
				}
				began = time.Now()
			}
		}
		<-bad.Done()
		if d := time.Since(began); d > time.Second || bad.Why() != reason.Kicked {
			t.Errorf("cut after %v for %s", d, bad.Why())
		}
		if good.Err() != nil {
			t.Error("another stream was cut, too")
		}
		if _, err := viewer.Next(t.Context()); !errors.Is(err, live.ErrForbidden) || time.Since(began) > time.Second {
			t.Errorf("its viewers are told %v after %v", err, time.Since(began))
		}
		_, err = w.door.Publish(t.Context(), catalog.Request{Protocol: catalog.RTMP, Host: "push.test", App: "live", Stream: "bad", Path: "/live/bad"})
		if d, ok := err.(*catalog.Denied); !ok || d.Reason != reason.Forbidden {
			t.Errorf("came in again: %v", err)
		}
	})
}

func TestKick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t)
		defer w.run(t)()
		p := w.publish(t, "a")
		w.room.Note(control.Action{By: "me", Word: "kick", Domain: "push.test", App: "live", Stream: "a"})
		if !w.room.Kick("push.test", "live", "a") {
			t.Error("nobody was there")
		}
		synctest.Wait()
		if p.Err() != live.ErrKicked || w.room.Kick("push.test", "live", "a") {
			t.Errorf("still there: %v", p.Err())
		}
		if a := w.room.Actions(all); len(a) != 1 || a[0].By != "me" || a[0].Client != "192.0.2.7:5" {
			t.Errorf("actions: %+v", a)
		}
		w.publish(t, "a") // it may come back
	})
}

// No more streams are published to a domain than may be; those that are may be
// taken over, and who leaves makes room.
func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t)
		defer w.run(t)()
		try := func(host, stream string) error {
			p, err := w.door.Publish(t.Context(), catalog.Request{Protocol: catalog.RTMP, Host: host, App: "live", Stream: stream, Path: "/live/" + stream})
			if p != nil {
				p.Announce(&media.Track{Kind: media.Video, Codec: media.H264}, nil)
			}
			return err
		}
		full := func(host, stream string) {
			t.Helper()
			var d *catalog.Denied
			if err := try(host, stream); !errors.As(err, &d) || d.Reason != reason.Limit {
				t.Errorf("%s to %s: %v", stream, host, err)
			}
		}
		a := w.publish(t, "a")
		w.publish(t, "b")
		w.publish(t, "c")
		full("push.test", "d")
		if err := try("other.test", "d"); err != nil {
			t.Errorf("another domain has places of its own: %v", err)
		}
		// A name that is held by another domain's publisher takes no place here.
		if err := try("other.test", "b"); err != nil {
			t.Errorf("after the silence of the one before: %v", err)
		}
		if b := w.publish(t, "b"); b.Err() != nil { // takes it over again
			t.Error(b.Err())
		}
		full("push.test", "d")
		a.Close(reason.ClosedByPeer)
		synctest.Wait()
		w.publish(t, "e")
		full("push.test", "a")
		for range 10 { // who is refused takes no place, for as little as a moment
			full("push.test", "f")
		}
	})
}

// TestPulled wants what comes from another server listed as any publisher, and each
// ingest domain of its streaming domain to have a say.
func TestPulled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t)
		defer w.run(t)()
		pull := func() *live.Publisher {
			t.Helper()
			name := live.Name{Domain: "play.test", App: "live", Stream: "a"}
			if err := w.door.Fetch(name); err != nil {
				t.Fatal(err)
			}
			p, err := w.hub.Publish(name, "pull-srt", "origin.test:1105")
			if err != nil {
				t.Fatal(err)
			}
			w.door.Fetched(p, catalog.SRT, "origin.test:1105")
			return p
		}
		p := pull()
		if list := w.room.Online(all); len(list) != 1 || !list[0].Pulled || list[0].Domain != "other.test" || list[0].Main != "play.test" ||
			list[0].Protocol != "srt" || list[0].Client != "origin.test:1105" {
			t.Fatalf("online: %+v", list)
		}
		if !w.room.Kick("push.test", "live", "a") || p.Err() != live.ErrKicked {
			t.Error("not kicked by another ingest domain")
		}
		p = pull()
		if err := w.catalog.BlockStream(t.Context(), "test", "push.test", "live", "a", time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		<-p.Done()
		synctest.Wait() // the name is free a moment later
		if err := w.door.Fetch(p.Name()); err == nil {
			t.Error("fetched again")
		}
		p, err := w.hub.Publish(p.Name(), "pull-srt", "") // as if it had been admitted just before
		if err != nil {
			t.Fatal(err)
		}
		if w.door.Fetched(p, catalog.SRT, ""); p.Err() != live.ErrKicked {
			t.Error("not kicked by the second look")
		}
		synctest.Wait()
		if h := w.room.History(all); len(h) != 2 || h[0].Reason != reason.Kicked || h[0].Ended.IsZero() {
			t.Errorf("history: %+v", h)
		}
	})
}
