package admit_test

import (
	"log/slog"
	"testing"
	"time"

	"millrace/internal/admit"
	"millrace/internal/catalog"
	"millrace/internal/catalog/mem"
	"millrace/internal/live"
	"millrace/internal/reason"
)

// Every rule refuses with its own word, for publishers and viewers.
func TestAccessRules(t *testing.T) {
	ctx := t.Context()
	for _, c := range []struct {
		name          string
		functions     []catalog.Function
		status        catalog.Status
		change        func(*catalog.Request)
		proto         catalog.Protocol
		publish, play reason.Reason
	}{
		{name: "nothing", proto: catalog.RTMP},
		{name: "offline", status: catalog.Offline, proto: catalog.RTMP, publish: reason.DomainOffline, play: reason.DomainOffline},
		{name: "prohibited", functions: []catalog.Function{{Name: catalog.FuncProhibit, Args: map[string]string{"protocols": "rtmp,hls"}}}, proto: catalog.RTMPS, publish: reason.Prohibited, play: reason.Prohibited},
		{name: "another is prohibited", functions: []catalog.Function{{Name: catalog.FuncProhibit, Args: map[string]string{"protocols": "rtmp,hls"}}}, proto: catalog.SRT},
		{name: "address", functions: []catalog.Function{{Name: catalog.FuncIPAllow, Args: map[string]string{"ip_list": "192.0.2.0/24"}}}, proto: catalog.SRT, publish: reason.Address, play: reason.Address},
		{name: "allowed address", functions: []catalog.Function{{Name: catalog.FuncIPAllow, Args: map[string]string{"ip_list": "192.0.2.0/24"}}}, proto: catalog.SRT,
			change: func(q *catalog.Request) { q.RemoteAddr = "192.0.2.9:1" }},
		{name: "RTMP has no referer", functions: []catalog.Function{{Name: catalog.FuncRefererWhite, Args: map[string]string{"refer_domain_allow_list": "a.test", "allow_empty": "off"}}}, proto: catalog.RTMP},
		{name: "referer", functions: []catalog.Function{{Name: catalog.FuncRefererBlack, Args: map[string]string{"refer_domain_deny_list": "a.test"}}}, proto: catalog.HLS,
			change: func(q *catalog.Request) { q.Referer = "http://www.a.test/" }, publish: reason.Referer, play: reason.Referer},
		{name: "RTS is off", proto: catalog.ARTC, publish: reason.Mode, play: reason.Mode},
	} {
		all, err := catalog.Open(ctx, mem.New(), catalog.Options{Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		doc := catalog.Document{Domains: []catalog.Domain{
			{Name: "push.test", Role: catalog.Ingest, Main: "play.test", Status: c.status, Functions: c.functions},
			{Name: "play.test", Role: catalog.Streaming, Status: c.status, Functions: c.functions},
		}}
		if err := all.Import(ctx, "test", doc); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		hub := live.NewHub(live.Options{Linger: time.Minute})
		a := admit.New(all.Snapshot, hub, func() time.Time { return now }, slog.New(slog.DiscardHandler))
		q := request(c.proto, "push.test", "")
		q.RemoteAddr = "198.51.100.1:2"
		if c.change != nil {
			c.change(&q)
		}
		t.Run(c.name, func(t *testing.T) {
			p, err := a.Publish(ctx, q)
			wantDenied(t, err, c.publish, "")
			if p != nil {
				p.Close(reason.ClosedByPeer)
			}
			publish(t, hub, "play.test")
			q.Host = "play.test"
			r, _, err := a.Play(ctx, q, "")
			wantDenied(t, err, c.play, "")
			if r != nil {
				r.Close()
			}
		})
		hub.Close()
	}
}

// A forbidden stream is refused until its time is over, or it is let in again.
func TestForbiddenStream(t *testing.T) {
	ctx, clock := t.Context(), now
	all, err := catalog.Open(ctx, mem.New(), catalog.Options{Now: func() time.Time { return clock }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := all.Import(ctx, "test", catalog.Document{Domains: []catalog.Domain{
		{Name: "push.test", Role: catalog.Ingest, Main: "play.test"}, {Name: "play.test", Role: catalog.Streaming},
	}}); err != nil {
		t.Fatal(err)
	}
	hub := live.NewHub(live.Options{})
	defer hub.Close()
	a := admit.New(all.Snapshot, hub, func() time.Time { return clock }, slog.New(slog.DiscardHandler))
	try := func(want reason.Reason) {
		t.Helper()
		p, err := a.Publish(ctx, request(catalog.RTMP, "push.test", ""))
		wantDenied(t, err, want, "forbidden until 2025-02-26T10:30:18Z")
		if p != nil {
			p.Close(reason.ClosedByPeer)
		}
	}
	try("")
	if err := all.BlockStream(ctx, "test", "push.test", "live", "demo", now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	try(reason.Forbidden)
	if err := all.BlockStream(ctx, "test", "push.test", "live", "demo", now.Add(time.Hour)); err == nil {
		t.Error("blocked twice")
	}
	clock = now.Add(time.Hour)
	try("")
	clock = now
	if err := all.UnblockStream(ctx, "test", "push.test", "*", "demo"); err != nil {
		t.Fatal(err)
	}
	try("")
}
