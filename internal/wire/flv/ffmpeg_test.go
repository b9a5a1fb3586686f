package flv_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"millrace/internal/media"
	"millrace/internal/wire/flv"
)

// encode lets ffmpeg make an FLV file of two seconds of H264 and AAC.
func encode(t testing.TB, video ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "made.flv")
	args := []string{
		"-loglevel", "error",
		"-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100",
		"-t", "2", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p",
	}
	args = append(args, video...)
	args = append(args, "-c:a", "aac", "-ac", "2", "-f", "flv", "-y", path)
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// packets lets ffprobe list stream, times, size and flags of all packets.
func packets(t testing.TB, file []byte) []string {
	t.Helper()
	cmd := exec.Command("ffprobe", "-loglevel", "error", "-show_entries", "packet=codec_type,pts,dts,size,flags", "-of", "csv=p=0", "-")
	cmd.Stdin = bytes.NewReader(file)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffprobe: %v", err)
	}
	return strings.Fields(string(out))
}

func readAll(t testing.TB, file []byte) (frames []*media.Frame) {
	t.Helper()
	r := flv.NewReader(bytes.NewReader(file))
	for {
		f, err := r.Next()
		if err == io.EOF {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, f)
	}
}

// write makes a file of frames the way a server does.
func write(t testing.TB, frames []*media.Frame, base media.Time) []byte {
	t.Helper()
	var video, audio *media.Track
	for _, f := range frames {
		if f.Track.Kind == media.Video && video == nil {
			video = f.Track
		} else if f.Track.Kind == media.Audio && audio == nil {
			audio = f.Track
		}
	}
	b := flv.AppendFileHeader(nil, video, audio)
	b = flv.AppendMetadata(b, video, audio, 0)
	for _, track := range []*media.Track{video, audio} {
		if track == nil {
			continue
		}
		var err error
		if b, err = flv.AppendConfig(b, track, 0); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range frames {
		tag, err := flv.Render(f, base)
		if err != nil {
			t.Fatal(err)
		}
		b = tag.Append(b)
	}
	return b
}

func TestRoundTripThroughFFmpeg(t *testing.T) {
	for name, args := range map[string][]string{
		"no B-frames": {"-bf", "0"},
		"B-frames":    {"-bf", "2", "-b_strategy", "0"},
		"slices":      {"-bf", "0", "-slices", "4"},
	} {
		t.Run(name, func(t *testing.T) {
			theirs := encode(t, args...)
			frames := readAll(t, theirs)
			ours := write(t, frames, 0)
			again := readAll(t, ours)
			if len(frames) < 120 || len(again) != len(frames) {
				t.Fatalf("read %d frames, then %d", len(frames), len(again))
			}
			for i, f := range frames {
				compare(t, i, again[i], f)
			}
			compareProbes(t, packets(t, ours), packets(t, theirs))
		})
	}
}

func compare(t *testing.T, i int, got, want *media.Frame) {
	t.Helper()
	if got.DTS != want.DTS || got.PTS != want.PTS || got.Key != want.Key || got.Discardable != want.Discardable {
		t.Fatalf("frame %d: times or flags differ: %+v, want %+v", i, got, want)
	}
	if !bytes.Equal(got.Data, want.Data) {
		t.Fatalf("frame %d: data differ", i)
	}
	if got.Track.Codec != want.Track.Codec || got.Track.Width != want.Track.Width || got.Track.Reorder != want.Track.Reorder ||
		got.Track.SampleRate != want.Track.SampleRate || got.Track.Channels != want.Track.Channels {
		t.Fatalf("frame %d: track %+v, want %+v", i, got.Track, want.Track)
	}
}

// compareProbes compares what ffprobe says of both files, packet by packet.
func compareProbes(t *testing.T, ours, theirs []string) {
	t.Helper()
	if len(ours) < 120 || len(ours) != len(theirs) {
		t.Fatalf("ffprobe sees %d packets, in the original %d", len(ours), len(theirs))
	}
	for i := range ours {
		if ours[i] != theirs[i] {
			t.Fatalf("packet %d: ffprobe sees %s, in the original %s", i, ours[i], theirs[i])
		}
	}
}

func TestOpenTellsTracks(t *testing.T) {
	r := flv.NewReader(bytes.NewReader(encode(t, "-bf", "2", "-b_strategy", "0")))
	video, audio, err := r.Open()
	if err != nil {
		t.Fatal(err)
	}
	if video == nil || video.Codec != media.H264 || video.Width != 320 || video.Height != 180 || !video.Reorder {
		t.Errorf("video track %+v", video)
	}
	if audio == nil || audio.Codec != media.AAC || audio.SampleRate != 44100 || audio.Channels != 2 {
		t.Errorf("audio track %+v", audio)
	}
	f, err := r.Next()
	if err != nil || f.DTS != 0 {
		t.Errorf("first frame after Open: %+v, %v", f, err)
	}
}

func TestDecodesTheSame(t *testing.T) {
	theirs := encode(t, "-bf", "2", "-b_strategy", "0")
	ours := write(t, readAll(t, theirs), 0)
	if a, b := pictures(t, ours), pictures(t, theirs); a != b || strings.Count(a, "\n") < 50 {
		t.Errorf("decoded pictures differ:\n%s\n%s", a, b)
	}
}

// pictures returns a checksum and time of every decoded picture.
func pictures(t *testing.T, file []byte) string {
	t.Helper()
	cmd := exec.Command("ffmpeg", "-loglevel", "error", "-i", "-", "-map", "0:v", "-f", "framemd5", "-")
	cmd.Stdin = bytes.NewReader(file)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatal(fmt.Errorf("decode: %w: %s", err, out))
	}
	return string(out)
}
