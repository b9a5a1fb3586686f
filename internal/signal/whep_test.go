package signal_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"millrace/internal/reason"
	"millrace/internal/signal"
)

const sdpType, fragmentType = "application/sdp", "application/trickle-ice-sdpfrag"

func TestWHEPSession(t *testing.T) {
	s := newStage(t, signal.Config{})
	s.publish("demo", h264, opus)
	post := func() reply {
		return s.ask("POST", "/whep/live/demo?auth_key="+goodKey, file(t, "whep-n-M.sdp"), "Content-Type", "Application/SDP; charset=utf-8")
	}
	r := post()
	location, etag := r.header.Get("Location"), r.header.Get("ETag")
	if r.status != http.StatusCreated || r.header.Get("Content-Type") != sdpType || !strings.HasPrefix(r.body, "v=0\r\n") {
		t.Fatalf("status %d, %v, %s", r.status, r.header, r.body)
	}
	if !regexp.MustCompile(`^/whep/live/demo/Sess-_0\.[0-9a-f]{16}\.[0-9a-f]{32}$`).MatchString(location) ||
		!regexp.MustCompile(`^"[0-9a-f]{16}"$`).MatchString(etag) || r.header.Get("Accept-Patch") != fragmentType || r.header.Get("Link") != "" {
		t.Errorf("headers %v", r.header)
	}
	if q := s.adm.last(); q.Protocol != "whep" || q.Path != "/live/demo" || q.App != "live" || q.Stream != "demo" || "http://"+q.Host != s.web.URL {
		t.Errorf("admission was asked for %+v", q)
	}
	const fragment = "a=ice-ufrag:g2ll\r\na=ice-pwd:SqIm/IAb1IEqVQnbScUsGNZ5\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.2 9 typ host\r\n"
	for _, tt := range []struct {
		name, method, body, contentType, match string
		status                                 int
	}{
		{"trickle", "PATCH", fragment, fragmentType, etag, 204},
		{"trickle, any", "PATCH", fragment, fragmentType, "*", 204},
		{"trickle, no condition", "PATCH", fragment, fragmentType, "", 204},
		{"end of candidates alone", "PATCH", "a=end-of-candidates\n", fragmentType, etag, 204},
		{"another ICE session", "PATCH", fragment, fragmentType, `"0000"`, 412},
		{"restart", "PATCH", strings.Replace(fragment, "g2ll", "new1", 1), fragmentType, "*", 422},
		{"not a fragment", "PATCH", "hello", fragmentType, etag, 400},
		{"empty", "PATCH", "", fragmentType, etag, 400},
		{"wrong type", "PATCH", fragment, sdpType, etag, 415},
		{"too large", "PATCH", strings.Repeat("a=x\n", 20000), fragmentType, etag, 413},
		{"GET", "GET", "", "", "", 405},
		{"HEAD", "HEAD", "", "", "", 405},
		{"POST", "POST", file(t, "whep-n-M.sdp"), sdpType, "", 405},
		{"PUT", "PUT", "", "", "", 405},
		{"OPTIONS", "OPTIONS", "", "", "", 204},
	} {
		headers := []string{"Content-Type", tt.contentType}
		if tt.match != "" {
			headers = append(headers, "If-Match", tt.match)
		}
		r := s.ask(tt.method, location, tt.body, headers...)
		if r.status != tt.status {
			t.Errorf("%s: status %d, %s", tt.name, r.status, r.body)
		}
		if tt.status == 405 && r.header.Get("Allow") != "DELETE, PATCH, OPTIONS" {
			t.Errorf("%s: Allow %q", tt.name, r.header.Get("Allow"))
		}
	}
	for _, forged := range []string{location + "0", location[:len(location)-1] + "g", strings.Replace(location, "_0", "_1", 1), "/whep/live/demo/x", "/whep/live/demo/"} {
		for _, method := range []string{"DELETE", "PATCH"} {
			if r := s.ask(method, forged, fragment, "Content-Type", fragmentType); r.status != 404 {
				t.Errorf("%s %s: status %d", method, forged, r.status)
			}
		}
	}
	if len(s.peers.sessions) != 1 {
		t.Fatalf("%d sessions", len(s.peers.sessions))
	}
	if r := s.ask("DELETE", location, ""); r.status != 200 || s.readers() != 0 || s.peers.closed[0] != reason.ClosedByPeer {
		t.Errorf("DELETE: status %d, %d readers, closed for %v", r.status, s.readers(), s.peers.closed)
	}
	if r := s.ask("DELETE", location, ""); r.status != 404 {
		t.Errorf("second DELETE: status %d", r.status)
	}
}

func TestWHEPEndpoint(t *testing.T) {
	s := newStage(t, signal.Config{})
	s.publish("demo", h264, opus)
	for _, tt := range []struct {
		name, method, path, body, contentType string
		status                                int
	}{
		{"wrong type", "POST", "/whep/live/demo?auth_key=" + goodKey, file(t, "whep-n-M.sdp"), "text/plain", 415},
		{"no type", "POST", "/whep/live/demo?auth_key=" + goodKey, file(t, "whep-n-M.sdp"), "", 415},
		{"bad SDP", "POST", "/whep/live/demo?auth_key=" + goodKey, "v=0", sdpType, 400},
		{"empty", "POST", "/whep/live/demo?auth_key=" + goodKey, "", sdpType, 400},
		{"no stream", "POST", "/whep/live", "", sdpType, 400},
		{"empty stream", "POST", "/whep/live/", "", sdpType, 400},
		{"too deep", "POST", "/whep/a/b/c/d", "", sdpType, 400},
		{"GET", "GET", "/whep/live/demo", "", "", 405},
		{"HEAD", "HEAD", "/whep/live/demo", "", "", 405},
		{"DELETE", "DELETE", "/whep/live/demo", "", "", 405},
		{"OPTIONS", "OPTIONS", "/whep/live/demo", "", "", 204},
		{"unknown", "POST", "/whep/live/gone?auth_key=" + goodKey, file(t, "whep-n-M.sdp"), sdpType, 404},
		{"unsigned", "POST", "/whep/live/demo", file(t, "whep-n-M.sdp"), sdpType, 403},
		{"VP8 alone", "POST", "/whep/live/demo?auth_key=" + goodKey, file(t, "whep-ffox-M.sdp"), sdpType, 406},
		{"GStreamer", "POST", "/whep/live/demo?auth_key=" + goodKey, file(t, "whep-gst-g.sdp"), sdpType, 201},
		{"aiortc", "POST", "/whep/live/demo?auth_key=" + goodKey, file(t, "whep-aio-P.sdp"), sdpType, 201},
	} {
		r := s.ask(tt.method, tt.path, tt.body, "Content-Type", tt.contentType)
		if r.status != tt.status || r.header.Get("Accept-Post") != sdpType {
			t.Errorf("%s: status %d, %s", tt.name, r.status, r.body)
		}
	}
	if s.readers() != 2 {
		t.Errorf("%d readers", s.readers())
	}
}

// A bearer token stands in for auth_key, and never overrules it.
func TestBearer(t *testing.T) {
	s := newStage(t, signal.Config{})
	s.publish("demo", h264, opus)
	for _, tt := range []struct {
		query, authorization, key string
	}{
		{"", "Bearer " + goodKey, goodKey},
		{"", "bearer  " + goodKey + " ", goodKey},
		{"", "Bearer", ""},
		{"", "Bearer ", ""},
		{"", "Basic " + goodKey, ""},
		{"?auth_key=", "Bearer " + goodKey, goodKey},
		{"?auth_key=" + goodKey, "Bearer", goodKey},
		{"?auth_key=" + goodKey, "Bearer forged", goodKey},
		{"?auth_key=forged", "Bearer " + goodKey, "forged"},
	} {
		r := s.ask("POST", "/whep/live/demo"+tt.query, file(t, "whep-n-M.sdp"), "Content-Type", sdpType, "Authorization", tt.authorization)
		if got := s.adm.last().AuthKey; got != tt.key || (r.status == 201) != (tt.key == goodKey) {
			t.Errorf("%q with %q: key %q, status %d", tt.query, tt.authorization, got, r.status)
		}
	}
}
