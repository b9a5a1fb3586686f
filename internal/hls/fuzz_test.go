package hls

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func FuzzDirectives(f *testing.F) {
	for _, query := range []string{
		"", "_HLS_msn=1", "_HLS_msn=7&_HLS_part=3&_HLS_skip=YES", "_HLS_part=1", "_HLS_skip=v2", "_HLS_msn=-1", "_HLS_msn=99999999999999999999",
		"session=x&_HLS_msn=0001&&=&_HLS_part=4294967295", "_HLS_msn=%31",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		d, err := parseDirectives(query)
		if err != nil {
			return
		}
		if d.after.msn < -1 || d.after.msn > maxNumber || d.after.part < -1 || d.after.msn < 0 && d.after.part >= 0 {
			t.Errorf("%q is %+v", query, d)
		}
		// Nothing of it may bring a lane to answer what it does not have.
		l := newLane(together, "RUN", Config{}.withDefaults())
		if v := l.view.Load(); d.after.msn >= 0 && v.has(d.after) {
			t.Errorf("an empty lane has %+v", d.after)
		}
	})
}

func FuzzFile(f *testing.F) {
	for _, name := range []string{"v12.m4s", "v12.3.m4s", "v0.mp4", "m7.ts", "m1099511627775.99.m4s", "", "v", "v1.2.3.m4s", "v-1.ts", "vx.mp4"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, ok := parseFile(name)
		if !ok {
			return
		}
		if got.msn < 0 || got.part < -1 || got.section < 0 || !strings.HasPrefix(name, got.letter) {
			t.Errorf("%q is %+v", name, got)
		}
	})
}

func FuzzWish(f *testing.F) {
	for _, target := range []string{
		"/live/demo.m3u8?auth_key=1-0-0-x", "/live/demo.m3u8?format=ll&tracks=apart&audio=opus", "/a/b/c.m3u8", "/%2e/%zz.m3u8", "/live/.m3u8?format=x",
		"/live/demo.m3u8?rts_degrade=on",
	} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if u, err := url.ParseRequestURI(target); err != nil || !strings.HasPrefix(target, "/") || strings.ContainsAny(target, " \r\n\t") || u.Host != "" {
			return
		}
		w, err := parseWish(httptest.NewRequest("GET", "http://play.test"+strings.TrimSpace(target), nil))
		if err == nil && (w.App == "" || w.Stream == "" || len(w.App) > maxName || len(w.Stream) > maxName || w.opus && w.container == "avi") {
			t.Errorf("%q is %+v", target, w)
		}
	})
}
