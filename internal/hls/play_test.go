package hls_test

import (
	"encoding/json"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// packet is what ffprobe says of one.
type packet struct {
	Codec string `json:"codec_type"`
	PTS   string `json:"pts_time"`
	DTS   string `json:"dts_time"`
	Flags string `json:"flags"`
}

// probed is what ffprobe has read.
type probed struct {
	Packets []packet `json:"packets"`
	Streams []struct {
		Codec string `json:"codec_name"`
		Type  string `json:"codec_type"`
		Width int    `json:"width"`
	} `json:"streams"`
}

// probe reads an address with ffprobe until it ends.
func probe(t *testing.T, address string) probed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-protocol_whitelist", "file,http,tcp", "-live_start_index", "0", "-rw_timeout", "20000000",
		"-show_entries", "packet=codec_type,pts_time,dts_time,flags:stream=codec_name,codec_type,width", "-of", "json", address)
	out, err := cmd.Output()
	var p probed
	if err == nil {
		err = json.Unmarshal(out, &p)
	}
	if err != nil {
		t.Errorf("ffprobe: %v", err)
	}
	return p
}

// check looks at what was read: every frame, times that ascend, and both kinds in step.
func (p probed) check(t *testing.T, video, audio int) {
	t.Helper()
	counts := map[string]int{}
	last, first := map[string]float64{}, map[string]float64{}
	for _, pk := range p.Packets {
		dts, err := strconv.ParseFloat(pk.DTS, 64)
		if err != nil {
			t.Fatalf("decode time %q of %s packet %d", pk.DTS, pk.Codec, counts[pk.Codec])
		}
		if counts[pk.Codec] == 0 {
			first[pk.Codec] = dts
		} else if dts <= last[pk.Codec] {
			t.Errorf("%s packet %d at %f comes after %f", pk.Codec, counts[pk.Codec], dts, last[pk.Codec])
		}
		last[pk.Codec] = dts
		counts[pk.Codec]++
	}
	if counts["video"] != video || counts["audio"] < audio-2 || counts["audio"] > audio {
		t.Errorf("read %v, want %d and %d packets", counts, video, audio)
	}
	if off := first["audio"] - first["video"]; off < -0.04 || off > 0.08 {
		t.Errorf("sound begins %f s after the picture", off)
	}
	if off := last["audio"] - last["video"]; off < -0.2 || off > 0.2 {
		t.Errorf("sound ends %f s after the picture", off)
	}
}

// countKinds is how many frames of each kind there are.
func countKinds(all []*media.Frame) (video, audio int) {
	for _, f := range all {
		if f.Track.Kind == media.Video {
			video++
		} else {
			audio++
		}
	}
	return video, audio
}

// TestFFmpegReads plays the clip, B-frames and all, from its first key frame to
// the end of the stream.
func TestFFmpegReads(t *testing.T) {
	for _, format := range []string{"ts", "fmp4", "ll", "ll&tracks=apart"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, stageOptions{})
			all := frames(t)
			p := s.publish(t, tracksOf(all)[0], tracksOf(all)[1])
			head, tail := before(all, 500*time.Millisecond)
			write(t, p, head...)
			s.open(t, "format="+format) // from here on it is packaged
			read := make(chan probed, 1)
			go func() {
				defer close(read)
				read <- probe(t, s.web.URL+"/live/demo.m3u8?format="+format)
			}()
			// The reading ends with the test.
			t.Cleanup(func() {
				for range read {
				}
			})
			s.await(t, func() bool { return s.count(t, "millrace_hls_viewers", nil) == 2 })
			write(t, p, tail...)
			p.Close(reason.ClosedByPeer)
			got := <-read
			video, audio := countKinds(all)
			got.check(t, video, audio)
		})
	}
}

func tracksOf(all []*media.Frame) [2]*media.Track {
	video, audio := tracks(all)
	return [2]*media.Track{video, audio}
}
