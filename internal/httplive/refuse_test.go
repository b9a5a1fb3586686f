package httplive_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"millrace/internal/catalog"
	"millrace/internal/httplive"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// denying is an admission that always fails with err.
func denying(err error) httplive.Admission {
	return admission(func(context.Context, catalog.Request, string) (*live.Reader, catalog.Mode, error) {
		return nil, "", err
	})
}

const wrongHash = "denied by req auth: invalid md5hash=abc"

func TestRefusals(t *testing.T) {
	denied := func(why reason.Reason) error { return &catalog.Denied{Reason: why, Detail: "detail of " + string(why)} }
	for _, c := range []struct {
		name, path string
		err        error
		status     int
		why        string
	}{
		{"no such stream", "/live/demo.flv", fmt.Errorf("subscribe: %w", live.ErrNotFound), 404, "not_found"},
		{"wrong signature", "/live/demo.flv", &catalog.Denied{Reason: reason.Auth, Detail: wrongHash}, 403, "auth"},
		{"unknown domain", "/live/demo.flv", denied(reason.UnknownDomain), 403, "unknown_domain"},
		{"latency mode", "/live/demo.flv", denied(reason.Mode), 403, "mode"},
		{"bad name", "/live/demo.flv", denied(reason.BadName), 400, "bad_name"},
		{"limit", "/live/demo.flv", denied(reason.Limit), 503, "limit"},
		{"shutdown", "/live/demo.flv", live.ErrShutdown, 503, "shutdown"},
		{"timeout", "/live/demo.flv", context.DeadlineExceeded, 504, "timeout"},
		{"fault", "/live/demo.flv", errors.New("secret of the machine"), 500, "internal"},
		{"one name", "/demo.flv", nil, 400, "bad_request"},
		{"three names", "/a/b/c.flv", nil, 400, "bad_request"},
		{"other extension", "/live/demo.m3u8", nil, 400, "bad_request"},
		{"empty name", "/live/.flv", nil, 400, "bad_name"},
		{"long name", "/live/" + strings.Repeat("a", 256) + ".flv", nil, 400, "bad_name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, stageOptions{adm: denying(c.err)})
			resp, err := s.client.Get(s.web.URL + c.path)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var body struct {
				Code             int
				Message, TraceID string `json:"-"`
			}
			raw, _ := io.ReadAll(resp.Body)
			if err := json.Unmarshal(raw, &body); err != nil || body.Code != c.status {
				t.Errorf("body %s, %v", raw, err)
			}
			if resp.StatusCode != c.status || !strings.Contains(string(raw), `"trace_id":"`) || strings.Contains(string(raw), "secret") {
				t.Errorf("status %s, body %s", resp.Status, raw)
			}
			checkCORS(t, resp)
			if c.why == "auth" && (resp.Header.Get("X-Tengine-Error") != wrongHash || !strings.Contains(string(raw), wrongHash)) {
				t.Errorf("X-Tengine-Error %q, body %s", resp.Header.Get("X-Tengine-Error"), raw)
			}
			if line := s.closed(t); line["reason"] != c.why || line["msg"] != "viewer refused" {
				t.Errorf("closing line %v", line)
			}
			if n := s.count(t, "millrace_httplive_refusals_total", map[string]string{"reason": c.why}); n != 1 {
				t.Errorf("%v refusals are counted", n)
			}
		})
	}
}

func checkCORS(t *testing.T, resp *http.Response) {
	t.Helper()
	if resp.Header.Get("Access-Control-Allow-Origin") != "*" || resp.Header.Get("Access-Control-Expose-Headers") != "X-Tengine-Error" {
		t.Errorf("no CORS headers: %v", resp.Header)
	}
}

func TestOtherMethods(t *testing.T) {
	s := newStage(t, stageOptions{})
	all := frames(t)
	s.publish(t, first(tracks(all)), second(tracks(all)))
	for method, want := range map[string]int{"OPTIONS": 204, "HEAD": 200, "POST": 405, "DELETE": 405} {
		req, err := http.NewRequest(method, s.web.URL+"/live/demo.flv", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %s", method, resp.Status)
		}
		checkCORS(t, resp)
		switch method {
		case "OPTIONS":
			if resp.Header.Get("Access-Control-Allow-Methods") == "" || resp.Header.Get("Access-Control-Allow-Headers") == "" {
				t.Errorf("preflight: %v", resp.Header)
			}
		case "HEAD":
			if resp.Header.Get("Content-Type") != "video/x-flv" {
				t.Errorf("HEAD: %v", resp.Header)
			}
		}
	}
	if stats := s.hub.Stats(); stats[0].Readers != 0 {
		t.Errorf("HEAD left a reader: %+v", stats)
	}
}

func TestRequestReachesAdmissionRaw(t *testing.T) {
	asked := make(chan catalog.Request, 1)
	s := newStage(t, stageOptions{adm: admission(func(_ context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error) {
		asked <- q
		if variant != "" {
			t.Errorf("variant %q", variant)
		}
		return nil, "", live.ErrNotFound
	})})
	resp, err := s.client.Get(s.web.URL + "/li%76e/d%65mo.flv?x=auth_key&auth_key=1%2D0-0-y+z&auth_key=other")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	q := <-asked
	q.RemoteAddr = ""
	want := catalog.Request{
		Protocol: catalog.FLV, Host: strings.TrimPrefix(s.web.URL, "http://"), App: "live", Stream: "demo",
		Path: "/li%76e/d%65mo.flv", AuthKey: "1-0-0-y+z", // the argument as it is meant, its plus sign kept
	}
	if q != want {
		t.Errorf("asked for %+v, want %+v", q, want)
	}
}

func TestUnannouncedStreamTimesOut(t *testing.T) {
	s := newStage(t, stageOptions{config: httplive.Config{StartTimeout: time.Millisecond}})
	p, err := s.hub.Publish(demo, "test", "")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(reason.ClosedByPeer)
	resp, err := s.client.Get(s.web.URL + "/live/demo.flv")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusGatewayTimeout || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("status %s, %v", resp.Status, resp.Header)
	}
}

func TestCodecsThatFLVCannotHold(t *testing.T) {
	s := newStage(t, stageOptions{})
	s.publish(t, &media.Track{Kind: media.Video}, nil)
	resp, err := s.client.Get(s.web.URL + "/live/demo.flv")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotAcceptable {
		t.Errorf("status %s", resp.Status)
	}
	if stats := s.hub.Stats(); stats[0].Readers != 0 {
		t.Errorf("a reader is left: %+v", stats)
	}
}

func TestViewerLimit(t *testing.T) {
	s := newStage(t, stageOptions{config: httplive.Config{MaxViewers: 1}})
	all := frames(t)
	write(t, s.publish(t, first(tracks(all)), second(tracks(all))), all...)
	s.get(t)
	resp, err := s.client.Get(s.web.URL + "/live/demo.flv")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || len(s.played) != 1 {
		t.Errorf("status %s, admission asked %d times", resp.Status, len(s.played))
	}
}

func TestWebSocketRefusedBeforeUpgrade(t *testing.T) {
	s := newStage(t, stageOptions{adm: denying(&catalog.Denied{Reason: reason.Auth, Detail: wrongHash})})
	_, resp, err := websocket.Dial(t.Context(), s.web.URL+"/live/demo.flv", &websocket.DialOptions{HTTPClient: s.client})
	if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
		t.Fatalf("%v, %v", resp, err)
	}
	if resp.Header.Get("X-Tengine-Error") != wrongHash {
		t.Errorf("headers %v", resp.Header)
	}
	checkCORS(t, resp)
	if line := s.closed(t); line["proto"] != "ws-flv" {
		t.Errorf("closing line %v", line)
	}
}
