package admit_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"millrace/internal/admit"
	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/sign"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Unix(1740562218, 0)

const (
	pushKey = "key-of-the-ingest-domain"
	playKey = "key-of-the-streaming-domain"
	nextKey = "secondary-key-of-the-streaming-domain"
)

// domains is a catalog with two default domains that want signatures, two of
// the half-second mode that want none, and one that is associated with nothing.
func domains() *catalog.Snapshot {
	day := 24 * time.Hour
	with := func(f ...catalog.Function) []catalog.Function { return f }
	s, err := catalog.NewSnapshot(
		catalog.Domain{
			Name: "push.localhost", Role: catalog.Ingest, Main: "play.localhost", Default: true,
			Functions: with(catalog.Signed(pushKey, "", day)),
		},
		catalog.Domain{
			Name: "play.localhost", Role: catalog.Streaming, Default: true,
			Functions: with(catalog.RTS(catalog.SubSecond), catalog.Signed(playKey, nextKey, day)),
		},
		catalog.Domain{Name: "push.half.test", Role: catalog.Ingest, Main: "play.half.test"},
		catalog.Domain{Name: "play.half.test", Role: catalog.Streaming, Functions: with(catalog.RTS(catalog.HalfSecond))},
		catalog.Domain{Name: "second.test", Role: catalog.Streaming, Main: "play.half.test", Functions: with(catalog.RTS(catalog.SubSecond))},
		catalog.Domain{Name: "push.lost.test", Role: catalog.Ingest, Main: "gone.test"},
	)
	if err != nil {
		panic(err)
	}
	return s
}

func open(t *testing.T) (*admit.Admit, *live.Hub) {
	t.Helper()
	hub := live.NewHub(live.Options{Linger: time.Minute})
	t.Cleanup(hub.Close)
	return admit.New(domains, hub, func() time.Time { return now }, slog.New(slog.DiscardHandler)), hub
}

// publish puts a stream with a video track on the hub.
func publish(t *testing.T, hub *live.Hub, domain string) {
	t.Helper()
	p, err := hub.Publish(live.Name{Domain: domain, App: "live", Stream: "demo"}, "test", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(reason.ClosedByPeer) })
	p.Announce(&media.Track{Kind: media.Video, Codec: media.H264}, nil)
}

// request asks for live/demo with a token of the given key.
func request(p catalog.Protocol, host, key string) catalog.Request {
	q := catalog.Request{Protocol: p, Host: host, App: "live", Stream: "demo", Path: "/live/demo"}
	if p == catalog.FLV || p == catalog.WSFLV {
		q.Path += ".flv"
	}
	if key != "" {
		q.AuthKey = sign.Sign(q.Path, key, now, "", "")
	}
	return q
}

func wantDenied(t *testing.T, err error, why reason.Reason, detail string) {
	t.Helper()
	if why == "" {
		if err != nil {
			t.Fatalf("refused: %v", err)
		}
		return
	}
	var d *catalog.Denied
	if !errors.As(err, &d) {
		t.Fatalf("got %v, want a refusal for %s", err, why)
	}
	if d.Reason != why || !strings.Contains(d.Detail, detail) {
		t.Fatalf("got %q %q, want %q with %q", d.Reason, d.Detail, why, detail)
	}
}

func TestHosts(t *testing.T) {
	for _, c := range []struct {
		host          string
		publish, play bool
	}{
		{"push.localhost", true, false},
		{"PUSH.LocalHost:1935", true, false},
		{"play.localhost", false, true},
		{"Play.Localhost:8080", false, true},
		{"localhost", true, true},
		{"LOCALHOST:8080", true, true},
		{"127.0.0.1", true, true},
		{"192.168.1.7:1935", true, true},
		{"[::1]", true, true},
		{"[::1]:8080", true, true},
		{"::1", true, true},
		{"[fe80::1%eth0]:8080", true, true},
		{"", false, false},
		{":8080", false, false},
		{"example.test", false, false},
		{"push.localhost.example.test", false, false},
		{"xpush.localhost", false, false},
		{"localhost.", false, false},
		{"127.0.0.1.example.test", false, false},
		{"[push.localhost", false, false},
		{"push.localhost\r\n", false, false},
	} {
		t.Run(c.host, func(t *testing.T) {
			a, hub := open(t)
			refusal := func(ok bool) reason.Reason {
				if ok {
					return ""
				}
				return reason.UnknownDomain
			}
			p, err := a.Publish(t.Context(), request(catalog.RTMP, c.host, pushKey))
			wantDenied(t, err, refusal(c.publish), "ingest domain")
			if p != nil {
				p.Close(reason.ClosedByPeer)
			}
			publish(t, hub, "play.localhost")
			r, mode, err := a.Play(t.Context(), request(catalog.ARTC, c.host, playKey), "")
			wantDenied(t, err, refusal(c.play), "streaming domain")
			if r != nil {
				r.Close()
				if mode != catalog.SubSecond {
					t.Errorf("mode %q", mode)
				}
			}
		})
	}
}

func TestNames(t *testing.T) {
	long := strings.Repeat("a", 255)
	for _, c := range []struct {
		app, stream string
		want        reason.Reason
	}{
		{"live", "demo", ""},
		{"-", "_", ""},
		{"Live_2-x", "a.b..c.", ""},
		{long, long, ""},
		{long + "a", "demo", reason.BadName},
		{"live", long + "a", reason.BadName},
		{"", "demo", reason.BadName},
		{"live", "", reason.BadName},
		{"live", ".demo", reason.BadName},
		{"live", "..", reason.BadName},
		{"li.ve", "demo", reason.BadName},
		{"live", "a/b", reason.BadName},
		{"live", "a b", reason.BadName},
		{"live", "a\x00b", reason.BadName},
		{"live", "a%2fb", reason.BadName},
		{"live", "a\n", reason.BadName},
		{"live", "d\u00e9mo", reason.BadName},
		{"live", "demo;reboot", reason.BadName},
	} {
		t.Run(c.app+"/"+c.stream, func(t *testing.T) {
			a, _ := open(t)
			q := catalog.Request{Protocol: catalog.ARTC, Host: "push.half.test", App: c.app, Stream: c.stream}
			p, err := a.Publish(t.Context(), q)
			wantDenied(t, err, c.want, "name")
			if p != nil {
				p.Close(reason.ClosedByPeer)
			}
			if c.want == "" {
				return
			}
			q.Host = "play.half.test"
			_, _, err = a.Play(t.Context(), q, "")
			wantDenied(t, err, c.want, "name")
		})
	}
}

// Names and sizes are looked at before signatures: an unsigned request with a
// bad name is told about the name.
func TestLimitsBeforeAuth(t *testing.T) {
	a, _ := open(t)
	for _, c := range []struct {
		change func(*catalog.Request)
		want   reason.Reason
	}{
		{func(q *catalog.Request) { q.Stream = "../etc" }, reason.BadName},
		{func(q *catalog.Request) { q.Path = "/" + strings.Repeat("a", 2048) }, reason.BadRequest},
		{func(q *catalog.Request) { q.AuthKey = strings.Repeat("a", 513) }, reason.BadRequest},
		{func(q *catalog.Request) { q.Host = strings.Repeat("a", 262) }, reason.BadRequest},
		{func(*catalog.Request) {}, reason.Auth},
	} {
		q := request(catalog.RTMP, "localhost", "")
		c.change(&q)
		_, err := a.Publish(t.Context(), q)
		wantDenied(t, err, c.want, "")
		_, _, err = a.Play(t.Context(), q, "")
		wantDenied(t, err, c.want, "")
	}
}

func TestSignatures(t *testing.T) {
	token := func(path, key string, at time.Time) string { return sign.Sign(path, key, at, "", "") }
	for _, c := range []struct {
		name   string
		token  string
		detail string // "" admits
	}{
		{"primary", token("/live/demo.flv", playKey, now), ""},
		{"secondary", token("/live/demo.flv", nextKey, now), ""},
		{"of the other role", token("/live/demo.flv", pushKey, now), "invalid md5hash="},
		{"of another path", token("/live/demo", playKey, now), "invalid md5hash="},
		{"of yesterday", token("/live/demo.flv", playKey, now.Add(-24*time.Hour)), "denied by req auth: expired timestamp=1740475818"},
		{"none", "", "denied by req auth: no url arg auth_key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, hub := open(t)
			publish(t, hub, "play.localhost")
			q := request(catalog.FLV, "localhost", "")
			q.AuthKey = c.token
			r, _, err := a.Play(t.Context(), q, "")
			if c.detail != "" {
				wantDenied(t, err, reason.Auth, c.detail)
				return
			}
			wantDenied(t, err, "", "")
			r.Close()
		})
	}
}

func TestModes(t *testing.T) {
	for _, c := range []struct {
		proto         catalog.Protocol
		host          string
		publish, play reason.Reason
	}{
		{catalog.ARTC, "half.test", "", ""},
		{catalog.WHIP, "half.test", "", reason.Mode},
		{catalog.WHEP, "half.test", reason.Mode, ""},
		{catalog.RTMP, "half.test", reason.Mode, reason.Mode},
		{catalog.FLV, "half.test", reason.Mode, reason.Mode},
		{catalog.WSFLV, "half.test", reason.Mode, reason.Mode},
		{catalog.RTMP, "localhost", "", ""},
		{catalog.WHIP, "localhost", "", ""},
		{catalog.FLV, "localhost", "", ""},
		{catalog.WSFLV, "localhost", "", ""},
	} {
		t.Run(string(c.proto)+" "+c.host, func(t *testing.T) {
			a, hub := open(t)
			p, err := a.Publish(t.Context(), request(c.proto, "push."+c.host, pushKey))
			wantDenied(t, err, c.publish, "half-second")
			if p != nil {
				p.Close(reason.ClosedByPeer)
			}
			publish(t, hub, "play."+c.host)
			r, mode, err := a.Play(t.Context(), request(c.proto, "play."+c.host, playKey), "")
			wantDenied(t, err, c.play, "half-second")
			if r == nil {
				return
			}
			r.Close()
			if want := map[string]catalog.Mode{"half.test": catalog.HalfSecond, "localhost": catalog.SubSecond}[c.host]; mode != want {
				t.Errorf("mode %q, want %q", mode, want)
			}
		})
	}
}

// What is published to an ingest domain is found under every streaming domain
// of its name space, and a variant is asked of the hub as such.
func TestNameSpace(t *testing.T) {
	a, _ := open(t)
	p, err := a.Publish(t.Context(), request(catalog.ARTC, "push.half.test", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(reason.ClosedByPeer)
	p.Announce(&media.Track{Kind: media.Video, Codec: media.H264}, nil)

	for _, host := range []string{"play.half.test", "second.test"} {
		r, _, err := a.Play(t.Context(), request(catalog.ARTC, host, ""), "")
		if err != nil {
			t.Fatalf("play from %s: %v", host, err)
		}
		if want := (live.Name{Domain: "play.half.test", App: "live", Stream: "demo"}); r.Name() != want {
			t.Errorf("reader of %v, want %v", r.Name(), want)
		}
		r.Close()
	}
	_, _, err = a.Play(t.Context(), request(catalog.ARTC, "play.half.test", ""), live.VariantOpus)
	if !errors.Is(err, live.ErrNotFound) {
		t.Errorf("variant that nobody supplies: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := a.Publish(ctx, request(catalog.ARTC, "push.half.test", "")); !errors.Is(err, live.ErrTaken) {
		t.Errorf("second publisher: %v", err)
	}
}

func TestIngestDomainWithoutStreamingDomain(t *testing.T) {
	a, _ := open(t)
	_, err := a.Publish(t.Context(), request(catalog.RTMP, "push.lost.test", ""))
	wantDenied(t, err, reason.UnknownDomain, "associated with no streaming domain")
}

// A viewer of a stream that has no tracks yet waits as long as its context.
func TestPlayWaitsAsLongAsItsContext(t *testing.T) {
	a, _ := open(t)
	p, err := a.Publish(t.Context(), request(catalog.RTMP, "localhost", pushKey))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(reason.ClosedByPeer)
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, context.DeadlineExceeded)
	defer cancel()
	_, _, err = a.Play(ctx, request(catalog.RTMP, "localhost", playKey), "")
	if live.ReasonOf(err) != reason.Timeout {
		t.Fatalf("got %v", err)
	}
}

// A publisher that died holds its name for two seconds; one that lives keeps it,
// unless the operator has it otherwise.
func TestTakeOver(t *testing.T) {
	for _, c := range []struct {
		name   string
		always bool
		lives  bool
		err    error
		waits  time.Duration
	}{
		{"dead", false, false, nil, 2 * time.Second},
		{"alive", false, true, live.ErrTaken, 0},
		{"alive, always", true, true, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := live.NewHub(live.Options{TakeOver: c.always})
				defer hub.Close()
				a := admit.New(domains, hub, func() time.Time { return now }, slog.New(slog.DiscardHandler))
				old, err := a.Publish(t.Context(), request(catalog.WHIP, "localhost", pushKey))
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 4500*time.Millisecond)
				defer cancel()
				if c.lives {
					alive := time.NewTicker(100 * time.Millisecond)
					defer alive.Stop()
					go func() {
						for ctx.Err() == nil {
							select {
							case <-alive.C:
								old.Alive()
							case <-ctx.Done():
							}
						}
					}()
				}
				began := time.Now()
				next, err := a.Publish(ctx, request(catalog.RTMP, "localhost", pushKey))
				if took := time.Since(began); !errors.Is(err, c.err) || took < c.waits || took > c.waits+500*time.Millisecond {
					t.Errorf("after %v: %v", took, err)
				}
				if (old.Err() != nil) != (err == nil) || err == nil && !errors.Is(old.Err(), live.ErrReplaced) {
					t.Errorf("the first one: %v", old.Err())
				}
				if next != nil {
					next.Close(reason.ClosedByPeer)
				}
				cancel()
				synctest.Wait()
			})
		})
	}
}

// A player that fell back from ARTC may bring the key of that path. What is wrong
// for both is refused as for the path that it asks for.
func TestDegradedFromARTC(t *testing.T) {
	a, hub := open(t)
	publish(t, hub, "play.localhost")
	for _, c := range []struct {
		path, signed string
		degraded     bool
		want         reason.Reason
	}{
		{"/live/demo.flv", "/live/demo", true, ""},
		{"/live/demo.m3u8", "/live/demo", true, ""},
		{"/live/demo.flv", "/live/demo.flv", true, ""},
		{"/live/demo.flv", "/live/demo", false, reason.Auth},
		{"/live/demo.flv", "/live/other", true, reason.Auth},
		{"/live/demo", "/live/demo", true, ""},
		{"/li.ve/demo", "/li", true, reason.Auth},
	} {
		q := catalog.Request{Protocol: catalog.FLV, Host: "localhost", App: "live", Stream: "demo", Path: c.path, Degraded: c.degraded}
		q.AuthKey = sign.Sign(c.signed, playKey, now, "", "")
		r, _, err := a.Play(t.Context(), q, "")
		wantDenied(t, err, c.want, "denied by req auth: invalid md5hash="+q.AuthKey[len(q.AuthKey)-32:])
		if r != nil {
			r.Close()
		}
	}
}
