package carry

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"millrace/client"
	"millrace/internal/codec/h264"
	"millrace/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// encode makes a file of two seconds with ffmpeg.
func encode(t testing.TB, name string, options ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	args := []string{"-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25",
		"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100", "-t", "2", "-ac", "2"}
	out, err := exec.Command("ffmpeg", append(append(args, options...), path)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

var native = []string{"-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-bf", "2", "-g", "25",
	"-x264-params", "b-adapt=0:scenecut=0", "-c:a", "aac"}

func ffmpeg(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("ffmpeg")
	must(t, err)
	return path
}

// read reads a source to its end.
func read(t testing.TB, s source) (units [2][]client.AccessUnit) {
	t.Helper()
	for {
		u, err := s.next()
		if errors.Is(err, io.EOF) {
			return units
		}
		must(t, err)
		units[u.Kind] = append(units[u.Kind], u)
	}
}

// slices are the NAL units that hold pictures, which containers do not touch.
func slicesOf(b []byte) string {
	var all []string
	for _, n := range nals(b) {
		if k := h264.Type(n); k == h264.TypeSlice || k == h264.TypeIDR {
			all = append(all, string(n))
		}
	}
	return strings.Join(all, "|")
}

// same checks that two readings are of the same media at the same times.
func same(t *testing.T, got, want [2][]client.AccessUnit) {
	t.Helper()
	for k := range want {
		if len(got[k]) != len(want[k]) || len(want[k]) < 20 {
			t.Fatalf("%s: %d units, want %d", client.Kind(k), len(got[k]), len(want[k]))
		}
		for i := range want[k] {
			g, w := &got[k][i], &want[k][i]
			if k == int(client.Audio) && !bytes.Equal(g.Data, w.Data) || k == int(client.Video) && slicesOf(g.Data) != slicesOf(w.Data) {
				t.Fatalf("%s %d: %d bytes are not the %d", client.Kind(k), i, len(g.Data), len(w.Data))
			}
			off := (g.DTS - got[0][0].DTS) - (w.DTS - want[0][0].DTS)
			if late := (g.PTS - g.DTS) - (w.PTS - w.DTS); off.Abs() > 1100*time.Microsecond || late.Abs() > 1100*time.Microsecond {
				t.Fatalf("%s %d: DTS %v and PTS %v off", client.Kind(k), i, off, late)
			}
			if g.Key != w.Key {
				t.Fatalf("%s %d: key %v", client.Kind(k), i, g.Key)
			}
		}
	}
}

// One clip in three containers is the same media, and so it is after a way
// through either sink.
func TestSourcesAndSinks(t *testing.T) {
	mp4 := encode(t, "clip.mp4", native...)
	in := Input{Path: mp4, FFmpeg: ffmpeg(t)}
	first, err := in.open(t.Context())
	must(t, err)
	video, audio := first.tracks()
	if !video.BFrames || video.Width != 320 || video.Height != 180 || audio.Codec != client.AAC || audio.SampleRate != 44100 || audio.Channels != 2 {
		t.Errorf("tracks %+v, %+v", video, audio)
	}
	want := read(t, first)
	must(t, first.close())
	for _, name := range []string{"clip.flv", "clip.ts", "clip.mkv"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			if out, err := exec.Command("ffmpeg", "-v", "error", "-nostdin", "-i", mp4, "-c", "copy", path).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			b, err := os.ReadFile(path)
			must(t, err)
			s, err := (&Input{Stdin: bytes.NewReader(b), FFmpeg: ffmpeg(t)}).open(t.Context())
			must(t, err)
			if v, a := s.tracks(); !v.BFrames || !bytes.HasPrefix(a.Config, audio.Config) {
				t.Errorf("tracks %+v, %+v", v, a)
			}
			same(t, read(t, s), want)
			must(t, s.close())
		})
	}
	for _, format := range []string{"flv", "mpegts"} {
		t.Run(format, func(t *testing.T) {
			var out bytes.Buffer
			s, err := newSink(format, &out, []*client.Track{video, audio}, media.Time(want[0][0].DTS))
			must(t, err)
			for i, j := 0, 0; i < len(want[0]) || j < len(want[1]); {
				u := client.AccessUnit{}
				if j == len(want[1]) || i < len(want[0]) && want[0][i].DTS <= want[1][j].DTS {
					u, i = want[0][i], i+1
					u.Track = video
				} else {
					u, j = want[1][j], j+1
					u.Track = audio
				}
				must(t, s.write(&u))
			}
			back, err := (&Input{Stdin: &out}).open(t.Context())
			must(t, err)
			same(t, read(t, back), want)
			must(t, back.close())
		})
	}
}

// What cannot be carried is refused with the option that helps.
func TestForeign(t *testing.T) {
	h264 := []string{"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"}
	for name, c := range map[string]struct {
		options []string
		want    string
	}{
		"mp3.flv":  {append(h264, "-c:a", "libmp3lame"), "-c:a aac"},
		"mp3.mp4":  {append(h264, "-c:a", "libmp3lame"), "-c:a aac"},
		"hevc.mp4": {[]string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-c:a", "aac"}, "-c:v libx264"},
		"m2v.ts":   {[]string{"-c:v", "mpeg2video", "-c:a", "aac"}, "-c:v libx264"},
		"vp9.webm": {[]string{"-c:v", "libvpx", "-c:a", "libopus", "-ar", "48000"}, "-c:v libx264"},
	} {
		in := Input{Path: encode(t, name, c.options...), FFmpeg: ffmpeg(t)}
		s, err := in.open(t.Context())
		if err == nil {
			must(t, s.close())
			t.Errorf("%s was opened", name)
		} else if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "convert it") {
			t.Errorf("%s: %v", name, err)
		}
	}
	opus := Input{Path: encode(t, "opus.mkv", append(h264, "-c:a", "libopus", "-ar", "48000")...), FFmpeg: ffmpeg(t)}
	s, err := opus.open(t.Context())
	must(t, err)
	if _, audio := s.tracks(); audio.Codec != client.Opus || audio.Channels != 2 {
		t.Errorf("audio %+v", audio)
	}
	must(t, s.close())
}

func TestBadInputs(t *testing.T) {
	for text, in := range map[string]Input{
		"no such file": {Path: "/nowhere/at.all"},
		"is empty":     {Stdin: strings.NewReader("")},
		"no ffmpeg":    {Stdin: strings.NewReader(strings.Repeat("text ", 100))},
		"cannot read":  {Stdin: strings.NewReader(strings.Repeat("text ", 100)), FFmpeg: ffmpeg(t)},
		"read FLV":     {Stdin: strings.NewReader("FLV\x01\x05\x00\x00\x00\x09")},
		"start ffmpeg": {Stdin: strings.NewReader(strings.Repeat("text ", 100)), FFmpeg: "/nowhere/ffmpeg"},
		"no input":     {},
	} {
		s, err := in.open(t.Context())
		if err == nil {
			must(t, s.close())
		}
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("want %q, got %v", text, err)
		}
	}
}

// Units pass when their time has come, and a loop is one scale.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pacer{}
		began := time.Now()
		pass := func(at time.Duration) (dts, waited time.Duration) {
			u := client.AccessUnit{DTS: at, PTS: at + time.Second}
			if !p.wait(t.Context(), &u) || u.PTS-u.DTS != time.Second {
				t.Fatalf("%+v", u)
			}
			return u.DTS, time.Since(began)
		}
		for _, at := range []time.Duration{5 * time.Second, 5040 * time.Millisecond, 5100 * time.Millisecond} {
			if dts, waited := pass(at); dts != at || waited != at-5*time.Second {
				t.Errorf("%v came as %v after %v", at, dts, waited)
			}
		}
		p.again()
		if dts, waited := pass(5 * time.Second); dts != 5140*time.Millisecond || waited != 140*time.Millisecond {
			t.Errorf("the second pass begins at %v after %v", dts, waited)
		}
		<-time.After(3 * time.Second) // a pipe that was stopped
		_, before := pass(5040 * time.Millisecond)
		if _, after := pass(5080 * time.Millisecond); after-before != 40*time.Millisecond {
			t.Errorf("%v between two units after a stop", after-before)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if p.wait(ctx, &client.AccessUnit{DTS: 6 * time.Second}) {
			t.Error("waited for nobody")
		}
	})
}

func TestLine(t *testing.T) {
	var out bytes.Buffer
	l := &Line{W: &out, Live: true, Received: true}
	stop := l.follow(func() client.Stats { return client.Stats{} })
	l.write(client.Stats{
		State: client.Connected, Packets: 99, Lost: 1, NACKed: 3, Recovered: 2, RTT: 20 * time.Millisecond,
		DelayKnown: true, Delay: 61 * time.Millisecond, FirstFrame: 180 * time.Millisecond, Dropped: 4,
	}, time.Now())
	l.write(client.Stats{Err: client.ErrLost}, time.Now())
	stop()
	l.total("played", client.Stats{Units: 12})
	for _, want := range []string{"rtt 20.0 ms", "delay 61.0 ms", "first frame 180.0 ms", "lost 1 (1.0 %)", "nack 3", "recovered 2", "dropped 4",
		"connecting: " + client.ErrLost.Error(), "played 12 access units"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, &out)
		}
	}
	(*Line)(nil).total("played", client.Stats{})
	(*Line)(nil).follow(nil)()
}

// No bytes of a file do harm.
func FuzzInput(f *testing.F) {
	f.Add([]byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00\x09\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x17\x00\x00\x00\x00\x00\x00\x00\x10"))
	f.Add(append([]byte{tsSync, 0x40, 0, 0x10}, bytes.Repeat([]byte{tsSync}, 400)...))
	b, err := os.ReadFile(encode(f, "seed.ts", append(native, "-frames:v", "2", "-an")...))
	must(f, err)
	f.Add(b)
	b, err = os.ReadFile(encode(f, "seed.flv", append(native, "-frames:v", "2", "-an")...))
	must(f, err)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = foreignFLV(b)
		in := Input{Stdin: bufio.NewReader(bytes.NewReader(b))}
		s, err := in.open(t.Context())
		if err != nil {
			return
		}
		for range 1000 {
			u, err := s.next()
			if err != nil {
				break
			}
			if u.Kind > client.Audio {
				t.Fatalf("kind %d", u.Kind)
			}
		}
		_ = s.close()
	})
}
