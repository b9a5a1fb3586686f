package signal_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/reason"
	"millrace/internal/signal"
)

// Every refusal of admission and of the sessions' room, in both protocols.
func TestRefusals(t *testing.T) {
	denied := func(why reason.Reason) error {
		return &catalog.Denied{Reason: why, Detail: "because of " + string(why)}
	}
	tests := []struct {
		name       string
		deny, peer error
		status     int
		reason     reason.Reason
		tengine    string
		detail     string
	}{
		{name: "auth", deny: denied(reason.Auth), status: 403, reason: reason.Auth, tengine: "because of auth", detail: "because of auth"},
		{name: "domain", deny: denied(reason.UnknownDomain), status: 403, reason: reason.UnknownDomain, detail: "because of unknown_domain"},
		{name: "mode", deny: denied(reason.Mode), status: 403, reason: reason.Mode, detail: "because of mode"},
		{name: "name", deny: denied(reason.BadName), status: 400, reason: reason.BadName, detail: "because of bad_name"},
		{name: "request", deny: denied(reason.BadRequest), status: 400, reason: reason.BadRequest, detail: "because of bad_request"},
		{name: "not found", deny: fmt.Errorf("admit: %w", live.ErrNotFound), status: 404, reason: reason.NotFound, detail: "nobody publishes this stream"},
		{name: "ended", deny: live.ErrEnded, status: 404, reason: reason.StreamEnded, detail: "the stream has ended"},
		{name: "taken", deny: live.ErrTaken, status: 409, reason: reason.Taken, detail: "the stream has a publisher already"},
		{name: "limit", deny: denied(reason.Limit), status: 503, reason: reason.Limit, detail: "because of limit"},
		{name: "shutdown", deny: live.ErrShutdown, status: 503, reason: reason.Shutdown, detail: "this server is shutting down"},
		{name: "deadline", deny: context.DeadlineExceeded, status: 504, reason: reason.Timeout, detail: "the stream did not start in time"},
		{name: "codec", deny: denied(reason.Codec), status: 406, reason: reason.Codec, detail: "because of codec"},
		{name: "ours", deny: errors.New("secret of the house"), status: 500, reason: reason.Internal, detail: "internal error"},
		{name: "sessions full", peer: errors.New("too many sessions"), status: 503, reason: reason.Limit, detail: "no further session can be made: too many sessions"},
		{name: "sessions end", peer: live.ErrShutdown, status: 503, reason: reason.Shutdown, detail: "this server is shutting down"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(t, signal.Config{})
			s.publish("demo", h264, opus)
			s.peers.fail = tt.peer
			s.adm.deny = func(catalog.Request, string) error { return tt.deny }
			offer := file(t, "whep-n-M.sdp")
			artc := s.ask("POST", "/live/demo", artcBody(t, artcURL("demo"), "rts audio", "rts video", offer))
			whep := s.ask("POST", "/whep/live/demo?auth_key="+goodKey, offer, "Content-Type", "application/sdp")
			const mine = "mine"
			push := s.ask("POST", "/live/mine", pushBody(t, artcURL(mine), file(t, "whip-n-M.sdp")))
			whip := s.ask("POST", "/live/mine?auth_key="+goodKey, file(t, "whip-n-M.sdp"), "Content-Type", "application/sdp")
			for proto, r := range map[string]reply{"artc": artc, "whep": whep, "artc publisher": push, "whip": whip} {
				if r.status != tt.status || r.header.Get("X-Tengine-Error") != tt.tengine {
					t.Errorf("%s: status %d, X-Tengine-Error %q", proto, r.status, r.header.Get("X-Tengine-Error"))
				}
				if retry := r.header.Get("Retry-After"); (retry == "1") != (tt.status == 503 || tt.status == 504 && tt.reason == reason.Timeout) {
					t.Errorf("%s: Retry-After %q", proto, retry)
				}
				m := r.fields(t)
				trace, _ := m["trace_id"].(string)
				if len(trace) < 16 || !strings.Contains(s.log.String(), trace) {
					t.Errorf("%s: trace %q is not in the log", proto, trace)
				}
			}
			for _, r := range []reply{artc, push} {
				if m := r.fields(t); m["code"] != float64(tt.status) || m["message"] != tt.detail || m["reason"] != string(tt.reason) {
					t.Errorf("ARTC body %v", m)
				}
			}
			for _, r := range []reply{whep, whip} {
				m := r.fields(t)
				if m["type"] != "about:blank" || m["title"] != http.StatusText(tt.status) || m["status"] != float64(tt.status) || m["detail"] != tt.detail ||
					m["code"] != string(tt.reason) || r.header.Get("Content-Type") != "application/problem+json" {
					t.Errorf("WHEP or WHIP body %v", m)
				}
			}
			if n := s.readers(); n != 0 || s.publishing(mine) {
				t.Errorf("%d readers left, a publisher %v", n, s.publishing(mine))
			}
			for _, proto := range []string{"artc", "whip"} {
				if got := s.counters("millrace_signal_publish_refused_total")[proto+" "+string(tt.reason)]; got != 1 {
					t.Errorf("publisher by %s: counted %v", proto, got)
				}
			}
			for _, proto := range []string{"artc", "whep"} {
				if got := s.counters("millrace_signal_refused_total")[proto+" "+string(tt.reason)]; got != 1 {
					t.Errorf("%s: counted %v", proto, got)
				}
			}
		})
	}
}

// A stream that is not there and a key that is wrong, from the real parts.
func TestKeyAndStream(t *testing.T) {
	s := newStage(t, signal.Config{})
	s.publish("demo", h264, opus)
	offer := file(t, "whep-n-M.sdp")
	for _, tt := range []struct {
		stream, key string
		status      int
	}{{"demo", goodKey, 200}, {"gone", goodKey, 404}, {"demo", "forged", 403}, {"gone", "forged", 403}, {"demo", "", 403}} {
		r := s.ask("POST", "/x/y", artcBody(t, "artc://h/live/"+tt.stream+"?auth_key="+tt.key, "", "", offer))
		if r.status != tt.status || (r.header.Get("X-Tengine-Error") != "") != (tt.status == 403) {
			t.Errorf("%s with %q: status %d, %v", tt.stream, tt.key, r.status, r.header)
		}
	}
}

// A viewer that is not let in before the media of others suffers is told to come
// again, in the words of its protocol; publishers are not asked to wait.
func TestNotReady(t *testing.T) {
	busy := errors.New("all processors are at work")
	s := newStage(t, signal.Config{Ready: func(context.Context) error { return busy }})
	s.publish("demo", h264, opus)
	offer := file(t, "whep-n-M.sdp")
	artc := s.ask("POST", "/live/demo", artcBody(t, artcURL("demo"), "rts audio", "rts video", offer))
	whep := s.ask("POST", "/whep/live/demo?auth_key="+goodKey, offer, "Content-Type", "application/sdp")
	for field, r := range map[string]reply{"reason": artc, "code": whep} {
		m := r.fields(t)
		if r.status != 503 || r.header.Get("Retry-After") != "1" || m[field] != string(reason.Overload) {
			t.Errorf("status %d, Retry-After %q, %v", r.status, r.header.Get("Retry-After"), m)
		}
	}
	for _, proto := range []string{"artc", "whep"} {
		if got := s.counters("millrace_signal_refused_total")[proto+" "+string(reason.Overload)]; got != 1 {
			t.Errorf("%s: counted %v", proto, got)
		}
	}
	if r := s.ask("POST", "/live/mine?auth_key="+goodKey, file(t, "whip-n-M.sdp"), "Content-Type", "application/sdp"); r.status != 201 {
		t.Errorf("a publisher: status %d", r.status)
	}
}

func TestTooLarge(t *testing.T) {
	s := newStage(t, signal.Config{})
	large := strings.Repeat(" ", 64<<10+1)
	if r := s.ask("POST", "/live/demo", large); r.status != 413 || r.fields(t)["reason"] != "limit" {
		t.Errorf("ARTC: status %d, %s", r.status, r.body)
	}
	if r := s.ask("POST", "/whep/live/demo", large, "Content-Type", "application/sdp"); r.status != 413 {
		t.Errorf("WHEP: status %d, %s", r.status, r.body)
	}
	// 64 KiB exactly is read, and found wanting.
	if r := s.ask("POST", "/live/demo", large[1:]); r.status != 400 {
		t.Errorf("64 KiB: status %d, %s", r.status, r.body)
	}
}

// inTime is when a request must have come that does: a starved machine takes a while.
const inTime = 2 * time.Second

// A body that does not come ends the request; the next one is served.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	s := newStage(t, signal.Config{Timeout: inTime})
	r := s.exchange("POST /live/demo HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{")
	if r.status != http.StatusRequestTimeout || r.fields(t)["reason"] != "timeout" {
		t.Errorf("status %d, %s", r.status, r.body)
	}
	if r := s.ask("POST", "/live/demo", "{}"); r.status != 400 {
		t.Errorf("then: status %d", r.status)
	}
}

// A stream whose publisher says nothing is given up in time.
func TestSilentPublisher(t *testing.T) {
	t.Parallel()
	s := newStage(t, signal.Config{Timeout: inTime})
	p, err := s.hub.Publish(live.Name{Domain: "play.test", App: "live", Stream: "mute"}, "test", "")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(reason.ClosedByPeer)
	r := s.ask("POST", "/live/mute", artcBody(t, artcURL("mute"), "", "", file(t, "whep-n-M.sdp")))
	if r.status != http.StatusGatewayTimeout || r.fields(t)["reason"] != "timeout" || s.readers() != 0 {
		t.Errorf("status %d, %s, %d readers", r.status, r.body, s.readers())
	}
}

// Requests beyond the limit are turned away at once, and only those.
func TestBusy(t *testing.T) {
	s := newStage(t, signal.Config{MaxPending: 1})
	s.publish("demo", h264, opus)
	entered, leave := make(chan struct{}, 1), make(chan struct{})
	s.adm.deny = func(catalog.Request, string) error {
		entered <- struct{}{}
		<-leave
		return nil
	}
	offer := file(t, "whep-n-M.sdp")
	first := make(chan reply, 1)
	go func() {
		first <- s.ask("POST", "/whep/live/demo?auth_key="+goodKey, offer, "Content-Type", "application/sdp")
	}()
	<-entered
	whep := s.ask("POST", "/whep/live/demo?auth_key="+goodKey, offer, "Content-Type", "application/sdp")
	artc := s.ask("POST", "/live/demo", artcBody(t, artcURL("demo"), "", "", offer))
	for _, r := range []reply{whep, artc} {
		if r.status != 503 || r.header.Get("Retry-After") != "1" {
			t.Errorf("status %d, %v", r.status, r.header)
		}
	}
	close(leave)
	if r := <-first; r.status != 201 {
		t.Errorf("first: status %d, %s", r.status, r.body)
	}
	if r := s.ask("POST", "/whep/live/demo?auth_key="+goodKey, offer, "Content-Type", "application/sdp"); r.status != 201 {
		t.Errorf("after it: status %d, %s", r.status, r.body)
	}
}

// Clients that do not finish what they send take no places from others.
func TestSlowBodiesLeaveRoom(t *testing.T) {
	s := newStage(t, signal.Config{MaxPending: 1})
	s.publish("demo", h264, opus)
	conn, err := net.Dial("tcp", s.web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "POST /live/demo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	// The server asks for the body when it begins to read it.
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatalf("%q, %v", line, err)
	}
	r := s.ask("POST", "/whep/live/demo?auth_key="+goodKey, file(t, "whep-n-M.sdp"), "Content-Type", "application/sdp")
	if r.status != 201 {
		t.Errorf("status %d, %s", r.status, r.body)
	}
	if _, err := io.WriteString(conn, "{"); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	s.web.Close() // waits for the request
	if !strings.Contains(s.log.String(), "reason=closed_by_peer") {
		t.Errorf("log %s", s.log.String())
	}
}

// A viewer that hangs up while its stream starts leaves nothing behind.
func TestViewerGone(t *testing.T) {
	s := newStage(t, signal.Config{})
	began, ended := make(chan struct{}), make(chan error, 1)
	s.adm.deny = nil
	p, err := s.hub.Publish(live.Name{Domain: "play.test", App: "live", Stream: "mute"}, "test", "")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(reason.ClosedByPeer)
	s.adm.deny = func(catalog.Request, string) error { close(began); return nil }
	body := artcBody(t, artcURL("mute"), "", "", file(t, "whep-n-M.sdp"))
	conn, err := net.Dial("tcp", s.web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := fmt.Fprintf(conn, "POST /live/mute HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		ended <- err
	}()
	<-began
	if err := errors.Join(<-ended, conn.Close()); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	s.web.Close() // waits for the request
	if !strings.Contains(s.log.String(), "reason=closed_by_peer") || s.readers() != 0 {
		t.Errorf("%d readers, log %s", s.readers(), s.log.String())
	}
}
