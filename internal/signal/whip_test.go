package signal_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/signal"
)

func TestWHIPEndpoint(t *testing.T) {
	offer := file(t, "whip-n-M.sdp")
	for _, tt := range []struct {
		name, method, path, body, contentType string
		status                                int
	}{
		{"own path", "POST", "/live/demo?auth_key=" + goodKey, offer, sdpType, 201},
		{"own path, by its body", "POST", "/live/demo?auth_key=" + goodKey, "\r\n" + offer, "text/plain", 201},
		{"prefix", "POST", "/whip/live/demo?auth_key=" + goodKey, offer, sdpType, 201},
		{"passive, audio first", "POST", "/live/demo?auth_key=" + goodKey, file(t, "whip-ff9-L.sdp"), sdpType, 201},
		{"bundle-only", "POST", "/live/demo?auth_key=" + goodKey, file(t, "whip-gst-g.sdp"), sdpType, 201},
		{"VP8 alone", "POST", "/live/demo?auth_key=" + goodKey, file(t, "whip-cvp8-M.sdp"), sdpType, 201},
		{"aiortc", "POST", "/live/demo?auth_key=" + goodKey, file(t, "whip-aio-P.sdp"), sdpType, 201},
		{"a viewer's offer", "POST", "/live/demo?auth_key=" + goodKey, file(t, "whep-n-M.sdp"), sdpType, 406},
		{"wrong type", "POST", "/whip/live/demo?auth_key=" + goodKey, offer, "text/plain", 415},
		{"no type", "POST", "/whip/live/demo?auth_key=" + goodKey, offer, "", 415},
		{"bad SDP", "POST", "/live/demo?auth_key=" + goodKey, "v=0", sdpType, 400},
		{"empty", "POST", "/live/demo?auth_key=" + goodKey, "", sdpType, 400},
		{"JSON as SDP", "POST", "/live/demo?auth_key=" + goodKey, "{}", sdpType, 400},
		{"too large", "POST", "/live/demo?auth_key=" + goodKey, "v=0" + strings.Repeat(" ", 64<<10), sdpType, 413},
		{"no stream", "POST", "/live?auth_key=" + goodKey, offer, sdpType, 400},
		{"too deep", "POST", "/a/b/c?auth_key=" + goodKey, offer, sdpType, 400},
		{"no stream, prefix", "POST", "/whip/live?auth_key=" + goodKey, offer, sdpType, 400},
		{"unsigned", "POST", "/live/demo", offer, sdpType, 403},
		{"forged", "POST", "/live/demo?auth_key=forged", offer, sdpType, 403},
		{"GET", "GET", "/whip/live/demo", "", "", 405},
		{"HEAD", "HEAD", "/whip/live/demo", "", "", 405},
		{"PUT", "PUT", "/whip/live/demo", "", "", 405},
		{"DELETE", "DELETE", "/whip/live/demo", "", "", 405},
		{"OPTIONS", "OPTIONS", "/whip/live/demo", "", "", 204},
		{"OPTIONS, own path", "OPTIONS", "/live/demo", "", "", 204},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t, signal.Config{})
			r := s.ask(tt.method, tt.path, tt.body, "Content-Type", tt.contentType)
			if r.status != tt.status {
				t.Fatalf("status %d, %s", r.status, r.body)
			}
			if tt.method == "OPTIONS" && !strings.Contains(r.header.Get("Accept-Post"), sdpType) {
				t.Errorf("Accept-Post %q", r.header.Get("Accept-Post"))
			}
			if got := s.publishing("demo"); got != (tt.status == 201) {
				t.Errorf("published: %v", got)
			}
			if tt.status >= 400 && tt.method != "HEAD" {
				if m := r.fields(t); r.header.Get("Content-Type") != "application/problem+json" || m["trace_id"] == "" || m["detail"] == "" {
					t.Errorf("body %s", r.body)
				}
			}
			if tt.status != 201 {
				return
			}
			if q := s.adm.last(); q.Protocol != "whip" || q.Path != "/live/demo" || q.AuthKey != goodKey || q.RemoteAddr == "" {
				t.Errorf("admission was asked for %+v", q)
			}
			if !strings.HasPrefix(r.header.Get("Location"), "/whip/live/demo/") {
				t.Errorf("Location %q", r.header.Get("Location"))
			}
			if strings.Contains(r.body, "a=sendonly") || strings.Contains(r.body, "a=sendrecv") || !strings.Contains(r.body, "a=recvonly") {
				t.Errorf("answer\n%s", r.body)
			}
		})
	}
}

// Who takes a picture that is only carried: nobody who offers H264 alone.
func TestCarriedToWhoTakesIt(t *testing.T) {
	s := newStage(t, signal.Config{})
	vp8 := &media.Track{Kind: media.Video, Codec: media.VP8, Width: 640, Height: 360}
	s.publish("demo", vp8, opus)
	if r := s.ask("POST", "/whep/live/demo?auth_key="+goodKey, file(t, "whep-n-M.sdp"), "Content-Type", sdpType); r.status != 201 || s.peers.sel.Video.Codec != media.VP8 {
		t.Errorf("a browser: status %d, %s", r.status, r.body)
	}
	only := strings.NewReplacer("VP8/90000", "X8/90000").Replace(file(t, "whep-n-M.sdp"))
	for path, body := range map[string]string{"/whep/live/demo?auth_key=" + goodKey: only, "/live/demo": artcBody(t, artcURL("demo"), "", "", only)} {
		contentType := sdpType
		if strings.HasPrefix(body, "{") {
			contentType = "application/json"
		}
		r := s.ask("POST", path, body, "Content-Type", contentType)
		if r.status != 406 || !strings.Contains(r.body, `"codec"`) || !strings.Contains(r.body, "VP8") {
			t.Errorf("no VP8: status %d, %s", r.status, r.body)
		}
	}
	if s.readers() != 1 {
		t.Errorf("%d readers", s.readers())
	}
}

// A bearer token stands in for auth_key, and an empty one for nothing.
func TestWHIPBearer(t *testing.T) {
	for _, path := range []string{"/live/demo", "/whip/live/demo"} {
		for _, tt := range []struct {
			query, authorization string
			status               int
		}{
			{"", "Bearer " + goodKey, 201},
			{"?auth_key=" + goodKey, "Bearer ", 201},
			{"?auth_key=" + goodKey, "Bearer", 201},
			{"?auth_key=" + goodKey, "Bearer forged", 201},
			{"?auth_key=forged", "Bearer " + goodKey, 403},
			{"", "Bearer ", 403},
			{"", "Bearer forged", 403},
			{"", "Basic " + goodKey, 403},
		} {
			s := newStage(t, signal.Config{})
			r := s.ask("POST", path+tt.query, file(t, "whip-n-M.sdp"), "Content-Type", sdpType, "Authorization", tt.authorization)
			if r.status != tt.status || (r.header.Get("X-Tengine-Error") != "") != (tt.status == 403) {
				t.Errorf("%s%s with %q: status %d", path, tt.query, tt.authorization, r.status)
			}
		}
	}
}

// A name that somebody publishes is not given away; his goodbye frees it.
func TestTaken(t *testing.T) {
	s := newStage(t, signal.Config{})
	location, _ := s.openSession("whip")
	var lives sync.WaitGroup
	living := s.peers.pub
	lives.Go(func() {
		for tick := time.NewTicker(10 * time.Millisecond); ; {
			select {
			case <-living.Done():
				tick.Stop()
				return
			case <-tick.C:
				living.Alive()
			}
		}
	})
	for path, body := range map[string]string{"/live/demo?auth_key=" + goodKey: file(t, "whip-n-M.sdp"), "/x/y": pushBody(t, artcURL("demo"), file(t, "whip-n-M.sdp"))} {
		r := s.ask("POST", path, body)
		if r.status != 409 || !strings.Contains(r.body, `"taken"`) || !strings.Contains(r.body, "the stream has a publisher already") {
			t.Errorf("status %d, %s", r.status, r.body)
		}
	}
	if r := s.ask("DELETE", location, ""); r.status != 200 || s.peers.closed[0] != reason.ClosedByPeer {
		t.Fatalf("DELETE: status %d", r.status)
	}
	lives.Wait()
	if r := s.ask("POST", "/x/y", pushBody(t, artcURL("demo"), file(t, "whip-n-M.sdp"))); r.status != 200 {
		t.Errorf("status %d, %s", r.status, r.body)
	}
}
