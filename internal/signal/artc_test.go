package signal_test

import (
	"bufio"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"millrace/internal/signal"
)

// exchange writes raw bytes to the server's socket and reads one response.
func (s *stage) exchange(raw string) reply {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.web.Listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		s.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, raw); err != nil {
		s.t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return read(s.t, res)
}

// What the official players sent, byte for byte.
func TestCapturedPlay(t *testing.T) {
	for _, name := range []string{"play-rts2.2.7", "play-rts2.7.2"} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, signal.Config{})
			s.publish("file", h264, opus)
			r := s.exchange(file(t, name+".request.txt"))
			if r.status != http.StatusOK {
				t.Fatalf("status %d: %s", r.status, r.body)
			}
			m := r.fields(t)
			jsep, _ := m["jsep"].(map[string]any)
			answer, _ := jsep["sdp"].(string)
			if m["code"] != 200.0 || m["message"] != "OK" || m["trace_id"] != "Sess-_0" || jsep["type"] != "answer" || len(m) != 4 {
				t.Errorf("body %v", m)
			}
			// The SDK played this captured response: ours has the same fields.
			var captured map[string]any
			if err := json.Unmarshal([]byte(file(t, name+".response.json")), &captured); err != nil {
				t.Fatal(err)
			}
			theirs, _ := captured["jsep"].(map[string]any)
			if !slices.Equal(slices.Sorted(maps.Keys(m)), slices.Sorted(maps.Keys(captured))) ||
				!slices.Equal(slices.Sorted(maps.Keys(jsep)), slices.Sorted(maps.Keys(theirs))) {
				t.Errorf("fields %v and %v, theirs %v and %v", m, jsep, captured, theirs)
			}
			for _, want := range []string{
				"a=group:BUNDLE 0 1\r\n", "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\n", "m=video 9 UDP/TLS/RTP/SAVPF 108 109",
				"a=msid:rts audio\r\n", "a=msid:rts video\r\n", "a=setup:passive\r\n", " 127.0.0.1 8000 typ host\r\n", "a=ssrc-group:FID 1 2\r\n",
			} {
				if !strings.Contains(answer, want) {
					t.Errorf("no %q in\n%s", want, answer)
				}
			}
			if got := strings.Contains(answer, "m=application 0 "); got != (name == "play-rts2.7.2") {
				t.Errorf("data channel rejected: %v", got)
			}
			q := s.adm.last()
			if q.Protocol != "artc" || q.Host != "localhost:18080" || q.App != "live" || q.Stream != "file" || q.Path != "/live/file" || q.AuthKey != goodKey || q.RemoteAddr == "" {
				t.Errorf("admission was asked for %+v", q)
			}
			if s.readers() != 1 || len(s.peers.sessions) != 1 {
				t.Errorf("%d readers, %d sessions", s.readers(), len(s.peers.sessions))
			}
		})
	}
}

// What the official players sent to publish, byte for byte.
func TestCapturedPublish(t *testing.T) {
	for _, version := range []string{"2.2.7", "2.7.2"} {
		t.Run(version, func(t *testing.T) {
			s := newStage(t, signal.Config{})
			name, stream := "publish-rts"+version, "pubrts"+strings.ReplaceAll(version, ".", "")
			r := s.exchange(file(t, name+".request.txt"))
			if r.status != http.StatusOK {
				t.Fatalf("status %d: %s", r.status, r.body)
			}
			m := r.fields(t)
			jsep, _ := m["jsep"].(map[string]any)
			answer, _ := jsep["sdp"].(string)
			if m["code"] != 200.0 || m["message"] != "OK" || m["trace_id"] != "Sess-_0" || jsep["type"] != "answer" || len(m) != 4 {
				t.Errorf("body %v", m)
			}
			// The SDK published with this captured response: ours has the same fields.
			var captured map[string]any
			if err := json.Unmarshal([]byte(file(t, name+".response.json")), &captured); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(slices.Sorted(maps.Keys(m)), slices.Sorted(maps.Keys(captured))) {
				t.Errorf("fields %v, theirs %v", m, captured)
			}
			if got := strings.Count(answer, "a=recvonly\r\n"); got != 2 || strings.Contains(answer, "VP8") {
				t.Errorf("%d media received in\n%s", got, answer)
			}
			q := s.adm.last()
			if q.Protocol != "artc" || q.Host != "localhost:18080" || q.App != "live" || q.Stream != stream || q.Path != "/live/"+stream || q.AuthKey != goodKey || q.RemoteAddr == "" {
				t.Errorf("admission was asked for %+v", q)
			}
			if s.adm.variants() != "publish" || !s.publishing(stream) || s.peers.rec.Video == nil || s.peers.rec.Audio == nil {
				t.Errorf("asked to %s, received %+v", s.adm.variants(), s.peers.rec)
			}
			if n := s.counters("millrace_signal_published_total")["artc"]; n != 1 {
				t.Errorf("counted %v", n)
			}
		})
	}
}

// ARTC takes H264 and Opus, and no other.
func TestARTCPublishCodecs(t *testing.T) {
	s := newStage(t, signal.Config{})
	body := pushBody(t, artcURL("demo"), file(t, "whip-cvp8-M.sdp"))
	r := s.ask("POST", "/live/demo", body)
	if m := r.fields(t); r.status != http.StatusNotAcceptable || m["code"] != 406.0 || m["reason"] != "codec" || m["message"] == "" {
		t.Errorf("status %d, %s", r.status, r.body)
	}
	if len(s.adm.asked) != 0 {
		t.Errorf("admission was asked for %+v", s.adm.asked)
	}
	if n := s.counters("millrace_signal_publish_refused_total")["artc codec"]; n != 1 {
		t.Errorf("counted %v", n)
	}
}

// The stream is the one in the body, whatever URL the request was sent to.
func TestSignalURL(t *testing.T) {
	s := newStage(t, signal.Config{})
	s.publish("file.1", h264, opus)
	body := artcBody(t, "artc://play.test/live/file%2E1?x=%zz&auth_key="+goodKey+"&y=1#frag", "rts audio", "rts video", file(t, "whep-n-M.sdp"))
	r := s.ask("POST", "/some/where/else?auth_key=wrong", body, "Content-Type", "application/json")
	if r.status != http.StatusOK {
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	check(t, s)
	body = pushBody(t, "artc://play.test/live/file%2E1?x=%zz&auth_key="+goodKey+"&y=1#frag", file(t, "whip-n-M.sdp"))
	s = newStage(t, signal.Config{})
	if r = s.ask("POST", "/some/where/else?auth_key=wrong", body, "Content-Type", "application/json"); r.status != http.StatusOK {
		t.Fatalf("status %d: %s", r.status, r.body)
	}
	check(t, s)
}

func check(t *testing.T, s *stage) {
	t.Helper()
	if q := s.adm.last(); q.Host != "play.test" || q.Stream != "file.1" || q.Path != "/live/file%2E1" || q.AuthKey != goodKey {
		t.Errorf("admission was asked for %+v", q)
	}
}

func TestWantedMedia(t *testing.T) {
	for _, tt := range []struct {
		amsid, vmsid string
		audio, video bool
	}{
		{"rts audio", "rts video", true, true},
		{"rts audio", "", true, false},
		{"", "rts video", false, true},
		{"", "", true, true},
	} {
		s := newStage(t, signal.Config{})
		s.publish("demo", h264, opus)
		r := s.ask("POST", "/live/demo", artcBody(t, artcURL("demo"), tt.amsid, tt.vmsid, file(t, "whep-n-M.sdp")))
		if r.status != http.StatusOK {
			t.Fatalf("status %d: %s", r.status, r.body)
		}
		if sel := s.peers.sel; (sel.Audio != nil) != tt.audio || (sel.Video != nil) != tt.video {
			t.Errorf("amsid %q, vmsid %q: audio %v, video %v", tt.amsid, tt.vmsid, sel.Audio, sel.Video)
		}
	}
}

func TestBadARTC(t *testing.T) {
	s := newStage(t, signal.Config{})
	offer := file(t, "whep-n-M.sdp")
	good := artcBody(t, artcURL("demo"), "rts audio", "rts video", offer)
	push := pushBody(t, artcURL("demo"), offer)
	for name, body := range map[string]string{
		"empty":          "",
		"no JSON":        "url=artc",
		"array":          "[]",
		"neither":        `{"version":2,"mode":"live","jsep":{"type":"offer","sdp":"v=0"}}`,
		"no pull":        `{"pull_streams":[],"jsep":{"type":"offer","sdp":"v=0"}}`,
		"two pulls":      `{"pull_streams":[{},{}],"jsep":{"type":"offer","sdp":"v=0"}}`,
		"no jsep":        `{"pull_streams":[{"url":"artc://h/a/s"}]}`,
		"answer":         strings.Replace(good, `"offer"`, `"answer"`, 1),
		"bad SDP":        artcBody(t, artcURL("demo"), "", "", "v=0"),
		"scheme":         artcBody(t, "webrtc://h/live/demo", "", "", offer),
		"no host":        artcBody(t, "artc:///live/demo", "", "", offer),
		"user":           artcBody(t, "artc://u@h/live/demo", "", "", offer),
		"one segment":    artcBody(t, "artc://h/live", "", "", offer),
		"three":          artcBody(t, "artc://h/live/demo/x", "", "", offer),
		"escape":         artcBody(t, "artc://h/live/%zz", "", "", offer),
		"long path":      artcBody(t, "artc://h/live/"+strings.Repeat("x", 2100), "", "", offer),
		"long URL":       artcBody(t, "artc://h/live/demo?"+strings.Repeat("x", 9000), "", "", offer),
		"push is number": strings.Replace(push, `"`+artcURL("demo")+`"`, "7", 1),
		"push, scheme":   strings.Replace(push, "artc:", "http:", 1),
		"push, answer":   strings.Replace(push, `"offer"`, `"answer"`, 1),
		"push, no jsep":  `{"push_stream":"artc://h/a/s"}`,
		"push, bad SDP":  pushBody(t, artcURL("demo"), "v=0"),
		"push and pull":  strings.Replace(good, `{`, `{"push_stream":"artc://h/a/s",`, 1),
		"nested deeply":  strings.Repeat("[", 20000),
	} {
		r := s.ask("POST", "/live/demo", body)
		if m := r.fields(t); r.status != http.StatusBadRequest || m["code"] != 400.0 || m["message"] == "" || m["reason"] != "bad_request" {
			t.Errorf("%s: status %d, %s", name, r.status, r.body)
		}
	}
	if len(s.adm.asked) != 0 {
		t.Errorf("admission was asked for %+v", s.adm.asked)
	}
}

func TestARTCMethods(t *testing.T) {
	s := newStage(t, signal.Config{})
	for _, method := range []string{"GET", "PUT", "DELETE", "PATCH"} {
		if r := s.ask(method, "/live/demo", ""); r.status != http.StatusMethodNotAllowed || r.header.Get("Allow") != "POST, OPTIONS" {
			t.Errorf("%s: status %d", method, r.status)
		}
	}
	r := s.ask("OPTIONS", "/live/demo", "")
	if r.status != http.StatusNoContent || r.header.Get("Access-Control-Allow-Methods") != "POST, GET, OPTIONS, DELETE, PATCH" ||
		r.header.Get("Access-Control-Allow-Headers") != "Content-Type, Authorization, If-Match" {
		t.Errorf("OPTIONS: status %d, %v", r.status, r.header)
	}
}
