package demo

import (
	"bytes"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"millrace/internal/media"
)

const (
	loopFrames      = 240
	loopSoundFrames = 375
)

func TestLoopIsWhatPlayersTake(t *testing.T) {
	l, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(loopFLV) > 400_000 {
		t.Errorf("loop is %d bytes", len(loopFLV))
	}
	if l.Video.Codec != media.H264 || l.Video.Reorder || l.Video.Width != 640 || l.Video.Height != 360 {
		t.Errorf("video %+v", l.Video)
	}
	if l.Audio.Codec != media.AAC || l.Audio.SampleRate != 48000 || l.Audio.Channels != 2 {
		t.Errorf("audio %+v", l.Audio)
	}
	count := map[media.Kind]int{}
	for i, f := range l.frames {
		n := count[f.Track.Kind]
		count[f.Track.Kind]++
		want := int64(n) * 8000 / loopFrames
		if f.Track.Kind == media.Audio {
			want = int64(n) * 8000 / loopSoundFrames
		}
		if f.DTS != f.PTS || f.DTS.Millis() != want {
			t.Fatalf("frame %d: %v DTS %v PTS %v, want %d ms", i, f.Track.Kind, f.DTS, f.PTS, want)
		}
		if f.Track.Kind == media.Video && f.Key != (n%30 == 0) {
			t.Fatalf("picture %d: key %v", n, f.Key)
		}
	}
	if count[media.Video] != loopFrames || count[media.Audio] != loopSoundFrames || len(l.keys) != 8 {
		t.Errorf("%v, %d keys", count, len(l.keys))
	}
}

// Every picture says its own time, at its own size and at half.
func TestPicturesCarryTheirTime(t *testing.T) {
	for _, size := range []image.Point{{640, 360}, {320, 180}} {
		raw := ffmpeg(t, loopFLV, "-f", "flv", "-i", "pipe:0", "-an", "-vf",
			fmt.Sprintf("scale=%d:%d", size.X, size.Y), "-f", "rawvideo", "-pix_fmt", "gray", "pipe:1")
		if len(raw) != loopFrames*size.X*size.Y {
			t.Fatalf("%v: %d bytes", size, len(raw))
		}
		for n := range loopFrames {
			p := &image.Gray{Pix: raw[n*size.X*size.Y:][:size.X*size.Y], Stride: size.X, Rect: image.Rectangle{Max: size}}
			s, err := ReadPicture(p)
			if want := LoopStamp(LoopLength, LoopLength*time.Duration(n)/loopFrames); err != nil || s != want {
				t.Fatalf("%v picture %d: %#x, %v, want %#x", size, n, s, err, want)
			}
		}
	}
}

func TestPictureWithoutBarcode(t *testing.T) {
	if s, err := ReadPicture(image.NewGray(image.Rect(0, 0, 640, 360))); err == nil {
		t.Fatalf("read %#x from a black picture", s)
	}
	if s, err := ReadPicture(image.NewGray(image.Rect(0, 0, 1, 1))); err == nil {
		t.Fatalf("read %#x from one pixel", s)
	}
}

// ffmpeg runs ffmpeg on input and returns its output. The input goes through a
// file: ffmpeg stops reading a pipe when it has what it needs.
func ffmpeg(t *testing.T, input []byte, args ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(file, input, 0o600); err != nil {
		t.Fatal(err)
	}
	for i, a := range args {
		if a == "pipe:0" {
			args[i] = file
		}
	}
	cmd := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-v", "error", "-nostdin"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, &errs)
	}
	return out.Bytes()
}
