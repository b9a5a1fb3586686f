package node

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"millrace/internal/config"
	"millrace/internal/control"
	"millrace/internal/live"
)

// A publisher that is forbidden is cut over each protocol, and refused after;
// whoever changed the catalog. Its viewers end with it: they do not wait.
func TestForbiddenIsCutOverEachProtocol(t *testing.T) {
	n := serveNode(t, nil)
	ffmpeg(t, n.links(t, "rtmp").Publish.RTMP)
	ffmpeg(t, n.srtURL(t, "srt"))
	sender(t).join(t, n.links(t, "whip").Publish.WHIP)
	sender(t).publishARTC(t, n.links(t, "artc").Publish.ARTC)
	all := []string{"rtmp", "srt", "whip", "artc"}
	for _, stream := range all {
		n.live(t, stream)
	}
	var viewers []*http.Response
	for _, stream := range all {
		res, err := http.Get(n.links(t, stream).Play.FLV) //nolint:noctx // closed below
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%v %v", res, err)
		}
		defer res.Body.Close()
		viewers = append(viewers, res)
	}
	receiver(t).join(t, n.links(t, "artc").Play.WHEP)
	online := func(stream string) bool {
		return len(n.control.Online(func(p *control.Publication) bool { return p.Stream == stream })) > 0
	}
	for _, stream := range all {
		if !online(stream) {
			t.Errorf("%s is not in the list", stream)
		}
		began := time.Now()
		if err := n.catalog.BlockStream(t.Context(), "test", "push.localhost", "live", stream, began.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		await(t, stream+" to be cut", func() bool { return !online(stream) })
		t.Logf("%s was cut after %v", stream, time.Since(began))
	}
	await(t, "nothing to be published", func() bool {
		return !slices.ContainsFunc(n.hub.Stats(), func(s live.Stat) bool { return s.Publishing && s.Name.Variant == "" })
	})
	for _, v := range viewers {
		_, _ = io.Copy(io.Discard, v.Body)
	}
	await(t, "the sessions' ends", func() bool { return strings.Count(n.log.String(), "reason=kicked") >= 2*len(all)-1 })
	await(t, "the viewers' ends", func() bool { return strings.Count(n.log.String(), "reason=forbidden") >= len(viewers)+1 })
	if strings.Contains(n.log.String(), "reason=stream_ended") {
		t.Error("somebody waited for a stream that is forbidden")
	}
	res, body := ask(t, http.MethodPost, n.links(t, "whip").Publish.WHIP, "application/sdp", captured(t, "whip-n-M.sdp"))
	if res.StatusCode != http.StatusForbidden || !strings.Contains(body, "forbidden") {
		t.Errorf("back again: %s %s", res.Status, body)
	}
	for _, p := range n.control.History(func(*control.Publication) bool { return true }) {
		if p.Reason != "kicked" || p.Ended.IsZero() || p.Domain != "push.localhost" {
			t.Errorf("history: %+v", p)
		}
	}
}

// A stream that comes from another server is listed, told of, and forbidden as one
// that is published here.
func TestPulledIsForbidden(t *testing.T) {
	t.Parallel()
	origin := open(t)
	ffmpeg(t, origin.rtmpURL("/live/s"))
	origin.live(t, "s")
	n := serveNode(t, func(c *config.Config) {
		c.NoAuth, c.RelayAllow = true, loopback
		c.Pull = config.Pulls{{Stream: "live/s", Always: true, From: []string{origin.rtmpURL("/live/s")}}}
	})
	n.live(t, "s")
	online := func() []control.Online { return n.control.Online(func(*control.Publication) bool { return true }) }
	list := online()
	if len(list) != 1 || !list[0].Pulled || list[0].Protocol != "rtmp" || list[0].Client != origin.open.rtmp.Addr().String() || list[0].Video == nil {
		t.Fatalf("online: %+v", list)
	}
	if err := n.catalog.BlockStream(t.Context(), "test", list[0].Domain, "live", "s", time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	n.awaitLog(t, "pull closed", "reason=kicked")
	await(t, "the stream's end", func() bool { return len(online()) == 0 && len(n.hub.Stats()) == 0 })
	if res, body := ask(t, http.MethodGet, n.url("/live/s.flv"), "", ""); res.StatusCode != http.StatusForbidden || !strings.Contains(body, `"forbidden"`) {
		t.Errorf("asked for: %s %s", res.Status, body)
	}
}
