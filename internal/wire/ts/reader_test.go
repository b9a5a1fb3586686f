package ts

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"testing"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// films are those made so far.
var films sync.Map

// film is what ffmpeg makes of a test picture and a tone, as MPEG-TS.
func film(t testing.TB, args ...string) []byte {
	t.Helper()
	if b, ok := films.Load(fmt.Sprint(args)); ok {
		return b.([]byte)
	}
	b := makeFilm(t, args...)
	films.Store(fmt.Sprint(args), b)
	return b
}

func makeFilm(t testing.TB, args ...string) []byte {
	t.Helper()
	all := append([]string{
		"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine=sample_rate=48000",
		"-t", "3", "-g", "25", "-pix_fmt", "yuv420p",
	}, args...)
	cmd := exec.Command("ffmpeg", append(all, "-f", "mpegts", "-")...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, &said)
	}
	return out.Bytes()
}

// take reads everything, checking what must hold for any source.
func take(t testing.TB, r *Reader) (frames []*media.Frame) {
	t.Helper()
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		if f.Track == nil || len(f.Data) == 0 || f.PTS < f.DTS {
			t.Fatalf("frame without a track, data or sensible times: %+v", f)
		}
		frames = append(frames, f)
	}
}

func of(frames []*media.Frame, k media.Kind) (some []*media.Frame) {
	for _, f := range frames {
		if f.Track.Kind == k {
			some = append(some, f)
		}
	}
	return some
}

func TestReaderTakesWhatFFmpegWrites(t *testing.T) {
	for _, c := range []struct {
		name         string
		args         []string
		video, audio media.Codec
		reorder      bool
		sounds       int // at least
	}{
		{"H264 and AAC", []string{"-c:v", "libx264", "-bf", "0", "-c:a", "aac"}, media.H264, media.AAC, false, 140},
		{"B-frames", []string{"-c:v", "libx264", "-bf", "2", "-c:a", "aac"}, media.H264, media.AAC, true, 140},
		{"HEVC", []string{"-c:v", "libx265", "-x265-params", "log-level=error:bframes=0", "-c:a", "aac"}, media.H265, media.AAC, false, 140},
		{"Opus", []string{"-c:v", "libx264", "-bf", "0", "-c:a", "libopus"}, media.H264, media.Opus, false, 149},
		{"LATM", []string{"-c:v", "libx264", "-bf", "0", "-c:a", "aac", "-mpegts_flags", "latm"}, media.H264, media.AAC, false, 140},
	} {
		t.Run(c.name, func(t *testing.T) {
			drops := map[reason.Reason]int{}
			r := NewReader(bytes.NewReader(film(t, c.args...)))
			r.OnDrop = func(why reason.Reason) { drops[why]++ }
			frames := take(t, r)
			video, audio := of(frames, media.Video), of(frames, media.Audio)
			if len(video) != 75 || len(audio) < c.sounds || len(drops) > 0 {
				t.Fatalf("%d pictures, %d sounds, dropped %v", len(video), len(audio), drops)
			}
			last := video[len(video)-1].Track
			if last.Codec != c.video || last.Width != 320 || last.Height != 180 || last.Reorder != c.reorder || len(last.Params) < 2 {
				t.Errorf("video track %+v", last)
			}
			at := audio[0].Track
			if at.Codec != c.audio || at.SampleRate != 48000 || at.Channels != 1 {
				t.Errorf("audio track %+v", at)
			}
			if !video[0].Key || !video[25].Key || video[1].Key {
				t.Error("key frames are not every 25 pictures")
			}
			for kind, all := range map[string][]*media.Frame{"video": video, "audio": audio} {
				for i := 1; i < len(all); i++ {
					if all[i].DTS <= all[i-1].DTS {
						t.Fatalf("%s: DTS %d after %d", kind, all[i].DTS, all[i-1].DTS)
					}
				}
			}
		})
	}
}

// A unit is known to be complete before the next one begins.
func TestPicturesDoNotWaitForTheNext(t *testing.T) {
	b := film(t, "-c:v", "libx264", "-bf", "0", "-an")
	in, out := io.Pipe()
	go func() {
		_, err := out.Write(b)
		out.CloseWithError(errors.Join(err, io.EOF))
	}()
	r := NewReader(in)
	waited := 0
	for range 75 {
		f, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if s := r.streams[0x100]; s.pes.open {
			waited++
		}
		_ = f
	}
	// One in 184 fills its last packet to the byte.
	if waited > 5 {
		t.Errorf("%d of 75 pictures came with the next one", waited)
	}
}

func ExampleReader_Foreign() {
	r := &Reader{program: []elementary{describe(0x02, nil), describe(0x0f, nil)}}
	fmt.Printf("%q %q\n", r.Foreign(media.Video), r.Foreign(media.Audio))
	// Output: "MPEG-2" ""
}
