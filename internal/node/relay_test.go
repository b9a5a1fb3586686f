package node

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"millrace/internal/config"
)

// pulling is a node without URL signing that fetches live/* from the given URLs.
func pulling(t *testing.T, from ...string) *running {
	t.Helper()
	return serveNode(t, func(c *config.Config) {
		c.NoAuth, c.RelayAllow = true, loopback
		c.Pull = config.Pulls{{Stream: "live/*", From: from}}
	})
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// open is a node without URL signing.
func open(t *testing.T) *running {
	t.Helper()
	return serveNode(t, func(c *config.Config) { c.NoAuth = true })
}

func (r *running) rtmpURL(path string) string {
	return fmt.Sprintf("rtmp://%s%s", r.open.rtmp.Addr(), path)
}

// both fails unless ffprobe finds pictures and sound behind a URL.
func both(t *testing.T, url string) {
	t.Helper()
	p := ffprobe(t, url)
	kinds := map[string]int{}
	for _, pk := range p.Packets {
		kinds[pk.CodecType]++
	}
	if kinds["video"] < 40 || kinds["audio"] < 60 {
		t.Errorf("two seconds of %s hold %v", url, kinds)
	}
}

func (r *running) awaitLog(t *testing.T, parts ...string) {
	t.Helper()
	await(t, strings.Join(parts, " "), func() bool {
		return slices.ContainsFunc(strings.Split(r.log.String(), "\n"), func(line string) bool {
			return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line, p) })
		})
	})
}

func TestPull(t *testing.T) {
	origin := open(t)
	ffmpeg(t, origin.rtmpURL("/live/s"))
	origin.live(t, "s")
	for proto, from := range map[string]string{
		"rtmp": origin.rtmpURL("/{app}/{stream}"),
		"http": origin.url("/{app}/{stream}.flv"),
	} {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			n := pulling(t, from)
			both(t, n.url("/live/s.flv"))
			n.awaitLog(t, "pull closed", "stream=play.localhost/live/s ", "proto="+proto, "reason=closed_by_peer", "nobody watches")
			if s := n.hub.Stats(); len(s) != 0 {
				t.Errorf("streams are left: %+v", s)
			}
		})
	}
}

// TestPullFailsOver has a dead source before one that lives.
func TestPullFailsOver(t *testing.T) {
	origin := open(t)
	ffmpeg(t, origin.rtmpURL("/live/s"))
	origin.live(t, "s")
	n := pulling(t, "rtmp://"+deadAddress(t)+"/live/s", origin.rtmpURL("/other/s"), origin.rtmpURL("/live/s"))
	both(t, n.url("/live/s.flv"))
	n.awaitLog(t, "pull closed", "reason=unreachable")
	n.awaitLog(t, "pull closed", "reason=not_found")
}

// deadAddress is one that nobody listens on.
func deadAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func TestPullRefusals(t *testing.T) {
	origin := open(t)
	n := pulling(t, origin.rtmpURL("/{app}/{stream}"))
	if res, body := ask(t, http.MethodGet, n.url("/live/none.flv"), "", ""); res.StatusCode != http.StatusNotFound || !strings.Contains(body, `"not_found"`) {
		t.Errorf("what the origin has not: %s %s", res.Status, body)
	}
	if res, body := ask(t, http.MethodGet, n.url("/other/none.flv"), "", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("what no rule covers: %s %s", res.Status, body)
	}

	n = serveNode(t, func(c *config.Config) {
		c.NoAuth = true
		c.Pull = config.Pulls{{Stream: "live/*", From: []string{origin.rtmpURL("/{app}/{stream}"), origin.url("/{app}/{stream}.flv")}}}
	})
	if res, body := ask(t, http.MethodGet, n.url("/live/s.flv"), "", ""); res.StatusCode != http.StatusBadGateway || !strings.Contains(body, `"private_address"`) || strings.Contains(body, "127.0.0.1") {
		t.Errorf("a private origin: %s %s", res.Status, body)
	}
	n.awaitLog(t, "pull closed", "proto=rtmp", "reason=private_address")
	n.awaitLog(t, "pull closed", "proto=http", "reason=private_address")
}

// TestPullAlways wants a permanent pull to be there unasked, and back after its
// source was away.
func TestPullAlways(t *testing.T) {
	origin := open(t)
	kill := ffmpeg(t, origin.rtmpURL("/live/s"))
	origin.live(t, "s")
	n := serveNode(t, func(c *config.Config) {
		c.NoAuth, c.RelayAllow = true, loopback
		c.Pull = config.Pulls{{Stream: "live/kept", Always: true, From: []string{origin.rtmpURL("/live/s")}}}
	})
	n.live(t, "kept")
	kill()
	n.awaitLog(t, "publisher gone", "live/kept")
	ffmpeg(t, origin.rtmpURL("/live/s"))
	n.live(t, "kept")
	both(t, n.url("/live/kept.flv"))
}

// TestPush publishes to one node, which publishes to another, which goes away and
// comes back.
func TestPush(t *testing.T) {
	edge := open(t)
	at := edge.open.rtmp.Addr().String()
	n := serveNode(t, func(c *config.Config) {
		c.NoAuth, c.RelayAllow = true, loopback
		c.Push = config.Pushes{{Stream: "live/*", To: []string{"rtmp://" + at + "/{app}/copy-{stream}"}}}
	})
	kill := ffmpeg(t, n.rtmpURL("/live/s"))
	edge.live(t, "copy-s")
	both(t, edge.url("/live/copy-s.flv"))
	edge.stop()
	n.awaitLog(t, "push closed", "proto=rtmp", "peer="+at)
	edge = serveNode(t, func(c *config.Config) { c.NoAuth, c.RTMPAddr = true, at })
	edge.live(t, "copy-s")
	kill()
	n.awaitLog(t, "push closed", "reason=stream_ended")
}
