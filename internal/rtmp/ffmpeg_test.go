package rtmp

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/flv"
)

// ffmpeg runs ffmpeg to its end and returns what it says on stderr.
func ffmpeg(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ffmpeg", append([]string{"-hide_banner", "-nostdin", "-v", "error"}, args...)...).CombinedOutput()
	return string(out), err
}

// source is two seconds of picture and sound in one GOP.
var source = []string{"-f", "lavfi", "-i", "testsrc=s=320x240:r=30", "-f", "lavfi", "-i", "sine=r=48000", "-t", "2", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-g", "250"}

// TestFFmpeg lets ffmpeg encode a file and then publish it without encoding
// anew: what arrives must be what the file holds.
func TestFFmpeg(t *testing.T) {
	for _, c := range []struct {
		name    string
		encode  []string // behind source
		publish []string
		reorder bool
		video   bool
		audio   bool
	}{
		{"B-frames", []string{"-bf", "3", "-c:a", "aac", "-ac", "2"}, nil, true, true, true},
		{"without B-frames, slices", []string{"-bf", "0", "-x264opts", "slices=4", "-c:a", "aac"}, nil, false, true, true},
		{"parameter sets in band, delimiters", []string{"-bf", "2", "-x264opts", "repeat-headers=1:aud=1", "-c:a", "aac"}, nil, true, true, true},
		{"baseline", []string{"-profile:v", "baseline", "-tune", "zerolatency", "-c:a", "aac"}, nil, false, true, true},
		{"without metadata", []string{"-bf", "2", "-c:a", "aac"}, []string{"-flvflags", "no_metadata"}, true, true, true},
		{"video alone", []string{"-an"}, []string{"-flvflags", "no_duration_filesize"}, true, true, false},
		{"sound alone", []string{"-vn", "-c:a", "aac"}, nil, false, false, true},
		{"past the extended timestamp", []string{"-bf", "2", "-c:a", "aac"}, []string{"-output_ts_offset", "16777"}, true, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "x.flv")
			if out, err := ffmpeg(t, append(append(append([]string{}, source...), c.encode...), "-f", "flv", file)...); err != nil {
				t.Fatal(err, out)
			}
			w := run(t, Config{})
			got := make(chan [2][]*media.Frame, 1)
			r := make(chan *live.Reader, 1)
			go func() { got <- w.collect("s", r) }()
			args := append([]string{"-i", file, "-c", "copy"}, c.publish...)
			if out, err := ffmpeg(t, append(args, "-f", "flv", w.url("live/s?auth_key="+token))...); err != nil {
				t.Fatal(err, out)
			}
			w.ended(reason.ClosedByPeer)
			w.hub.Close()
			frames := <-got
			reader := <-r
			if reader == nil {
				t.Fatal("nothing was announced")
			}
			defer reader.Close()
			video, audio := reader.Tracks()
			if (video != nil) != c.video || (audio != nil) != c.audio {
				t.Fatalf("announced are %+v and %+v", video, audio)
			}
			if c.video && (video.Reorder != c.reorder || video.Width != 320) {
				t.Errorf("video is %+v", video)
			}
			if q := w.lastRequest(); q.AuthKey != token || q.Path != "/live/s" {
				t.Errorf("asked for %+v", q)
			}
			compare(t, readFile(t, file), frames, c.reorder)
			if n := w.metric("millrace_rtmp_dropped_total", ""); n != 0 {
				t.Errorf("%v messages dropped", n)
			}
		})
	}
}

// collect reads a stream from its beginning to its end.
func (w *world) collect(stream string, reader chan<- *live.Reader) (frames [2][]*media.Frame) {
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	select {
	case <-w.admitted:
	case <-ctx.Done():
	}
	r, err := w.hub.Subscribe(ctx, live.Name{Domain: "d", App: "live", Stream: stream})
	reader <- r
	if err != nil {
		return frames
	}
	for {
		f, err := r.Next(ctx)
		if err != nil {
			return frames
		}
		frames[f.Track.Kind] = append(frames[f.Track.Kind], f)
	}
}

func readFile(t *testing.T, file string) (frames [2][]*media.Frame) {
	t.Helper()
	f, err := os.Open(file)
	must(t, err)
	defer f.Close()
	r := flv.NewReader(f)
	for {
		frame, err := r.Next()
		if err == io.EOF {
			return frames
		}
		must(t, err)
		frames[frame.Track.Kind] = append(frames[frame.Track.Kind], frame)
	}
}

// compare wants all the video, and the sound from somewhere on: a reader may
// come after the first of it.
func compare(t *testing.T, want, got [2][]*media.Frame, reorder bool) {
	t.Helper()
	if w, g := len(want[media.Video]), len(got[media.Video]); w != g {
		t.Fatalf("%d pictures of %d", g, w)
	}
	skip := len(want[media.Audio]) - len(got[media.Audio])
	if skip < 0 || len(want[media.Audio]) > 0 && len(got[media.Audio]) == 0 {
		t.Fatalf("%d sounds of %d", len(got[media.Audio]), len(want[media.Audio]))
	}
	want[media.Audio] = want[media.Audio][skip:]
	reordered := false
	for kind := range want {
		for i, a := range want[kind] {
			b := got[kind][i]
			if !bytes.Equal(a.Data, b.Data) || a.Key != b.Key || a.Discardable != b.Discardable || a.PTS-a.DTS != b.PTS-b.DTS {
				t.Fatalf("%v frame %d is not as in the file", media.Kind(kind), i)
			}
			if d := (a.DTS - want[kind][0].DTS) - (b.DTS - got[kind][0].DTS); d > 1e6 || d < -1e6 {
				t.Fatalf("%v frame %d is %v off", media.Kind(kind), i, d)
			}
			reordered = reordered || b.PTS != b.DTS
		}
	}
	if reordered != reorder {
		t.Fatalf("frames are reordered: %v", reordered)
	}
}

// TestFFmpegIsTold wants the reason of a refusal on ffmpeg's stderr.
func TestFFmpegIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		encode []string
		want   string
		why    reason.Reason
	}{
		"signature": {&catalog.Denied{Reason: reason.Auth, Detail: "denied by req auth: invalid md5hash=abc"}, []string{"-c:a", "aac"}, "denied by req auth: invalid md5hash=abc", reason.Auth},
		"taken":     {live.ErrTaken, []string{"-c:a", "aac"}, live.ErrTaken.Error(), reason.Taken},
		"codec":     {nil, []string{"-an", "-c:v", "flv"}, "video codec Sorenson H.263 is not taken, only H264", reason.Codec},
		"sound":     {nil, []string{"-vn", "-c:a", "pcm_s16le", "-ar", "44100"}, "audio codec PCM is not taken, only AAC and Opus", reason.Codec},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := run(t, Config{})
			w.refuse(c.err)
			// Both inputs in real time: ffmpeg looks for the server's word between
			// its own, and does not wait for it at the end.
			args := slices.Concat([]string{"-re"}, source[:4], []string{"-re"}, source[4:])
			out, err := ffmpeg(t, append(append(args, c.encode...), "-f", "flv", w.url("live/s"))...)
			if err == nil || !strings.Contains(out, c.want) {
				t.Fatalf("%v, ffmpeg says:\n%s", err, out)
			}
			w.ended(c.why)
		})
	}
	for name, c := range map[string]struct {
		err  error
		want string
		why  reason.Reason
	}{
		"play what is not there":   {nil, live.ErrNotFound.Error(), reason.NotFound},
		"play without a signature": {&catalog.Denied{Reason: reason.Auth, Detail: "denied by req auth: no url arg auth_key"}, "denied by req auth: no url arg auth_key", reason.Auth},
	} {
		t.Run(name, func(t *testing.T) {
			w := run(t, Config{})
			w.refuse(c.err)
			out, err := ffmpeg(t, "-i", w.url("live/s"), "-f", "null", "-")
			if err == nil || !strings.Contains(out, c.want) {
				t.Fatalf("%v, ffmpeg says:\n%s", err, out)
			}
			w.ended(c.why)
		})
	}
}
