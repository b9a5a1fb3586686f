package httplive_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"millrace/internal/codec/opus"
	"millrace/internal/httplive"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/flv"
	"millrace/internal/wire/rtp"
)

// whipLong is how long the clip of a WebRTC publisher is: 25 pictures a second,
// a key frame each second, and 20 ms of 1 kHz at 0.5 s of each second, as Opus
// from a decoder's point of view.
// Tests send it faster than it plays: more of it would come to be skipped as too
// old where the machine is busy.
const whipLong = 2

// unhurried lets a clip be sent faster than it plays, without skips.
var unhurried = httplive.Config{MaxAge: time.Minute}

// whipClip is that clip: FLV with the pictures, Ogg with the sound.
var whipClip = sync.OnceValues(func() ([2][]byte, error) {
	var clip [2][]byte
	dir, err := os.MkdirTemp("", "httplive")
	if err != nil {
		return clip, err
	}
	defer os.RemoveAll(dir)
	for i, args := range [][]string{
		{"-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-t", itoa(whipLong), "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "25", "-pix_fmt", "yuv420p", "a.flv"},
		{"-f", "lavfi", "-i", "aevalsrc='0.5*sin(2*PI*1000*t)*between(mod(t,1),0.5,0.52)|0.5*sin(2*PI*1000*t)*between(mod(t,1),0.5,0.52)':s=48000", "-t", itoa(whipLong), "-c:a", "libopus", "-b:a", "128k", "b.ogg"},
	} {
		path := filepath.Join(dir, args[len(args)-1])
		if out, err := exec.Command("ffmpeg", slices.Concat([]string{"-nostdin", "-loglevel", "error", "-y"}, args[:len(args)-1], []string{path})...).CombinedOutput(); err != nil {
			return clip, &exec.Error{Name: string(out), Err: err}
		}
		if clip[i], err = os.ReadFile(path); err != nil {
			return clip, err
		}
	}
	return clip, nil
})

// whip is the clip as frames on one scale, from at on.
func whip(t testing.TB, at media.Time) []*media.Frame {
	t.Helper()
	clip, err := whipClip()
	if err != nil {
		t.Fatal(err)
	}
	var all []*media.Frame
	r := flv.NewReader(bytes.NewReader(clip[0]))
	for {
		f, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	track := &media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: 48000, Channels: 2}
	sound := media.FromUnits(-312, 48000) // what libopus puts in front
	for _, p := range oggPackets(clip[1])[2:] {
		all = append(all, &media.Frame{Track: track, DTS: sound, PTS: sound, Key: true, Data: p})
		sound = sound.Add(opus.Duration(p))
	}
	slices.SortStableFunc(all, func(a, b *media.Frame) int { return int(a.DTS - b.DTS) })
	for _, f := range all {
		f.DTS, f.PTS = f.DTS+at, f.PTS+at
	}
	return all
}

// oggPackets takes an Ogg file apart (RFC 3533 section 6).
func oggPackets(b []byte) (packets [][]byte) {
	var packet []byte
	for len(b) > 27 {
		lacing := b[27 : 27+int(b[26])]
		b = b[27+len(lacing):]
		for _, n := range lacing {
			packet = append(packet, b[:n]...)
			b = b[n:]
			if n < 255 {
				packets = append(packets, packet)
				packet = nil
			}
		}
	}
	return packets
}

// record plays until the stream ends, and returns the file.
func record(t testing.TB, body io.Reader) <-chan []byte {
	done := make(chan []byte, 1)
	go func() {
		b, err := io.ReadAll(body)
		if err != nil {
			t.Error(err)
		}
		done <- b
	}()
	return done
}

// begun waits until a response has brought some of the first picture, so that
// its reader is in its place, and returns all of the body.
func begun(t testing.TB, body io.Reader) io.Reader {
	t.Helper()
	head := make([]byte, 1500)
	if _, err := io.ReadFull(body, head); err != nil {
		t.Fatal(err)
	}
	return io.MultiReader(bytes.NewReader(head), body)
}

// probe is what ffprobe says of a file.
type probe struct {
	Streams []struct {
		Index                                        int
		Codec_name, Codec_type, Sample_rate, Profile string
		Channels, Width                              int
	}
	Packets []struct {
		Codec_type, Pts_time, Dts_time string
	}
}

func ffprobe(t testing.TB, file []byte) (p probe) {
	t.Helper()
	cmd := exec.Command("ffprobe", "-loglevel", "error", "-show_streams", "-show_entries", "packet=codec_type,pts_time,dts_time", "-of", "json", "-")
	cmd.Stdin = bytes.NewReader(file)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil || problems.Len() > 0 {
		t.Fatalf("ffprobe: %v\n%s", err, &problems)
	}
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func seconds(t testing.TB, s string) float64 {
	t.Helper()
	d, err := time.ParseDuration(s + "s")
	if err != nil {
		t.Fatal(err)
	}
	return d.Seconds()
}

// listen lets ffmpeg decode the sound of a file, left channel; the first sample
// is due with the first packet.
func listen(t testing.TB, file []byte) []float64 {
	t.Helper()
	cmd := exec.Command("ffmpeg", "-nostdin", "-loglevel", "error", "-i", "-", "-map", "0:a", "-ac", "1", "-ar", "48000", "-f", "f32le", "-")
	cmd.Stdin = bytes.NewReader(file)
	raw, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float64, len(raw)/4)
	for i := range x {
		x[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
	}
	return x
}

// beeps returns when the beeps begin, in seconds from the first sample.
func beeps(x []float64) (at []float64) {
	quiet := 48000
	for i, v := range x {
		if math.Abs(v) > 0.15 {
			if quiet > 24000 {
				at = append(at, float64(i)/48000)
			}
			quiet = 0
		}
		quiet++
	}
	return at
}

// checkFile checks the FLV of a clip: both tracks from the first second on, in
// step within 20 ms, without a gap.
func checkFile(t *testing.T, file []byte) {
	t.Helper()
	p := ffprobe(t, file)
	if len(p.Streams) != 2 {
		t.Fatalf("ffprobe sees %+v", p.Streams)
	}
	for _, s := range p.Streams {
		video := s.Codec_type == "video" && s.Codec_name == "h264" && s.Width == 320
		audio := s.Codec_type == "audio" && s.Codec_name == "aac" && s.Profile == "LC" && s.Sample_rate == "48000" && s.Channels == 2
		if !video && !audio {
			t.Errorf("ffprobe sees %+v", s)
		}
	}
	firstOf, last, n := map[string]float64{}, map[string]float64{}, map[string]int{}
	newest := 0.0
	for i, k := range p.Packets {
		at := seconds(t, k.Dts_time)
		if n[k.Codec_type]++; n[k.Codec_type] == 1 {
			firstOf[k.Codec_type] = at
			if i > 25 {
				t.Errorf("the first %s comes behind %d others", k.Codec_type, i)
			}
		} else if d := at - last[k.Codec_type]; d <= 0 || d > 0.045 {
			t.Errorf("%s goes from %v to %v", k.Codec_type, last[k.Codec_type], at)
		}
		last[k.Codec_type] = at
		if newest-at > 0.15 {
			t.Errorf("%s at %v comes behind %v", k.Codec_type, at, newest)
		}
		newest = max(newest, at)
	}
	if n["video"] != 25*whipLong || math.Abs(firstOf["audio"]-firstOf["video"]) > 0.1 || math.Abs(last["audio"]-last["video"]) > 0.2 {
		t.Errorf("%v packets from %v to %v", n, firstOf, last)
	}
	at := beeps(listen(t, file))
	if len(at) != whipLong {
		t.Fatalf("beeps at %v", at)
	}
	for i, b := range at {
		off := b + firstOf["audio"] - firstOf["video"] - float64(i) - 0.5
		t.Logf("beep %d is off by %.2f ms", i, off*1e3)
		if math.Abs(off) > 0.02 {
			t.Errorf("beep %d is off by %.2f ms", i, off*1e3)
		}
	}
}

// The FLV of a stream with Opus has AAC, whether it comes as frames or as
// packets.
func TestOpusIsPlayedAsAAC(t *testing.T) {
	for name, write := range map[string]func(testing.TB, *live.Publisher, ...*media.Frame){"frames": write, "packets": packetWriter()} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, stageOptions{converts: true, config: unhurried})
			all := whip(t, 0)
			p := s.publish(t, first(tracks(all)), second(tracks(all)))
			write(t, p, all[:20]...)
			_, resp := s.get(t)
			file := record(t, begun(t, resp.Body))
			write(t, p, all[20:]...)
			p.Close(reason.ClosedByPeer)
			checkFile(t, <-file)
			if line := s.closed(t); line["reason"] != "stream_ended" {
				t.Errorf("closing line %v", line)
			}
		})
	}
}

// packetWriter returns a write for one publisher that brings packets.
func packetWriter() func(testing.TB, *live.Publisher, ...*media.Frame) {
	cutter := rtp.New()
	return func(t testing.TB, p *live.Publisher, all ...*media.Frame) {
		t.Helper()
		for _, f := range all {
			for _, pk := range cutter.Packetize(f) {
				if err := p.WritePacket(&pk); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
