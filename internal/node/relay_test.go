package node

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"millrace/internal/config"
	"millrace/internal/live"
	"millrace/internal/media"
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
	t.Parallel()
	origin := open(t)
	ffmpeg(t, origin.rtmpURL("/live/s"))
	origin.live(t, "s")
	all := recording(t, origin)
	for name, from := range map[string]string{
		"rtmp":     origin.rtmpURL("/{app}/{stream}"),
		"http-flv": origin.url("/{app}/{stream}.flv"),
		"hls-ts":   origin.url("/{app}/{stream}.m3u8?format=ts"),
		"hls-fmp4": origin.url("/{app}/{stream}.m3u8?format=fmp4"),
		"srt":      fmt.Sprintf("srt://%s?streamid=#!::r=/{app}/{stream},m=request", origin.srt.Addr()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := pulling(t, from)
			if strings.HasPrefix(name, "hls") {
				segmented(t, strings.NewReplacer("{app}", "live", "{stream}", "s").Replace(from))
			}
			both(t, n.url("/live/s.flv"))
			same(t, all, n)
			n.awaitLog(t, "pull closed", "stream=play.localhost/live/s ", "reason=closed_by_peer", "nobody watches")
			await(t, "the streams' end", func() bool { return len(n.hub.Stats()) == 0 })
		})
	}
}

// startSegments is how many a playlist must have for a pull to begin.
const startSegments = 2

// segmented waits until a playlist has segments to begin with.
func segmented(t *testing.T, url string) {
	t.Helper()
	await(t, "segments", func() bool {
		res, body := ask(t, http.MethodGet, url, "", "")
		if lines := strings.Split(strings.TrimSpace(body), "\n"); strings.Contains(body, "#EXT-X-STREAM-INF") {
			if u, err := res.Request.URL.Parse(lines[len(lines)-1]); err == nil {
				url = u.String()
			}
		}
		return strings.Count(body, "#EXTINF") >= startSegments
	})
}

// read calls each with the frames of a stream until it says that it is enough.
func (r *running) read(ctx context.Context, each func(f *media.Frame) bool) error {
	s, err := r.hub.Subscribe(ctx, live.Name{Domain: "play.localhost", App: "live", Stream: "s"})
	if err != nil {
		return err
	}
	defer s.Close()
	for {
		f, err := s.Next(ctx)
		if err != nil || each(f) {
			return err
		}
	}
}

// record is what a node has had of a stream.
type record struct {
	mu     sync.Mutex
	frames map[string]bool
}

// recording keeps what comes of a node's stream until the test ends.
func recording(t *testing.T, n *running) *record {
	t.Helper()
	all := &record{frames: map[string]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	var reading sync.WaitGroup
	reading.Go(func() {
		_ = n.read(ctx, func(f *media.Frame) bool {
			all.mu.Lock()
			defer all.mu.Unlock()
			all.frames[string(f.Data)] = true
			return false
		})
	})
	t.Cleanup(func() { cancel(); reading.Wait() })
	return all
}

// same fails unless the frames that a node has are those of the origin.
func same(t *testing.T, origin *record, n *running) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var got [2][]*media.Frame
	err := n.read(ctx, func(f *media.Frame) bool {
		got[f.Track.Kind] = append(got[f.Track.Kind], f)
		return len(got[0]) >= 30 && len(got[1]) >= 30
	})
	if err != nil {
		t.Fatal(err)
	}
	for kind, all := range got {
		for i, f := range all {
			await(t, "the frame at the origin", func() bool { return origin.has(f) })
			if i > 0 && f.DTS < all[i-1].DTS {
				t.Errorf("%v goes back from %v to %v", media.Kind(kind), all[i-1].DTS, f.DTS)
			}
		}
	}
}

func (r *record) has(f *media.Frame) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.frames[string(f.Data)]
}

// TestPullFailsOver has a dead source before one that lives.
func TestPullFailsOver(t *testing.T) {
	t.Parallel()
	origin := open(t)
	ffmpeg(t, origin.rtmpURL("/live/s"))
	origin.live(t, "s")
	n := pulling(t, "rtmp://"+deadAddress(t)+"/live/s", origin.rtmpURL("/other/s"), origin.rtmpURL("/live/s"))
	both(t, n.url("/live/s.flv"))
	n.awaitLog(t, "pull closed", "reason=unreachable")
	n.awaitLog(t, "pull closed", "reason=not_found")
}

// ownHost is an address of loopback whose ports nobody else takes: by themselves
// connections and listeners get those of 127.0.0.1 alone.
func ownHost() string {
	return net.IPv4(127, byte(1+rand.N(254)), byte(rand.N(256)), byte(1+rand.N(254))).String()
}

// deadAddress is one that nobody listens on.
func deadAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", ownHost()+":0")
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
	t.Parallel()
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
	t.Parallel()
	for _, proto := range []string{"rtmp", "srt"} {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			push(t, proto)
		})
	}
}

func push(t *testing.T, proto string) {
	listening := func(at string) *running { // by proto
		return serveNode(t, func(c *config.Config) {
			if c.NoAuth = true; proto == "srt" {
				c.SRTAddr = at
			} else {
				c.RTMPAddr = at
			}
		})
	}
	edge := listening(ownHost() + ":0")
	at, to := edge.open.rtmp.Addr().String(), "rtmp://%s/{app}/copy-{stream}"
	if proto == "srt" {
		at, to = edge.srt.Addr().String(), "srt://%s?streamid=#!::r=/{app}/copy-{stream},m=publish"
	}
	n := serveNode(t, func(c *config.Config) {
		c.NoAuth, c.RelayAllow = true, loopback
		c.Push = config.Pushes{{Stream: "live/*", To: []string{fmt.Sprintf(to, at)}}}
	})
	kill := ffmpeg(t, n.rtmpURL("/live/s"))
	edge.live(t, "copy-s")
	both(t, edge.url("/live/copy-s.flv"))
	edge.stop()
	n.awaitLog(t, "push closed", "proto="+proto, "peer="+at)
	edge = listening(at)
	edge.live(t, "copy-s")
	kill()
	n.awaitLog(t, "push closed", "reason=stream_ended")
}
