package node

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/config"
	"millrace/internal/media"
	"millrace/internal/wire/flv"
)

// probe is what ffprobe says of a stream.
type probe struct {
	Streams []struct {
		CodecName  string `json:"codec_name"`
		Width      int    `json:"width"`
		SampleRate string `json:"sample_rate"`
		HasB       int    `json:"has_b_frames"`
	} `json:"streams"`
	Packets []struct {
		CodecType string `json:"codec_type"`
		PTS       int64  `json:"pts"`
		DTS       int64  `json:"dts"`
		Flags     string `json:"flags"`
	} `json:"packets"`
}

func ffprobe(t *testing.T, url string) probe {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-show_streams", "-show_packets",
		"-read_intervals", "%+2", "-of", "json", url).Output()
	if err != nil {
		t.Fatalf("ffprobe %s: %v", url, err)
	}
	var p probe
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFFmpegPublishesAndFFprobeReadsFLV(t *testing.T) {
	n := serveNode(t, nil)
	urls := n.links(t, "one")
	ffmpeg(t, urls.Publish.RTMP)
	n.live(t, "one")
	p := ffprobe(t, urls.Play.FLV)
	names := []string{}
	for _, s := range p.Streams {
		names = append(names, s.CodecName)
	}
	if got := strings.Join(names, " "); got != "h264 aac" {
		t.Errorf("streams are %q", got)
	}
	video, audio := 0, 0
	for _, pk := range p.Packets {
		if pk.CodecType == "audio" {
			audio++
			continue
		}
		if video == 0 && !strings.Contains(pk.Flags, "K") {
			t.Error("the first picture is no key frame")
		}
		video++
	}
	if video < 40 || audio < 60 {
		t.Errorf("two seconds hold %d pictures and %d sounds", video, audio)
	}
}

func TestBFramesReachFLVAndAreRefusedToBrowsers(t *testing.T) {
	n := serveNode(t, func(c *config.Config) { c.NoAuth = true })
	urls := n.links(t, "b")
	ffmpeg(t, urls.Publish.RTMP, "-preset", "veryfast", "-bf", "2")
	n.live(t, "b")
	reordered := false
	for _, pk := range ffprobe(t, urls.Play.FLV).Packets {
		reordered = reordered || pk.CodecType == "video" && pk.PTS != pk.DTS
	}
	if !reordered {
		t.Error("no picture of the FLV is shown later than it is decoded")
	}
	offer, err := os.ReadFile(filepath.Join("..", "signal", "testdata", "whep-n-M.sdp"))
	if err != nil {
		t.Fatal(err)
	}
	res, body := ask(t, http.MethodPost, urls.Play.WHEP, "application/sdp", string(offer))
	if res.StatusCode != http.StatusNotAcceptable || !strings.Contains(body, "b_frames") {
		t.Errorf("a browser gets %s: %s", res.Status, body)
	}
}

func TestRefusalsInTheWordsOfEachProtocol(t *testing.T) {
	n := serveNode(t, nil)
	offer, err := os.ReadFile(filepath.Join("..", "signal", "testdata", "whep-n-M.sdp"))
	if err != nil {
		t.Fatal(err)
	}
	artc := func(url string) string {
		b, err := json.Marshal(map[string]any{
			"version": 2, "sdk_version": "0.0.1", "mode": "live",
			"pull_streams": []any{map[string]any{"url": url, "amsid": []string{"rts audio"}, "vmsid": []string{"rts video"}}},
			"jsep":         map[string]string{"type": "offer", "sdp": string(offer)},
		})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	urls := n.links(t, "nobody")
	post := strings.Replace(urls.Play.ARTC, "artc://", "http://", 1)
	bare := func(u string) string { return u[:strings.IndexByte(u, '?')] }
	for name, c := range map[string]struct {
		method, url, contentType, body string
		status                         int
		says, tengine                  string
	}{
		"ARTC, nobody publishes":  {http.MethodPost, post, "", artc(urls.Play.ARTC), 404, `"trace_id"`, ""},
		"WHEP, nobody publishes":  {http.MethodPost, urls.Play.WHEP, "application/sdp", string(offer), 404, `"not_found"`, ""},
		"FLV, nobody publishes":   {http.MethodGet, urls.Play.FLV, "", "", 404, `"reason":"not_found"`, ""},
		"ARTC, no signature":      {http.MethodPost, bare(post), "", artc(bare(urls.Play.ARTC)), 403, "", "denied by req auth: no url arg auth_key"},
		"WHEP, no signature":      {http.MethodPost, bare(urls.Play.WHEP), "application/sdp", string(offer), 403, "", "denied by req auth: no url arg auth_key"},
		"FLV, no signature":       {http.MethodGet, bare(urls.Play.FLV), "", "", 403, "", "denied by req auth: no url arg auth_key"},
		"FLV, another's":          {http.MethodGet, bare(urls.Play.FLV) + "?auth_key=1700000000-0-0-" + strings.Repeat("0", 32), "", "", 403, "", "denied by req auth: invalid md5hash=" + strings.Repeat("0", 32)},
		"FLV, key of the WebRTC":  {http.MethodGet, bare(urls.Play.FLV) + urls.Play.WHEP[strings.IndexByte(urls.Play.WHEP, '?'):], "", "", 403, "", "denied by req auth: invalid md5hash="},
		"FLV, fallback of an SDK": {http.MethodGet, bare(urls.Play.FLV) + urls.Play.WHEP[strings.IndexByte(urls.Play.WHEP, '?'):] + "&rts_degrade=on", "", "", 404, "", ""},
		"no such method":          {http.MethodPut, urls.Play.FLV, "", "", 405, "", ""},
	} {
		res, body := ask(t, c.method, c.url, c.contentType, c.body)
		if res.StatusCode != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: %s: %s", name, res.Status, body)
		}
		if got := res.Header.Get("X-Tengine-Error"); !strings.HasPrefix(got, c.tengine) || (c.tengine == "") != (got == "") {
			t.Errorf("%s: X-Tengine-Error %q", name, got)
		}
		if res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: no CORS header", name)
		}
	}
}

// An HTTP-FLV response goes on, with timestamps that only grow, when the
// publisher vanishes and comes back.
func TestPublisherComesBackToItsFLVViewer(t *testing.T) {
	n := serveNode(t, func(c *config.Config) { c.NoAuth = true })
	urls := n.links(t, "back")
	kill := ffmpeg(t, urls.Publish.RTMP)
	n.live(t, "back")
	res, err := http.Get(urls.Play.FLV) //nolint:noctx // closed below
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	r := flv.NewReader(res.Body)
	last := [2]media.Time{}
	pictures := func(count int) {
		for count > 0 {
			f, err := r.Next()
			if err != nil {
				t.Fatalf("the response ended: %v", err)
			}
			kind := f.Track.Kind
			if f.DTS < last[kind] {
				t.Fatalf("%v went back from %d to %d", kind, last[kind], f.DTS)
			}
			last[kind] = f.DTS
			if kind == media.Video {
				count--
			}
		}
	}
	pictures(30)
	before := last[media.Video]
	kill()
	await(t, "the publisher to be missed", func() bool {
		for _, s := range n.hub.Stats() {
			if s.Name.Stream == "back" {
				return !s.Publishing
			}
		}
		return false
	})
	ffmpeg(t, urls.Publish.RTMP)
	pictures(40)
	if gone := last[media.Video].Sub(before); gone > patience {
		t.Errorf("timestamps jumped by %v", gone)
	}
}

func TestStartErrorsNameTheFlag(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*config.Config){
		"--http-addr: port taken":  func(c *config.Config) { c.HTTPAddr = taken.Addr().String() },
		"--rtmp-addr: port taken":  func(c *config.Config) { c.RTMPAddr = taken.Addr().String() },
		"--srt-addr: port taken":   func(c *config.Config) { c.SRTAddr = udp.LocalAddr().String() },
		"--rtc-addr: port taken":   func(c *config.Config) { c.RTCAddr = taken.Addr().String() },
		"--admin-addr: port taken": func(c *config.Config) { c.AdminAddr = taken.Addr().String() },
		"make data directory":      func(c *config.Config) { c.DataDir = filepath.Join(file, "data") },
	} {
		cfg := testConfig(t)
		change(&cfg)
		n, err := start(cfg, slog.New(slog.DiscardHandler))
		if err == nil {
			n.close()
			t.Errorf("%s: it starts", want)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %q", want, err)
		}
	}
}

func TestAdminPortWantsItsToken(t *testing.T) {
	n := serveNode(t, nil)
	admin := "http://" + n.open.admin.Addr().String()
	if res, body := ask(t, http.MethodGet, admin+"/healthz", "", ""); res.StatusCode != 200 || body != "ok\n" {
		t.Errorf("/healthz: %s %q", res.Status, body)
	}
	for _, path := range []string{"/metrics", "/debug/pprof/", "/viewers", "/api/viewers", "/api/audit?limit=5"} {
		if res, _ := ask(t, http.MethodGet, admin+path, "", ""); res.StatusCode != 401 {
			t.Errorf("%s without a token: %s", path, res.Status)
		}
		if res, _ := ask(t, http.MethodGet, admin+path, "", "", "Authorization", "Bearer "+n.token+"x"); res.StatusCode != 401 {
			t.Errorf("%s with a wrong token: %s", path, res.Status)
		}
		if res, _ := ask(t, http.MethodGet, admin+path, "", "", "Authorization", "Bearer "+n.token); res.StatusCode != 200 {
			t.Errorf("%s with the token: %s", path, res.Status)
		}
	}
	if _, body := ask(t, http.MethodGet, admin+"/metrics", "", "", "Authorization", "Bearer "+n.token); !strings.Contains(body, "millrace_rtc_sessions 0") {
		t.Error("/metrics does not count sessions")
	}
}

// A body that is announced and does not come holds no connection, whatever is
// asked for.
func TestBodiesThatDoNotCome(t *testing.T) {
	n := serveNode(t, nil)
	var all sync.WaitGroup
	for _, c := range []struct {
		port         net.Listener
		method, path string
	}{
		{n.open.http, "GET", "/"}, {n.open.http, "PUT", "/nothing"}, {n.open.http, "GET", "/live/one.flv"},
		{n.open.http, "GET", "/live/one"}, {n.open.http, "OPTIONS", "/whep/live/one"},
		{n.open.http, "DELETE", "/whep/live/one/x"}, {n.open.http, "POST", "/whep/live/one"},
		{n.open.http, "POST", "/live/one"}, {n.open.admin, "GET", "/metrics"},
	} {
		all.Go(func() {
			conn, err := net.Dial("tcp", c.port.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(patience))
			_, _ = io.WriteString(conn, c.method+" "+c.path+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s %s: the connection stays", c.method, c.path)
			}
		})
	}
	all.Wait()
}

// What has no route is told so to pages of any origin.
func TestNoRoute(t *testing.T) {
	n := serveNode(t, nil)
	for _, path := range []string{"/nothing", "/live/one/two/three", "/live/one.flv/"} {
		if res, _ := ask(t, http.MethodGet, n.url(path), "", ""); res.StatusCode != 404 || res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %s, %v", path, res.Status, res.Header)
		}
	}
}

func TestDemoPlaysFromThePagesOwnAddresses(t *testing.T) {
	n := serveNode(t, func(c *config.Config) { c.Demo = true })
	n.live(t, "demo")
	var d struct {
		On     bool   `json:"demo"`
		FLVURL string `json:"flvURL"`
		HLSURL string `json:"hlsURL"`
	}
	_, body := ask(t, http.MethodGet, n.url("/demo.json"), "", "")
	if err := json.Unmarshal([]byte(body), &d); err != nil || !d.On {
		t.Fatalf("%v: %s", err, body)
	}
	res, err := http.Get(n.url(d.FLVURL)) //nolint:noctx // closed below
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	r := flv.NewReader(io.LimitReader(res.Body, 1<<20))
	first, err := r.Next()
	for err == nil && first.Track.Kind != media.Video {
		first, err = r.Next()
	}
	if err != nil || !first.Key || first.Track.Width != 640 {
		t.Fatalf("first picture %+v, %v", first, err)
	}
	if res, list := ask(t, http.MethodGet, n.url(d.HLSURL)+"&format=ll", "", ""); res.StatusCode != 200 || !strings.HasPrefix(list, "#EXTM3U") {
		t.Errorf("%s: %s %s", d.HLSURL, res.Status, list)
	}
	if res, page := ask(t, http.MethodGet, n.url("/"), "", ""); res.StatusCode != 200 || !strings.Contains(page, "<script") {
		t.Errorf("/: %s", res.Status)
	}
}

// On another domain a stream of the demo's name is not the demo: no key to it is
// given away.
func TestDemoIsOfTheDefaultDomain(t *testing.T) {
	cfg := testConfig(t)
	cfg.Demo = true
	n, err := start(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	own := catalog.Domain{Name: "play.own.test", Role: catalog.Streaming}
	if err := n.catalog.AddDomain(t.Context(), "test", own); err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]struct{ on, keys bool }{
		"localhost:8080": {true, true}, "192.0.2.1": {true, true}, "play.localhost": {true, true},
		"play.own.test": {false, false}, "none.test": {true, false},
	} {
		d := n.console().Demo(&http.Request{Host: host})
		if d.On != want.on || (d.PlayAuthKey != "") != want.keys || (d.FLVAuthKey != "") != want.keys {
			t.Errorf("%s: %+v", host, d)
		}
	}
}

func TestStopEndsWhatIsBeingPlayed(t *testing.T) {
	n := serveNode(t, func(c *config.Config) { c.Demo, c.NoAuth = true, true })
	n.live(t, "demo")
	res, err := http.Get(n.links(t, "demo").Play.FLV) //nolint:noctx // closed below
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, res.Body)
	}()
	began := time.Now()
	n.stop()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the response goes on")
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("stopping took %v", took)
	}
}
