package carry

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"millrace/client"
	"millrace/internal/media"
)

// A track that begins after the first units is in either container all the same.
func TestLateTrack(t *testing.T) {
	in := Input{Path: encode(t, "clip.mp4", native...), FFmpeg: ffmpeg(t)}
	for _, late := range []client.Kind{client.Audio, client.Video} {
		for _, format := range []string{"flv", "mpegts"} {
			t.Run(late.String()+" in "+format, func(t *testing.T) {
				source, err := in.open(t.Context())
				must(t, err)
				video, audio := source.tracks()
				tracks := map[client.Kind]*client.Track{client.Video: video, client.Audio: audio}
				units := read(t, source)
				must(t, source.close())
				early := 1 - late
				var b bytes.Buffer
				s, err := newSink(format, &b, []*client.Track{tracks[early]}, media.Time(units[early][0].DTS))
				must(t, err)
				for _, kind := range []client.Kind{early, late} {
					for i := range units[kind] {
						units[kind][i].Track = tracks[kind]
						must(t, s.write(&units[kind][i]))
					}
				}
				path := filepath.Join(t.TempDir(), "out."+format)
				must(t, os.WriteFile(path, b.Bytes(), 0o600))
				out, err := exec.Command("ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=codec_name,width,sample_rate", "-of", "compact", path).CombinedOutput()
				must(t, err)
				for _, want := range []string{"codec_name=h264|width=320", "codec_name=aac|sample_rate=44100"} {
					if !strings.Contains(string(out), want) {
						t.Errorf("no %s in %s", want, out)
					}
				}
			})
		}
	}
}
