package links_test

import (
	"strings"
	"testing"
	"time"

	"millrace/internal/links"
)

func TestURL(t *testing.T) {
	for _, c := range []struct{ key, url, want string }{
		{"aliyuncdnexp1234", "http://cdn.example.com/video/standard/1K.html", "http://cdn.example.com/video/standard/1K.html?auth_key=1444435200-0-0-80cd3862d699b7118eed99103f2a3a4f"},
		{"testkey0123", "rtmp://h/app/stream?x=1", "rtmp://h/app/stream?x=1&auth_key=1740562218-0-0-7006cb10290acc11daa7f717b7a4f875"},
		{"testkey0123", "https://h:8443/whep/app/stream", "https://h:8443/whep/app/stream?auth_key=1740562218-0-0-7006cb10290acc11daa7f717b7a4f875"},
		{"testkey0123", "https://h:8443/whip/app/stream", "https://h:8443/whip/app/stream?auth_key=1740562218-0-0-7006cb10290acc11daa7f717b7a4f875"},
	} {
		o := links.Order{At: at}
		if c.key != "testkey0123" {
			o.At = time.Unix(1444435200, 0)
		}
		if got, err := links.URL(links.KeyOnly(c.key), c.url, o); err != nil || got != c.want {
			t.Errorf("got %s, %v\nwant %s", got, err, c.want)
		}
	}
}

// A longer life is a later timestamp; an hour ends when an hour is over.
func TestURLLife(t *testing.T) {
	got, err := links.URL(links.KeyOnly("k"), "rtmp://h/a/b", links.Order{At: at, Life: time.Hour})
	if err != nil || !strings.Contains(got, "auth_key=1740479418-0-0-") { // at + 1 h - 24 h
		t.Errorf("%s, %v", got, err)
	}
}

func TestURLRefusals(t *testing.T) {
	for in, want := range map[string]string{
		"/live/demo":                  "want scheme://host/path",
		"rtmp://h":                    "want scheme://host/path",
		"rtmp://h/":                   "want scheme://host/path",
		"rtmp://h/a/b#c":              "fragment",
		"rtmp://h/a/b#":               "fragment",
		"rtmp://h/a/b?auth_key=1":     "signed already",
		"rtmp://h/a/b?auth_key=":      "signed already",
		"rtmp://h/a/b?x=1?auth_key=1": "signed already",
		"rtmp://h/%zz":                "read URL",
	} {
		if _, err := links.URL(links.KeyOnly("k"), in, links.Order{At: at}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", in, err)
		}
	}
	if _, err := links.URL(links.KeyOnly(""), "rtmp://h/a/b", links.Order{At: at}); err == nil {
		t.Error("signed without a key")
	}
}

func TestDomainOf(t *testing.T) {
	for _, c := range []struct {
		url     string
		publish bool
		domain  string
		want    string
	}{
		{"rtmp://localhost/live/demo", true, "", "push.localhost"},
		{"rtmp://localhost/live/demo", false, "", "play.localhost"},
		{"rtmp://127.0.0.1:1935/live/demo", true, "play.half.test", "push.half.test"},
		{"http://localhost:8080/whip/live/demo", false, "", "push.localhost"},
		{"http://localhost:8080/whip/live", false, "", "play.localhost"},
		{"rtmp://PUSH.half.test/live/demo", false, "", "push.half.test"},
	} {
		d, err := links.DomainOf(domains(), c.url, c.publish, links.Order{Domain: c.domain})
		if err != nil || d.Name != c.want {
			t.Errorf("%+v: %v, %v", c, d, err)
		}
	}
}
