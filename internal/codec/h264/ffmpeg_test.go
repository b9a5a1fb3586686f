package h264

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAgainstFFmpeg lets ffmpeg encode, and ffprobe decode, what ParseUnit
// judges by the headers alone.
func TestAgainstFFmpeg(t *testing.T) {
	for name, args := range map[string][]string{
		"B pyramid": {"-bf", "3", "-x264opts", "b-pyramid=normal:keyint=25:aud=1"},
		"slices":    {"-bf", "2", "-x264opts", "slices=4:keyint=25"},
		"no B":      {"-bf", "0", "-x264opts", "keyint=25:bframes=0"},
		"in band":   {"-bf", "1", "-x264opts", "keyint=25:repeat-headers=1"},
		"open GOP":  {"-bf", "2", "-x264opts", "keyint=25:open-gop=1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "x.flv")
			argv := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc=s=320x240:r=25", "-frames:v", "60", "-pix_fmt", "yuv420p", "-c:v", "libx264"}, args...)
			run(t, "ffmpeg", append(argv, "-f", "flv", file)...)
			probe := run(t, "ffprobe", "-v", "error", "-show_entries", "frame=pict_type,key_frame", "-of", "csv=p=0", file)

			var keys, bs int
			for _, line := range strings.Fields(probe) {
				if strings.Contains(line, "B") {
					bs++
				}
				if strings.HasPrefix(line, "1,") {
					keys++
				}
			}
			if name == "open GOP" {
				keys = 1 // the others are recovery points, where decoding can not begin cleanly
			}
			u := countUnits(t, file)
			if u.frames != 60 || u.keys != keys || u.bs != bs {
				t.Fatalf("got %+v, ffprobe says %d keys and %d B pictures", u, keys, bs)
			}
			if (u.discardable > 0) != (bs > 0) && !strings.Contains(name, "no B") {
				t.Fatalf("%d discardable of %d B pictures", u.discardable, bs)
			}
		})
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stderr strings.Builder
	cmd := exec.Command(name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, stderr.String())
	}
	return string(out)
}

type counts struct{ frames, keys, bs, discardable int }

// countUnits walks the video tags of an FLV file.
func countUnits(t *testing.T, file string) counts {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var n counts
	for b = b[13:]; len(b) > 15; {
		size := int(binary.BigEndian.Uint32(b) & 0xffffff)
		if body := b[11 : 11+size]; b[0] == 9 && body[1] == 1 {
			u, err := ParseUnit(body[5:], 4)
			if err != nil {
				t.Fatal(err)
			}
			n.frames++
			if u.Key {
				n.keys++
			}
			if u.B {
				n.bs++
			}
			if u.Discardable {
				n.discardable++
			}
		}
		b = b[11+size+4:]
	}
	return n
}
