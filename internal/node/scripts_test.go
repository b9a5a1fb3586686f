package node

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"millrace/internal/config"
	"millrace/internal/demo"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/rtmp"
)

// says is metadata of one member.
func says(encoder string) media.Metadata {
	b := append([]byte("\x00\x07encoder\x02"), binary.BigEndian.AppendUint16(nil, uint16(len(encoder)))...)
	return media.Metadata{Count: 1, Members: append(b, encoder...)}
}

// What a publisher says goes through pulls over RTMP and HTTP-FLV and through a
// push: at the start, among the frames, and when it changes.
func TestScriptsGoThroughRelays(t *testing.T) {
	t.Parallel()
	target := open(t)
	origin := serveNode(t, func(c *config.Config) {
		c.NoAuth, c.RelayAllow = true, loopback
		c.Push = config.Pushes{{Stream: "live/*", To: []string{target.rtmpURL("/{app}/{stream}")}}}
	})
	nodes := map[string]*running{
		"origin": origin, "push": target,
		"RTMP pull": pulling(t, origin.rtmpURL("/{app}/{stream}")), "HTTP-FLV pull": pulling(t, origin.url("/{app}/{stream}.flv")),
	}
	loop, err := demo.Load()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	c, err := rtmp.Dial(ctx, origin.rtmpURL("/live/s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	c.Describe(says("one"))
	if err := c.Announce(loop.Video, loop.Audio); err != nil {
		t.Fatal(err)
	}
	cue, err := amf0.Data{"onCuePoint", amf0.Object{{Key: "name", Value: "ad"}}}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var changed atomic.Bool
	frames := loop.Frames()
	start := time.Now()
	every(t, 10*time.Millisecond, func(int) {
		for media.Time(time.Since(start)) > frames[0].DTS {
			f := *frames[0]
			if frames = frames[1:]; len(frames) == 0 {
				start, frames = time.Now(), loop.Frames()
			}
			if f.Track.Kind == media.Video {
				f.Scripts = [][]byte{cue}
				if changed.Swap(false) {
					c.Describe(says("two"))
					f.Scripts = append(f.Scripts, []byte("\x02\x00\x0aonMetaData\x08"))
				}
			}
			if err := c.Write(&f); err != nil && t.Context().Err() == nil {
				t.Errorf("write: %v", err)
			}
		}
	})
	origin.live(t, "s")
	target.live(t, "s")
	players := map[string]*rtmp.Player{}
	for name, n := range nodes {
		p, err := rtmp.Dialer{}.Play(ctx, n.rtmpURL("/live/s"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		t.Cleanup(func() { _ = p.Close() })
		players[name] = p
		heard(t, name, p, cue, "one")
	}
	changed.Store(true)
	for name, p := range players {
		heard(t, name, p, nil, "two")
		if r, err := nodes[name].hub.Subscribe(ctx, live.Name{Domain: "play.localhost", App: "live", Stream: "s"}); err != nil || !bytes.Contains(r.Description().Members, []byte("two")) {
			t.Errorf("%s: who joins now is told %q, %v", name, r.Description().Members, err)
		} else {
			r.Close()
		}
	}
}

// heard reads until a player was told of the encoder, and has got a script.
func heard(t *testing.T, name string, p *rtmp.Player, script []byte, encoder string) {
	t.Helper()
	told, got := false, script == nil
	for !told || !got {
		f, err := p.Next()
		if err != nil {
			t.Fatalf("%s: %v; told %v, got %v", name, err, told, got)
		}
		about, _ := p.Description()
		told = told || bytes.Contains(about.Members, []byte(encoder))
		for _, s := range f.Scripts {
			got = got || bytes.Equal(s, script)
		}
	}
}
