package hls_test

import (
	"bytes"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4/pkg/media/ivfreader"

	"millrace/internal/codec/av1"
	"millrace/internal/codec/vp9"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/rtp"
	"millrace/internal/wire/ts"
)

// encoders write five seconds of 320x180, a key frame per second.
var encoders = map[media.Codec][]string{
	media.H265: {"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=25:min-keyint=25:scenecut=0:bframes=0:pools=1:frame-threads=1", "-f", "mpegts"},
	media.VP9:  {"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "25", "-f", "ivf"},
	media.AV1:  {"-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-g", "25", "-f", "ivf"},
}

// encoded is what an encoder writes, as frames.
func encoded(t *testing.T, codec media.Codec) (frames []*media.Frame) {
	t.Helper()
	args := append([]string{"-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-t", "5", "-pix_fmt", "yuv420p", "-b:v", "500k"}, encoders[codec]...)
	file, err := exec.Command("ffmpeg", append(args, "-")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	add := func(key bool, track *media.Track, data []byte) {
		at := media.Time(len(frames)) * media.Time(40*time.Millisecond)
		frames = append(frames, &media.Frame{Track: track, DTS: at, PTS: at, Key: key, Data: data})
	}
	if codec == media.H265 {
		r := ts.NewReader(bytes.NewReader(file))
		for f, err := r.Next(); err == nil; f, err = r.Next() {
			add(f.Key, f.Track, f.Data)
		}
		return frames
	}
	r, _, err := ivfreader.NewWith(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	track := &media.Track{Kind: media.Video, Codec: codec}
	for {
		data, _, err := r.ParseNextFrame()
		if err == io.EOF {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		if codec == media.VP9 {
			h, _ := vp9.ParseHeader(data)
			add(h.Key, track, data)
			continue
		}
		u, err := av1.ParseUnit(data)
		if err != nil {
			t.Fatal(err)
		}
		add(u.Key, track, u.Data)
	}
}

// TestOtherVideo plays what publishers over WebRTC send, packet by packet, in
// codecs that only fragmented MP4 carries; what tells of parameters is in the stream.
func TestOtherVideo(t *testing.T) {
	for _, c := range []struct {
		codec          media.Codec
		name, announce string
	}{{media.H265, "hevc", "hvc1.1.6.L60.90"}, {media.VP9, "vp9", "vp09.00.31.08"}, {media.AV1, "av1", "av01.0.00M.08"}} {
		t.Run(c.codec.String(), func(t *testing.T) {
			t.Parallel()
			all := encoded(t, c.codec)
			if len(all) != 125 {
				t.Fatalf("%d frames", len(all))
			}
			for _, format := range []string{"", "format=ll"} {
				t.Run(format, func(t *testing.T) { playEncoded(t, all, format, c.name, c.announce) })
			}
		})
	}
}

// playEncoded publishes frames as packets and plays them.
func playEncoded(t *testing.T, all []*media.Frame, format, name, announce string) {
	s := newStage(t, stageOptions{})
	p := s.publish(t, &media.Track{Kind: media.Video, Codec: all[0].Track.Codec}, nil)
	cutter := rtp.New()
	send := func(frames []*media.Frame) {
		for _, f := range frames {
			for _, pk := range cutter.Packetize(f) {
				if err := p.WritePacket(&pk); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	head, tail := before(all, 500*time.Millisecond)
	send(head)
	a := s.get(t, "/live/demo.m3u8?"+format)
	if !strings.Contains(a.body, `CODECS="`+announce) || !strings.Contains(a.body, "RESOLUTION=320x180") {
		t.Errorf("playlist:\n%s", a.body)
	}
	read := make(chan probed, 1)
	go func() {
		defer close(read)
		read <- probe(t, s.web.URL+"/live/demo.m3u8?"+format)
	}()
	// The reading ends with the test.
	t.Cleanup(func() {
		for range read {
		}
	})
	s.await(t, func() bool { return s.count(t, "millrace_hls_viewers", nil) == 2 })
	send(tail)
	p.Close(reason.ClosedByPeer)
	got := <-read
	if len(got.Streams) != 1 || got.Streams[0].Codec != name || got.Streams[0].Width != 320 || len(got.Packets) != len(all) {
		t.Errorf("%d packets of %+v", len(got.Packets), got.Streams)
	}
}
