package rtmp

import (
	"context"
	"errors"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// unhurried lets players take files at once.
var unhurried = Config{MaxAge: time.Minute}

// clip returns the frames of two seconds of picture and sound, by ffmpeg.
func clip(t *testing.T, encode ...string) (frames [2][]*media.Frame) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.flv")
	if out, err := ffmpeg(t, append(append(slices.Clone(source), encode...), "-f", "flv", file)...); err != nil {
		t.Fatal(err, out)
	}
	return readFile(t, file)
}

// inOrder merges frames by decode time.
func inOrder(frames [2][]*media.Frame) []*media.Frame {
	all := slices.Concat(frames[0], frames[1])
	slices.SortStableFunc(all, func(a, b *media.Frame) int { return int((a.DTS - b.DTS) / 1e6) })
	return all
}

// publish puts a stream on the hub.
func (w *world) publish(tracks [2]*media.Track, all ...*media.Frame) *live.Publisher {
	w.t.Helper()
	p, err := w.hub.Publish(live.Name{Domain: "d", App: "live", Stream: "s"}, "test", "")
	must(w.t, err)
	w.t.Cleanup(func() { p.Close(reason.ClosedByPeer) })
	p.Announce(tracks[media.Video], tracks[media.Audio])
	for _, f := range all {
		own := *f
		must(w.t, p.Write(&own))
	}
	return p
}

func firstTracks(frames [2][]*media.Frame) (tracks [2]*media.Track) {
	for kind, all := range frames {
		if len(all) > 0 {
			tracks[kind] = all[0].Track
		}
	}
	return tracks
}

// TestFFmpegPlays wants ffmpeg to write to a file what was published.
func TestFFmpegPlays(t *testing.T) {
	want := clip(t, "-bf", "2", "-c:a", "aac")
	for query, kinds := range map[string][2]bool{
		"":                         {true, true},
		"&onlyvideo=1":             {media.Video: true},
		"&onlyaudio=1":             {media.Audio: true},
		"&onlyaudio=1&onlyvideo=1": {true, true},
	} {
		t.Run("play"+query, func(t *testing.T) {
			t.Parallel()
			w := runFor(t, unhurried, time.Millisecond)
			p := w.publish(firstTracks(want), inOrder(want)...)
			file := filepath.Join(t.TempDir(), "y.flv")
			ctx, cancel := context.WithTimeout(t.Context(), bound)
			defer cancel()
			cmd := exec.CommandContext(ctx, "ffmpeg", "-hide_banner", "-nostdin", "-v", "error",
				"-i", w.url("live/s?auth_key="+token+query), "-c", "copy", "-y", file)
			var said strings.Builder
			cmd.Stderr = &said
			must(t, cmd.Start())
			w.await("millrace_rtmp_first_frame_seconds")
			p.Close(reason.ClosedByPeer)
			if err := cmd.Wait(); err != nil {
				t.Fatal(err, said.String())
			}
			w.ended(reason.StreamEnded)
			expected := want
			for kind, on := range kinds {
				if !on {
					expected[kind] = nil
				}
			}
			compare(t, expected, readFile(t, file), kinds[media.Video])
			if q := w.lastRequest(); q.AuthKey != token || q.Path != "/live/s" || q.Protocol != "rtmp" {
				t.Errorf("asked for %+v", q)
			}
		})
	}
}

// TestGortmplibPlays reads a stream by a library that is not ours, from the newest
// key frame on.
func TestGortmplibPlays(t *testing.T) {
	w := run(t, unhurried)
	p := w.publish([2]*media.Track{small, stereo}, picture(small, 0, idr), picture(small, 40, pic), picture(small, 80, idr),
		sound(stereo, 80, "one"), picture(small, 120, pic), sound(stereo, 2500, "two"), picture(small, 2500, bee)) // it looks at two seconds
	u, err := url.Parse(w.url("live/s"))
	must(t, err)
	c := &gortmplib.Client{URL: u}
	must(t, c.Initialize(t.Context()))
	defer c.Close()
	must(t, c.NetConn().SetDeadline(time.Now().Add(bound)))
	r := &gortmplib.Reader{Conn: c}
	must(t, r.Initialize())
	var got []string
	for _, track := range r.Tracks() {
		switch track.Codec.(type) {
		case *codecs.H264:
			r.OnDataH264(track, func(_, _ time.Duration, au [][]byte) { got = append(got, string(au[len(au)-1])) })
		case *codecs.MPEG4Audio:
			r.OnDataMPEG4Audio(track, func(_ time.Duration, au []byte) { got = append(got, string(au)) })
		default:
			t.Errorf("track %T", track.Codec)
		}
	}
	must(t, p.Write(sound(stereo, 2540, "three")), p.Write(picture(small, 2540, pic, pic)))
	want := []string{string(ppsPlain), string(idr), "one", string(pic), "two", string(bee), "three", string(pic)}
	for len(got) < len(want) {
		must(t, r.Read())
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	c.Close()
	w.ended(reason.ClosedByPeer)
}

// A player of what RTMP does not carry is told where to go.
func TestPlayOfVP8IsRefused(t *testing.T) {
	w := run(t, Config{})
	w.publish([2]*media.Track{media.Video: {Kind: media.Video, Codec: media.VP8}})
	for _, query := range []string{"", "?enhanced=1"} {
		_, err := Dialer{}.Play(t.Context(), w.url("live/s"+query))
		var told *StatusError
		if !errors.As(err, &told) || told.Code != codePlayFailed || !strings.Contains(told.Description, "VP8, which is not sent this way: play it over WebRTC") {
			t.Errorf("%q: %v", query, err)
		}
		w.ended(reason.Codec)
	}
}
