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

// openSession makes a session of a protocol and returns its URL and its tag.
func (s *stage) openSession(protocol string) (location, etag string) {
	s.t.Helper()
	offer := file(s.t, "whip-n-M.sdp")
	if protocol == "whep" {
		s.publish("demo", h264, opus)
		offer = file(s.t, "whep-n-M.sdp")
	}
	r := s.ask("POST", "/"+protocol+"/live/demo?auth_key="+goodKey, offer, "Content-Type", "Application/SDP; charset=utf-8")
	if r.status != http.StatusCreated || r.header.Get("Content-Type") != sdpType || !strings.HasPrefix(r.body, "v=0\r\n") {
		s.t.Fatalf("status %d, %v, %s", r.status, r.header, r.body)
	}
	location, etag = r.header.Get("Location"), r.header.Get("ETag")
	if !regexp.MustCompile(`^/`+protocol+`/live/demo/Sess-_0\.[0-9a-f]{16}\.30\.[0-9a-f]{32}$`).MatchString(location) ||
		!regexp.MustCompile(`^"[0-9a-f]{16}"$`).MatchString(etag) || r.header.Get("Accept-Patch") != fragmentType || r.header.Get("Link") != "" {
		s.t.Errorf("headers %v", r.header)
	}
	if q := s.adm.last(); string(q.Protocol) != protocol || q.Path != "/live/demo" || q.App != "live" || q.Stream != "demo" || "http://"+q.Host != s.web.URL {
		s.t.Errorf("admission was asked for %+v", q)
	}
	return location, etag
}

// fragment is what a peer sends with a candidate; "" is the ufrag of the offer.
func fragment(t *testing.T, protocol, ufrag string) string {
	if ufrag == "" {
		offer := file(t, protocol+"-n-M.sdp")
		ufrag = regexp.MustCompile(`a=ice-ufrag:(\S+)`).FindStringSubmatch(offer)[1]
	}
	return "a=ice-ufrag:" + ufrag + "\r\na=ice-pwd:SqIm/IAb1IEqVQnbScUsGNZ5\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n" +
		"a=candidate:1 1 udp 1 192.0.2.2 9 typ host\r\n"
}

// The session's URL of either protocol: trickle, restart, goodbye.
func TestSession(t *testing.T) {
	for _, protocol := range []string{"whip", "whep"} {
		t.Run(protocol, func(t *testing.T) {
			s := newStage(t, signal.Config{})
			location, etag := s.openSession(protocol)
			same := fragment(t, protocol, "")
			for _, tt := range []struct {
				name, method, body, contentType string
				match                           []string
				status                          int
			}{
				{"trickle", "PATCH", same, fragmentType, []string{etag}, 204},
				{"trickle, any", "PATCH", same, fragmentType, []string{"*"}, 204},
				{"trickle, list", "PATCH", same, fragmentType, []string{`"0", ` + etag}, 204},
				{"end of candidates", "PATCH", strings.Replace(same, "a=candidate:1 1 udp 1 192.0.2.2 9 typ host", "a=end-of-candidates", 1), fragmentType, []string{etag}, 204},
				{"no condition", "PATCH", same, fragmentType, nil, 428},
				{"empty condition", "PATCH", same, fragmentType, []string{""}, 412},
				{"another ICE session", "PATCH", same, fragmentType, []string{`"0000"`}, 412},
				{"weak", "PATCH", same, fragmentType, []string{"W/" + etag}, 412},
				{"restart without a condition", "PATCH", fragment(t, protocol, "new1"), fragmentType, nil, 428},
				{"restart without a password", "PATCH", strings.Replace(fragment(t, protocol, "new1"), "a=ice-pwd:SqIm/IAb1IEqVQnbScUsGNZ5\r\n", "", 1), fragmentType, []string{"*"}, 400},
				{"not a fragment", "PATCH", "hello", fragmentType, []string{etag}, 400},
				{"empty", "PATCH", "", fragmentType, []string{etag}, 400},
				{"wrong type", "PATCH", same, sdpType, []string{etag}, 415},
				{"no type", "PATCH", same, "", []string{etag}, 415},
				{"too large", "PATCH", strings.Repeat("a=x\n", 20000), fragmentType, []string{etag}, 413},
				{"GET", "GET", "", "", nil, 405},
				{"HEAD", "HEAD", "", "", nil, 405},
				{"POST", "POST", file(t, "whep-n-M.sdp"), sdpType, nil, 405},
				{"PUT", "PUT", "", "", nil, 405},
				{"OPTIONS", "OPTIONS", "", "", nil, 204},
			} {
				headers := []string{"Content-Type", tt.contentType}
				for _, m := range tt.match {
					headers = append(headers, "If-Match", m)
				}
				r := s.ask(tt.method, location, tt.body, headers...)
				if r.status != tt.status {
					t.Errorf("%s: status %d, %s", tt.name, r.status, r.body)
				}
				if tt.status == 405 && r.header.Get("Allow") != "DELETE, PATCH, OPTIONS" {
					t.Errorf("%s: Allow %q", tt.name, r.header.Get("Allow"))
				}
				if tag, ok := r.header["Etag"]; ok { // RFC 9725 section 4.3.2 forbids one
					t.Errorf("%s: ETag %q", tt.name, tag)
				}
			}
			for _, forged := range []string{location + "0", location[:len(location)-1] + "g", strings.Replace(location, "_0", "_1", 1), "/" + protocol + "/live/demo/x", "/" + protocol + "/live/demo/"} {
				for _, method := range []string{"DELETE", "PATCH"} {
					if r := s.ask(method, forged, same, "Content-Type", fragmentType, "If-Match", "*"); r.status != 404 {
						t.Errorf("%s %s: status %d", method, forged, r.status)
					}
				}
			}
			if len(s.peers.sessions) != 1 || len(s.peers.restarts) != 0 {
				t.Fatalf("%d sessions, restarts %v", len(s.peers.sessions), s.peers.restarts)
			}
			// A goodbye needs no condition, and heeds none.
			if r := s.ask("DELETE", location, "", "If-Match", `"0000"`); r.status != 200 || s.readers() != 0 || s.peers.closed[0] != reason.ClosedByPeer {
				t.Errorf("DELETE: status %d, %d readers, closed for %v", r.status, s.readers(), s.peers.closed)
			}
			if protocol == "whip" && s.publishing("demo") {
				t.Error("the publisher goes on")
			}
			if r := s.ask("DELETE", location, ""); r.status != 404 {
				t.Errorf("second DELETE: status %d", r.status)
			}
			if r := s.ask("PATCH", location, same, "Content-Type", fragmentType, "If-Match", "*"); r.status != 404 {
				t.Errorf("PATCH after DELETE: status %d", r.status)
			}
		})
	}
}

// Each restart makes another ICE session; what belongs to an earlier one fails.
func TestICERestart(t *testing.T) {
	for _, protocol := range []string{"whip", "whep"} {
		t.Run(protocol, func(t *testing.T) {
			s := newStage(t, signal.Config{})
			location, first := s.openSession(protocol)
			patch := func(ufrag, match string) reply {
				t.Helper()
				return s.ask("PATCH", location, fragment(t, protocol, ufrag), "Content-Type", fragmentType, "If-Match", match)
			}
			r := patch("new1", "*")
			second := r.header.Get("ETag")
			if r.status != 200 || r.header.Get("Content-Type") != fragmentType || second == first || second == "" {
				t.Fatalf("status %d, %v, %s", r.status, r.header, r.body)
			}
			for _, want := range []string{"a=ice-ufrag:again1\r\n", "a=ice-pwd:0123456789abcdefABCDEF\r\n", "a=mid:0\r\n", " 127.0.0.1 8000 typ host\r\n"} {
				if !strings.Contains(r.body, want) {
					t.Errorf("no %q in %q", want, r.body)
				}
			}
			if r := patch("new1", first); r.status != 412 {
				t.Errorf("candidates under the old tag: status %d", r.status)
			}
			if r := patch("new1", second); r.status != 204 || r.header.Get("ETag") != "" {
				t.Errorf("candidates under the new tag: status %d, %v", r.status, r.header)
			}
			if r := patch("new2", second); r.status != 200 || r.header.Get("ETag") == second {
				t.Errorf("second restart: status %d, %v", r.status, r.header)
			}
			if got := strings.Join(s.peers.restarts, ","); got != "new1 SqIm/IAb1IEqVQnbScUsGNZ5,new2 SqIm/IAb1IEqVQnbScUsGNZ5" {
				t.Errorf("restarts %s", got)
			}
			if n := s.counters("millrace_signal_ice_restarts_total")[protocol]; n != 2 {
				t.Errorf("counted %v", n)
			}
			// One that ended without a DELETE.
			s.peers.Close("Sess-_0", reason.PeerGone)
			if r := patch("new3", "*"); r.status != 404 {
				t.Errorf("restart of what has ended: status %d", r.status)
			}
		})
	}
}
