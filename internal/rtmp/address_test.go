package rtmp

import (
	"errors"
	"strings"
	"testing"

	"millrace/internal/catalog"
	"millrace/internal/reason"
)

const token = "1740562218-0-0-7006cb10290acc11daa7f717b7a4f875"

func at(host, app, stream, key string) address {
	return address{host: host, app: app, stream: stream, authKey: key}
}

var addresses = []struct {
	what, app, tcURL, name string
	want                   address
	why                    reason.Reason
}{
	{"ffmpeg", "live", "rtmp://h:1935/live", "s?auth_key=" + token, at("h:1935", "live", "s", token), ""},
	{"OBS, server and key", "live", "rtmp://push.example.com/live", "s?auth_key=" + token, at("push.example.com", "live", "s", token), ""},
	{"OBS, whole URL as server", "live/s?auth_key=" + token, "rtmp://h/live/s?auth_key=" + token, "", at("h", "live", "s", token), ""},
	{"the same with a slash", "live/s/?auth_key=" + token, "rtmp://h/live/s/?auth_key=" + token, "", at("h", "live", "s", token), ""},
	{"query on the app", "live?auth_key=" + token, "rtmp://h/live?auth_key=" + token, "s", at("h", "live", "s", token), ""},
	{"query on the app, whole URL as server", "live?auth_key=" + token + "/s", "rtmp://h/live", "", at("h", "live", "s", token), ""},
	{"key is a query only", "live/s", "rtmp://h/live/s", "?auth_key=" + token, at("h", "live", "s", token), ""},
	{"query on tcUrl only", "live", "rtmp://h/live?auth_key=" + token, "s", at("h", "live", "s", token), ""},
	{"the name's goes first", "live?auth_key=1", "rtmp://h/live?auth_key=2", "s?auth_key=" + token, at("h", "live", "s", token), ""},
	{"two question marks", "live", "rtmp://h/live", "s?a=b?auth_key=" + token, at("h", "live", "s", token), ""},
	{"other arguments", "live", "rtmp://h/live", "s?x=1&auth_key=" + token + "&y", at("h", "live", "s", token), ""},
	{"escaped", "live", "rtmp://h/live", "s?auth_key=1%2D0-0-a", at("h", "live", "s", "1-0-0-a"), ""},
	{"badly escaped", "live", "rtmp://h/live", "s?auth_key=1%zz", at("h", "live", "s", "1%zz"), ""},
	{"an empty one first", "live", "rtmp://h/live", "s?auth_key=&auth_key=" + token, at("h", "live", "s", ""), ""},
	{"an empty one of the name", "live?auth_key=" + token, "rtmp://h/live", "s?auth_key=", at("h", "live", "s", token), ""},
	{"a plus", "live", "rtmp://h/live", "s?auth_key=1-a+b%2Bc-0-a", at("h", "live", "s", "1-a+b+c-0-a"), ""},
	{"no key", "live", "rtmp://h/live", "s", at("h", "live", "s", ""), ""},
	{"slashes around", "/live/", "rtmp://h/live/", "/s", at("h", "live", "s", ""), ""},
	{"no tcUrl", "live", "", "s", at("", "live", "s", ""), ""},
	{"tcUrl without scheme", "live", "h:1935/live", "s", at("h:1935", "live", "s", ""), ""},
	{"credentials", "live", "rtmp://u:p@h/live", "s", at("h", "live", "s", ""), ""},
	{"IPv6", "live", "rtmp://[::1]:1935/live", "s", at("[::1]:1935", "live", "s", ""), ""},
	{"vhost", "live", "rtmp://center/live", "s?vhost=d.example.com&auth_key=" + token, at("d.example.com", "live", "s", token), ""},
	{"dots in the name", "live", "rtmp://h/live", "a.b..c", at("h", "live", "a.b..c", ""), ""},
	{"everything allowed", "A-z_0", "rtmp://h/A-z_0", "Z-a_9.x", at("h", "A-z_0", "Z-a_9.x", ""), ""},

	{"empty", "", "", "", address{}, reason.BadName},
	{"no stream", "live", "rtmp://h/live", "", address{}, reason.BadName},
	{"no app", "", "rtmp://h/", "s", address{}, reason.BadName},
	{"leading dot", "live", "rtmp://h/live", ".s", address{}, reason.BadName},
	{"dot in the app", "li.ve", "rtmp://h/li.ve", "s", address{}, reason.BadName},
	{"two levels", "live/a", "rtmp://h/live/a", "s", address{}, reason.BadName},
	{"way up", "live", "rtmp://h/live", "../s", address{}, reason.BadName},
	{"space", "live", "rtmp://h/live", "a b", address{}, reason.BadName},
	{"control byte", "live", "rtmp://h/live", "a\x00b", address{}, reason.BadName},
	{"newline", "live", "rtmp://h/live", "a\nb", address{}, reason.BadName},
	{"not ASCII", "live", "rtmp://h/live", "é", address{}, reason.BadName},
	{"name of 256", "live", "rtmp://h/live", strings.Repeat("a", 256), address{}, reason.BadName},
	{"long", "live", "rtmp://h/" + strings.Repeat("a", 5000), "s", address{}, reason.BadRequest},
}

func TestParseAddress(t *testing.T) {
	for _, c := range addresses {
		t.Run(c.what, func(t *testing.T) {
			got, err := parseAddress(c.app, c.tcURL, c.name)
			if c.why != "" {
				var denied *catalog.Denied
				if !errors.As(err, &denied) || denied.Reason != c.why || denied.Detail == "" {
					t.Fatalf("got %+v, error %v", got, err)
				}
				return
			}
			got.query, got.queries = "", [3]string{}
			if err != nil || got != c.want {
				t.Fatalf("got %+v, error %v", got, err)
			}
			if got.path() != "/"+c.want.app+"/"+c.want.stream {
				t.Fatalf("path is %q", got.path())
			}
		})
	}
}

func FuzzAddress(f *testing.F) {
	for _, c := range addresses {
		f.Add(c.app, c.tcURL, c.name)
	}
	f.Fuzz(func(t *testing.T, app, tcURL, name string) {
		a, err := parseAddress(app, tcURL, name)
		if err != nil {
			var denied *catalog.Denied
			if !errors.As(err, &denied) {
				t.Fatalf("error is %v", err)
			}
			return
		}
		if !validName(a.app, false) || !validName(a.stream, true) {
			t.Fatalf("let through %q / %q", a.app, a.stream)
		}
		if again, err := parseAddress(a.app, tcURL, a.stream); err != nil || again.path() != a.path() {
			t.Fatalf("%q became %q, %v", a.path(), again.path(), err)
		}
	})
}

func TestParseTarget(t *testing.T) {
	for url, want := range map[string]target{
		"rtmp://h/live/s":                 {"h:1935", "live", "rtmp://h/live", "s", false},
		"rtmp://h:1936/live/s?auth_key=1": {"h:1936", "live", "rtmp://h:1936/live", "s?auth_key=1", false},
		"rtmp://[::1]/live/s":             {"[::1]:1935", "live", "rtmp://[::1]/live", "s", false},
		"rtmps://h/live/s":                {"h:443", "live", "rtmps://h/live", "s", true},
	} {
		got, err := parseTarget(url)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v", url, got, err)
		}
	}
	for _, url := range []string{"", "http://h/live/s", "rtmp://h/live", "rtmp:///live/s", "rtmp://h"} {
		if _, err := parseTarget(url); !errors.Is(err, ErrURL) {
			t.Errorf("%q: error is %v", url, err)
		}
	}
}
