package srt

import (
	"strings"
	"testing"
)

func TestStreamIDs(t *testing.T) {
	for id, want := range map[string]wish{
		"#!::h=push.a.test,r=/live/s?auth_key=1-0-0-ab,m=publish":         {host: "push.a.test", app: "live", stream: "s", path: "/live/s", authKey: "1-0-0-ab", publish: true},
		"push://push.a.test/live/s?auth_key=1-0-0-ab":                     {host: "push.a.test", app: "live", stream: "s", path: "/live/s", authKey: "1-0-0-ab", publish: true},
		"push://push.a.test/live/s?x=1,2&auth_key=k":                      {host: "push.a.test", app: "live", stream: "s", path: "/live/s", authKey: "k", publish: true},
		"#!::r=live/s,m=request":                                          {app: "live", stream: "s", path: "/live/s"},
		"#!::r=live/s":                                                    {app: "live", stream: "s", path: "/live/s"},
		"#!::m=publish,t=stream,u=me,s=42,r=/live/s,h=h":                  {host: "h", app: "live", stream: "s", path: "/live/s", user: "me", session: "42", publish: true},
		"#!::r=/live/s?a=1,2,3&auth_key=k,m=publish":                      {app: "live", stream: "s", path: "/live/s", authKey: "k", publish: true},
		"#!::r=/live/s?auth_key=k,weird=1,m=publish":                      {app: "live", stream: "s", path: "/live/s", authKey: "k,weird=1", publish: true},
		"#!::r=/live/s,weird=1,alone,m=publish,h=":                        {app: "live", stream: "s", path: "/live/s", publish: true},
		"#!::r=/live/s?auth_key=1%2D2&b=c?auth_key=other,h=h:1,m=publish": {host: "h:1", app: "live", stream: "s", path: "/live/s", authKey: "1-2", publish: true},
		"#!::r=/li%76e/s,m=publish":                                       {app: "live", stream: "s", path: "/li%76e/s", publish: true},
		"#!::r=/live/s?auth_key=k,":                                       {app: "live", stream: "s", path: "/live/s", authKey: "k,"},
	} {
		got, err := parseStreamID(id)
		if _, query, some := strings.Cut(id, "?"); some != (got.query != "") || !strings.HasPrefix(query, got.query) {
			t.Errorf("%s: query %q", id, got.query)
		}
		got.query = ""
		if err != nil || got != want {
			t.Errorf("%s\n got %+v, %v\nwant %+v", id, got, err, want)
		}
	}
	for id, want := range map[string]string{
		"":                                     "must be",
		"live/s":                               "must be",
		"#!:{}":                                "must be",
		"#!::":                                 "must name an app and a stream",
		"#!::r=/live,m=publish":                "must name an app and a stream",
		"#!::r=/live/%zz,m=publish":            "percent-encoded",
		"#!::r=/live/s,m=bidirectional":        "m=publish or m=request",
		"#!::r=/live/s,t=file":                 "t=stream",
		"push://h":                             "must name an app and a stream",
		"#!::r=/a/" + strings.Repeat("x", 600): "too long",
	} {
		if got, err := parseStreamID(id); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v", id, got, err)
		}
	}
}

func FuzzStreamID(f *testing.F) {
	for _, id := range []string{
		"#!::h=push.a.test,r=/live/s?auth_key=1-0-0-ab,m=publish", "push://push.a.test/live/s?auth_key=1-0-0-ab",
		"#!::r=/live/s?a=1,2,3&auth_key=k,m=publish", "#!::,=,r=?,,m=publish", "#!::r=/a/b?,m", "push:///a/b?%",
	} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		w, err := parseStreamID(id)
		if err == nil && (!strings.HasPrefix(w.path, "/") || len(w.path)+len(w.host) > len(id)+1) {
			t.Errorf("%q gives %+v", id, w)
		}
	})
}
