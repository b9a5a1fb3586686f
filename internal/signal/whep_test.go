package signal_test

import (
	"testing"

	"millrace/internal/signal"
)

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
