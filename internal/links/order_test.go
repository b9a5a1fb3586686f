package links_test

import (
	"strings"
	"testing"
	"time"

	"millrace/internal/links"
)

func TestParseStream(t *testing.T) {
	for in, want := range map[string][2]string{
		"live/demo": {"live", "demo"}, "/live/demo.v1": {"live", "demo.v1"}, "-/_": {"-", "_"},
	} {
		if app, stream, err := links.ParseStream(in); err != nil || app != want[0] || stream != want[1] {
			t.Errorf("%s: %q %q %v", in, app, stream, err)
		}
	}
	for _, in := range []string{"", "live", "live/", "/demo", "a/b/c", "live/.demo", "li.ve/demo", "live/d mo", "live/demo\n", "//live/demo"} {
		if _, _, err := links.ParseStream(in); err == nil {
			t.Errorf("%q is taken", in)
		}
	}
}

func TestParsePlace(t *testing.T) {
	got, err := links.ParsePlace("h", ":8080", "", "127.0.0.1:1935", "", "")
	if want := (links.Place{Host: "h", HTTP: 8080, RTMP: 1935}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = links.ParsePlace("", ":8080", "[::]:8443", ":1936", ":1937", ":1105")
	if want := (links.Place{HTTP: 8443, RTMP: 1936, RTMPS: 1937, SRT: 1105, TLS: true}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, c := range [][5]string{{"8080", "", ":1"}, {":1", ":http", ":1"}, {":1", "", ":65536"}, {":1", "", ":1", "rtmps"}, {":1", "", ":1", "", "srt"}} {
		if _, err := links.ParsePlace("", c[0], c[1], c[2], c[3], c[4]); err == nil {
			t.Errorf("%v is taken", c)
		}
	}
}

func TestParseTime(t *testing.T) {
	for in, want := range map[string]time.Time{
		"": at, "1740562218": at, "2025-02-26T09:30:18Z": at, "2025-02-26T17:30:18+08:00": at,
	} {
		if got, err := links.ParseTime(in, at); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"yesterday", "-5", "17405622180", "2025-02-26"} {
		if _, err := links.ParseTime(in, at); err == nil || !strings.Contains(err.Error(), "is no time") {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestText(t *testing.T) {
	var b strings.Builder
	if err := makeSet(t, usual, links.Order{Domain: "play.half.test"}).Text(&b); err != nil {
		t.Fatal(err)
	}
	const want = `publish  WHIP            http://push.half.test:8080/live/demo
         ARTC            artc://push.half.test:8080/live/demo
play     ARTC            artc://play.half.test:8080/live/demo
         WHEP            http://play.half.test:8080/whep/live/demo
`
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
	b.Reset()
	if err := makeSet(t, usual, links.Order{}).Text(&b); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"publish  RTMP            rtmp://", "         OBS server      rtmp://", "expires  2025-02-26T10:30:18Z\n"} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("no %q in:\n%s", line, b.String())
		}
	}
}
