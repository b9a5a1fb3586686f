package rtp

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"millrace/internal/media"
	"millrace/internal/wire/flv"
)

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

// A file of ffmpeg's with B-frames, slices and AAC goes through packets that
// are reordered and repeated, and comes back bit by bit.
func TestAssembleFFmpeg(t *testing.T) {
	file := filepath.Join(t.TempDir(), "made.flv")
	run(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100",
		"-t", "3", "-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-bf", "3", "-slices", "3", "-b:v", "2M", "-pix_fmt", "yuv420p",
		"-c:a", "aac", "-ac", "2", "-b:a", "320k", "-f", "flv", file)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var frames []*media.Frame
	reordered, discardable := 0, 0
	for r := flv.NewReader(bytes.NewReader(b)); ; {
		f, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Arrived = int64(f.DTS) + 1e18
		frames = append(frames, f)
		if f.PTS != f.DTS {
			reordered++
		}
		if f.Discardable {
			discardable++
		}
	}
	if len(frames) < 190 || reordered < 50 || discardable < 20 {
		t.Fatalf("%d frames, %d reordered, %d discardable: not the material that was asked for", len(frames), reordered, discardable)
	}
	packets := packetize(frames)
	for i := 3; i < len(packets); i += 5 {
		packets[i-1], packets[i] = packets[i], packets[i-1]
	}
	for i := 10; i < len(packets); i += 17 {
		packets = append(packets[:i+1], packets[i:]...)
	}
	a := NewAssembler(ofKind(frames, media.Video)[0].Track, ofKind(frames, media.Audio)[0].Track)
	sameFrames(t, assembleAll(t, a, packets), frames)

	// Who was told of no tracks learns them from the packets.
	got := assembleAll(t, NewAssembler(nil, nil), packets)
	for _, kind := range []media.Kind{media.Video, media.Audio} {
		g, w := ofKind(got, kind), ofKind(frames, kind)
		if len(g) != len(w) {
			t.Fatalf("%d frames of %s, want %d", len(g), kind, len(w))
		}
		told, want := g[len(g)-1].Track, w[0].Track
		if told.Width != want.Width || told.Height != want.Height || told.Reorder != want.Reorder ||
			told.SampleRate != want.SampleRate || told.Channels != want.Channels || told.Codec != want.Codec {
			t.Fatalf("%s is %+v, want %+v", kind, told, want)
		}
		for i := range g {
			if !bytes.Equal(g[i].Data, w[i].Data) || g[i].PTS != w[i].PTS {
				t.Fatalf("frame %d of %s differs", i, kind)
			}
		}
	}
}

// receive lets ffmpeg send a clip in RTP and returns the packets.
func receive(t *testing.T, args ...string) (packets []rtp.Packet) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadBuffer(4 << 20); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(conn.LocalAddr().(*net.UDPAddr).Port)
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 2000)
		for {
			n, _, err := conn.ReadFromUDP(b)
			if err != nil || n == 1 {
				return
			}
			var pk rtp.Packet
			if b[1]&0x7f == 72 || pk.Unmarshal(bytes.Clone(b[:n])) != nil {
				continue // RTCP
			}
			packets = append(packets, pk)
		}
	}()
	argv := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=322x242:rate=50", "-frames:v", "40", "-pix_fmt", "yuv420p", "-g", "15"}, args...)
	run(t, "ffmpeg", append(argv, "-f", "rtp", "rtp://127.0.0.1:"+port+"?pkt_size=1200&rtcpport=9")...)
	end, err := net.Dial("udp4", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	if _, err := end.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	<-done
	return packets
}

// What foreign packetizers make is read as what their encoders meant.
func TestInspectFFmpeg(t *testing.T) {
	for _, tt := range []struct {
		codec media.Codec
		args  []string
		sei   byte // type of the NAL units in a key frame that may not tell
	}{
		{media.H264, []string{"-c:v", "libx264", "-preset", "ultrafast", "-x264opts", "keyint=15:scenecut=0:repeat-headers=1"}, 6},
		{media.H265, []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=15:scenecut=0:repeat-headers=1"}, 39},
		{media.VP8, []string{"-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-auto-alt-ref", "0"}, 0},
		{media.VP9, []string{"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-strict", "experimental"}, 0},
	} {
		t.Run(tt.codec.String(), func(t *testing.T) {
			keys, silent, of := map[uint32]bool{}, map[uint32]int{}, map[uint32]bool{}
			sets, width := 0, 0
			for _, pk := range receive(t, tt.args...) {
				s, ok := Inspect(tt.codec, pk.Payload)
				if !ok {
					t.Fatalf("%x is malformed", pk.Payload[:min(20, len(pk.Payload))])
				}
				of[pk.Timestamp] = true
				if s.Key {
					keys[pk.Timestamp] = true
				} else if nalType(tt.codec, pk.Payload) != tt.sei {
					silent[pk.Timestamp]++
				}
				sets += len(s.Params)
				width = max(width, s.Width)
			}
			if len(of) != 40 || len(keys) != 3 {
				t.Fatalf("%d pictures, %d of them key frames", len(of), len(keys))
			}
			for at := range keys {
				if tt.sei != 0 && silent[at] > 0 {
					t.Errorf("%d packets of a key frame do not tell", silent[at])
				}
			}
			if parameters := tt.codec == media.H264 || tt.codec == media.H265; parameters != (sets > 0) || parameters == (width == 322) {
				t.Errorf("%d parameter sets, width %d", sets, width)
			}
		})
	}
}

// nalType returns the type of the NAL unit that a payload is, or is a piece of.
func nalType(c media.Codec, p []byte) byte {
	switch {
	case c == media.H264 && p[0]&0x1f == nalFUA:
		return p[1] & 0x1f
	case c == media.H264:
		return p[0] & 0x1f
	case c == media.H265 && p[0]>>1&0x3f == nalFU:
		return p[2] & 0x3f
	}
	return p[0] >> 1 & 0x3f
}
