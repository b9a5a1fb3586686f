package links_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/links"
	"millrace/internal/sign"
)

var at = time.Unix(1740562218, 0)

func domains() *catalog.Snapshot {
	signed := func(key string, v time.Duration) catalog.Function { return catalog.Signed(key, "", v) }
	sub, half := catalog.RTS(catalog.SubSecond), catalog.RTS(catalog.HalfSecond)
	s, err := catalog.NewSnapshot(
		catalog.Domain{Name: "push.localhost", Role: catalog.Ingest, Main: "play.localhost", Default: true, Functions: []catalog.Function{signed("in", time.Hour)}},
		catalog.Domain{Name: "play.localhost", Role: catalog.Streaming, Default: true, Functions: []catalog.Function{signed("out", 24*time.Hour), sub}},
		catalog.Domain{Name: "push.half.test", Role: catalog.Ingest, Main: "play.half.test"},
		catalog.Domain{Name: "play.half.test", Role: catalog.Streaming, Functions: []catalog.Function{half}},
		catalog.Domain{Name: "alone.test", Role: catalog.Streaming, Functions: []catalog.Function{sub}},
	)
	if err != nil {
		panic(err)
	}
	return s
}

var usual = links.Place{HTTP: 8080, RTMP: 1935, RTMPS: 1936, SRT: 1105}

func makeSet(t *testing.T, p links.Place, o links.Order) links.Set {
	t.Helper()
	o.App, o.Stream, o.At = "live", "demo", at
	set, err := links.Make(domains(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// Every URL is accepted by the check of its own domain, for its own path, until
// it expires and not after.
func TestSetIsAccepted(t *testing.T) {
	for _, c := range []struct {
		name    string
		life    time.Duration
		in, out time.Time // when they expire
	}{
		{"domain's validity", 0, at.Add(time.Hour), at.Add(24 * time.Hour)},
		{"two days", 48 * time.Hour, at.Add(48 * time.Hour), at.Add(48 * time.Hour)},
		{"a minute", time.Minute, at.Add(time.Minute), at.Add(time.Minute)},
	} {
		set := makeSet(t, usual, links.Order{Life: c.life})
		for _, l := range []struct {
			url, bare, path, key string
			validity             time.Duration
			end                  time.Time
		}{
			{set.Publish.RTMP, "rtmp://localhost/live/demo", "/live/demo", "in", time.Hour, c.in},
			{set.Publish.Server + "/" + set.Publish.Key, "rtmp://localhost/live/demo", "/live/demo", "in", time.Hour, c.in},
			{set.Publish.RTMPS, "rtmps://localhost:1936/live/demo", "/live/demo", "in", time.Hour, c.in},
			{set.Publish.WHIP, "http://localhost:8080/live/demo", "/live/demo", "in", time.Hour, c.in},
			{set.Publish.ARTC, "artc://localhost:8080/live/demo", "/live/demo", "in", time.Hour, c.in},
			{set.Play.ARTC, "artc://localhost:8080/live/demo", "/live/demo", "out", 24 * time.Hour, c.out},
			{set.Play.WHEP, "http://localhost:8080/whep/live/demo", "/live/demo", "out", 24 * time.Hour, c.out},
			{set.Play.FLV, "http://localhost:8080/live/demo.flv", "/live/demo.flv", "out", 24 * time.Hour, c.out},
			{set.Play.WSFLV, "ws://localhost:8080/live/demo.flv", "/live/demo.flv", "out", 24 * time.Hour, c.out},
			{set.Play.RTMP, "rtmp://localhost/live/demo", "/live/demo", "out", 24 * time.Hour, c.out},
			{set.Play.RTMPS, "rtmps://localhost:1936/live/demo", "/live/demo", "out", 24 * time.Hour, c.out},
			{set.Play.HLS, "http://localhost:8080/live/demo.m3u8", "/live/demo.m3u8", "out", 24 * time.Hour, c.out},
		} {
			u, err := url.Parse(l.url)
			if err != nil {
				t.Fatal(err)
			}
			if bare, _, _ := strings.Cut(l.url, "?"); bare != l.bare {
				t.Errorf("%s: got %s, want %s", c.name, bare, l.bare)
			}
			key := u.Query().Get(sign.Param)
			if err := sign.Verify(l.path, key, []string{l.key}, l.validity, l.end.Add(-time.Second)); err != nil {
				t.Errorf("%s: %s: %v", c.name, l.url, err)
			}
			if err := sign.Verify(l.path, key, []string{l.key}, l.validity, l.end); err == nil {
				t.Errorf("%s: %s works on", c.name, l.url)
			}
		}
		for _, l := range []struct {
			url, before, after, key string
			validity                time.Duration
			end                     time.Time
		}{
			{set.Publish.SRT, "srt://localhost:1105?streamid=#!::r=/live/demo?auth_key=", ",m=publish", "in", time.Hour, c.in},
			{set.Play.SRT, "srt://localhost:1105?streamid=#!::r=/live/demo?auth_key=", ",m=request", "out", 24 * time.Hour, c.out},
		} {
			key, ok := strings.CutPrefix(l.url, l.before)
			token, end := strings.CutSuffix(key, l.after)
			if !ok || !end {
				t.Errorf("%s: %s", c.name, l.url)
			}
			if err := sign.Verify("/live/demo", token, []string{l.key}, l.validity, l.end.Add(-time.Second)); err != nil {
				t.Errorf("%s: %s: %v", c.name, l.url, err)
			}
		}
		if set.Expires == nil || !set.Expires.Equal(c.in) {
			t.Errorf("%s: expires %v", c.name, set.Expires)
		}
	}
}

func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		place            links.Place
		rtmp, whep, artc string
	}{
		{links.Place{HTTP: 80, RTMP: 1936}, "rtmp://localhost:1936/", "http://localhost/whep/", "artc://localhost/live"},
		{links.Place{Host: "192.0.2.1", HTTP: 8443, RTMP: 1935, TLS: true}, "rtmp://192.0.2.1/", "https://192.0.2.1:8443/whep/", "artc://192.0.2.1:8443/"},
		{links.Place{Host: "::1", HTTP: 443, RTMP: 1936, TLS: true}, "rtmp://[::1]:1936/", "https://[::1]/whep/", "artc://[::1]/live"},
	} {
		set := makeSet(t, c.place, links.Order{})
		for got, want := range map[string]string{set.Publish.RTMP: c.rtmp, set.Play.WHEP: c.whep, set.Play.ARTC: c.artc} {
			if !strings.HasPrefix(got, want) {
				t.Errorf("%+v: got %s, want %s", c.place, got, want)
			}
		}
	}
}

// Domains of one's own go into the URLs by name; without signing there is no
// token, and the half-second mode has no RTMP and no FLV.
func TestOwnDomains(t *testing.T) {
	want := links.Set{
		Publish: links.Publish{WHIP: "http://push.half.test:8080/live/demo", ARTC: "artc://push.half.test:8080/live/demo"},
		Play:    links.Play{ARTC: "artc://play.half.test:8080/live/demo", WHEP: "http://play.half.test:8080/whep/live/demo"},
	}
	for _, name := range []string{"push.half.test", "PLAY.half.test"} {
		if got := makeSet(t, usual, links.Order{Domain: name}); got != want {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestNoPair(t *testing.T) {
	for name, want := range map[string]string{
		"alone.test": `domain "alone.test" is associated with no other`,
		"none.test":  `no domain "none.test" here, only alone.test, play.half.test, play.localhost, push.half.test, push.localhost`,
	} {
		if _, err := links.Make(domains(), usual, links.Order{Domain: name}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	none := &catalog.Snapshot{}
	if _, err := links.Make(none, usual, links.Order{}); err == nil || !strings.Contains(err.Error(), "no domain is marked as default") {
		t.Errorf("no default: %v", err)
	}
}
