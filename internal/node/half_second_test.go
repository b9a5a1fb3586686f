package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"millrace/internal/banner"
	"millrace/internal/config"
	"millrace/internal/console"
	"millrace/internal/rtmp"
)

// The half-second mode: WebRTC goes in and out, and each other protocol is told
// why not, in its own words.
func TestHalfSecondMode(t *testing.T) {
	n := serveNode(t, func(c *config.Config) { c.RTSMode, c.Demo, c.NoAuth = "half-second", true, true })
	urls := n.links(t, "half")
	if urls.Publish.RTMP != "" || urls.Play.FLV != "" {
		t.Errorf("links to what is refused: %+v", urls)
	}
	from, to := sender(t), receiver(t)
	from.join(t, urls.Publish.WHIP)
	n.live(t, "half")
	to.join(t, urls.Play.WHEP)
	to.gets(t, 20)

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := rtmp.Dial(ctx, "rtmp://"+n.open.rtmp.Addr().String()+"/live/other")
	var refused *rtmp.StatusError
	if !errors.As(err, &refused) || refused.Code != "NetStream.Publish.Denied" || !strings.Contains(refused.Description, "half-second mode: publish by WHIP or ARTC, not by rtmp") {
		t.Errorf("RTMP: %v", err)
	}
	if res, body := ask(t, http.MethodGet, n.url("/live/half.m3u8?format=ll"), "", ""); res.StatusCode != http.StatusForbidden || !strings.Contains(body, "not by ll-hls") {
		t.Errorf("HLS: %s: %s", res.Status, body)
	}
	for proto, header := range map[string][]string{
		"http-flv": nil,
		"ws-flv":   {"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
	} {
		res, body := ask(t, http.MethodGet, n.url("/live/half.flv"), "", "", header...)
		if res.StatusCode != http.StatusForbidden || !strings.Contains(body, `"mode"`) || !strings.Contains(body, "half-second mode: play by WHEP or ARTC, not by "+proto) {
			t.Errorf("%s: %s: %s", proto, res.Status, body)
		}
	}

	var d console.Demo
	if _, body := ask(t, http.MethodGet, n.url("/demo.json"), "", ""); json.Unmarshal([]byte(body), &d) != nil || d.On || d.FLVURL != "" || d.HLSURL != "" || d.PublishURL != "" || d.Publish == nil || d.Publish.Play.FLV != "" {
		t.Errorf("demo.json: %s", body)
	}
	facts, err := n.facts("v", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	banner.Print(&said, facts)
	for _, want := range []string{"No demo picture", "WebRTC in, WebRTC out", "/live/mine\n", "artc://"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("no %q in %s", want, &said)
		}
	}
	if strings.Contains(said.String(), "rtmp://") || strings.Contains(said.String(), ".flv") || strings.Contains(said.String(), ".m3u8") {
		t.Errorf("links to what is refused in %s", &said)
	}
}

// A camera needs HTTPS: WHIP works over it, from the addresses that the banner
// gives to other machines.
func TestWHIPOverTLS(t *testing.T) {
	n := serveNode(t, func(c *config.Config) { c.HTTPSAddr = "127.0.0.1:0" })
	facts, err := n.facts("v", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(facts.PublishTLS, "https://") || !strings.HasSuffix(facts.PublishTLS, "/publish") || !strings.HasPrefix(facts.WHIPTLS, "https://") {
		t.Errorf("%+v", facts)
	}
	urls, err := n.linksOver(true, "safe")
	if err != nil {
		t.Fatal(err)
	}
	insecure(t)
	from, to := sender(t), receiver(t)
	from.join(t, urls.Publish.WHIP)
	if !strings.HasPrefix(from.session, "https://127.0.0.1:") {
		t.Errorf("session %s", from.session)
	}
	n.live(t, "safe")
	to.join(t, urls.Play.WHEP)
	to.gets(t, 10)
}
