package transcode

import (
	"bytes"
	"encoding/binary"
	"math"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"millrace/internal/codec/aac"
	"millrace/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// packetLong is the length of an Opus packet.
const packetLong = 20 * time.Millisecond

// origin is the PTS of the first sample of a test signal.
const origin = media.Time(5 * time.Second)

// ffmpeg runs ffmpeg with stdin and returns its stdout.
func ffmpeg(t testing.TB, stdin []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-nostdin", "-v", "error"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("ffmpeg %v: %v: %s", args, err, errs.Bytes())
	}
	return out.Bytes()
}

// clip is a signal as AAC: access unit k decodes to the samples from
// (k - delay/1024) × 1024 on.
type clip struct {
	track *media.Track
	units [][]byte
	long  int // samples per unit, at track.SampleRate
	delay int // samples that the encoder put in front
}

// encodeAAC encodes interleaved samples in [-1, 1] by ffmpeg's own encoder,
// which puts one frame in front.
func encodeAAC(t testing.TB, pcm []float64, rate, channels int, args ...string) clip {
	t.Helper()
	s16 := make([]byte, 0, 2*len(pcm))
	for _, x := range pcm {
		s16 = binary.LittleEndian.AppendUint16(s16, uint16(int16(math.Round(x*32767))))
	}
	in := []string{"-f", "s16le", "-ar", itoa(rate), "-ac", itoa(channels), "-i", "pipe:0"}
	c := readADTS(t, ffmpeg(t, s16, append(append(in, args...), "-c:a", "aac", "-f", "adts", "pipe:1")...))
	c.delay = 1024
	return c
}

// readADTS takes an ADTS stream apart.
func readADTS(t testing.TB, b []byte) clip {
	t.Helper()
	var c clip
	for len(b) > 0 {
		h, err := aac.ParseADTS(b)
		if err != nil {
			t.Fatal(err)
		}
		if c.track == nil {
			asc, err := aac.LCConfig(h.Config.CoreRate, h.Config.Channels)
			if err != nil {
				t.Fatal(err)
			}
			c.track = &media.Track{
				Kind: media.Audio, Codec: media.AAC, SampleRate: h.Config.CoreRate,
				Channels: h.Config.Channels, Config: asc,
			}
			c.long = 1024
		}
		c.units = append(c.units, b[h.HeaderSize:h.FrameSize])
		b = b[h.FrameSize:]
	}
	return c
}

// at is when the first sample of unit k is due.
func (c clip) at(k int) media.Time {
	return origin.Add(samplesLong(int64(k*c.long-c.delay), c.track.SampleRate))
}

// frames returns the clip with exact stamps.
func (c clip) frames() []*media.Frame {
	var out []*media.Frame
	for k, u := range c.units {
		at := c.at(k)
		out = append(out, &media.Frame{
			Track: c.track, DTS: at, PTS: at, Capture: int64(at) + 1e18, Arrived: int64(at) + 2e18, Key: true, Data: u,
		})
	}
	return out
}

func newVoice() *voice {
	return &voice{
		target: toOpus(), filters: &filters{},
		counts: &counts{metrics: NewMetrics(prometheus.NewRegistry())},
	}
}

// convert sends frames through a new converter.
func convert(t testing.TB, frames []*media.Frame) ([]*media.Frame, *voice) {
	t.Helper()
	v := newVoice()
	c, _, err := newConverter(v, frames[0].Track)
	if err != nil {
		t.Fatal(err)
	}
	var out []*media.Frame
	for _, f := range frames {
		o, err := c.push(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, o...)
	}
	return append(out, v.finish()...), v
}

// decodeOpus decodes packets by libopus and returns one channel's samples; the
// first lies at the PTS of the first packet.
func decodeOpus(t testing.TB, packets []*media.Frame, channels int) []float64 {
	t.Helper()
	raw := ffmpeg(t, ogg(packets, channels), "-c:a", "libopus", "-f", "ogg", "-i", "pipe:0",
		"-f", "f32le", "-ar", "48000", "-ac", itoa(channels), "pipe:1")
	out := floats(raw, channels)
	if want := len(packets) * packetSamples; len(out) != want {
		t.Fatalf("decoded %d samples of %d packets, want %d", len(out), len(packets), want)
	}
	return out
}

// floats returns the first of the channels in f32le.
func floats(raw []byte, channels int) []float64 {
	out := make([]float64, len(raw)/4/channels)
	for i := range out {
		out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i*channels:])))
	}
	return out
}

// ogg wraps packets of 20 ms (RFC 7845), without pre-skip.
func ogg(packets []*media.Frame, channels int) []byte {
	var out []byte
	page := func(seq int, flags byte, granule int, body []byte) {
		from := len(out)
		out = append(out, "OggS\x00"...)
		out = append(out, flags)
		out = binary.LittleEndian.AppendUint64(out, uint64(granule))
		out = binary.LittleEndian.AppendUint32(out, 1)
		out = binary.LittleEndian.AppendUint32(out, uint32(seq))
		out = append(out, 0, 0, 0, 0, byte(len(body)/255+1))
		for range len(body) / 255 {
			out = append(out, 255)
		}
		out = append(append(out, byte(len(body)%255)), body...)
		var crc uint32
		for _, b := range out[from:] {
			crc ^= uint32(b) << 24
			for range 8 {
				top := crc >> 31
				crc = crc<<1 ^ top*0x04c11db7
			}
		}
		binary.LittleEndian.PutUint32(out[from+22:], crc)
	}
	head := opusTrack(channels, 0).Config
	page(0, 2, 0, head)
	page(1, 0, 0, append([]byte("OpusTags"), make([]byte, 8)...))
	for i, p := range packets {
		page(i+2, 0, (i+1)*packetSamples, p.Data)
	}
	return out
}

// onGrid fails unless packets follow each other in exactly 20 ms.
func onGrid(t testing.TB, packets []*media.Frame) {
	t.Helper()
	for i := 1; i < len(packets); i++ {
		if d := packets[i].PTS.Sub(packets[i-1].PTS); d != packetLong {
			t.Fatalf("packet %d follows after %v", i, d)
		}
		if a, b := packets[i].PTS.Units(48000), packets[i-1].PTS.Units(48000); a-b != packetSamples {
			t.Fatalf("packet %d follows after %d ticks", i, a-b)
		}
	}
}

// sine returns n samples of amplitude 0.5 at each of the channels.
func sine(freq float64, rate, n, channels int) []float64 {
	out := make([]float64, 0, n*channels)
	for i := range n {
		x := 0.5 * math.Sin(2*math.Pi*freq*float64(i)/float64(rate))
		for range channels {
			out = append(out, x)
		}
	}
	return out
}

// fit is the sine of a frequency that comes nearest to x, and what is left.
func fit(x []float64, freq float64, rate int) (amplitude, phase float64, rest []float64) {
	// Least squares with both columns: exact for any length.
	var ss, cc, sc, xs, xc float64
	w := 2 * math.Pi * freq / float64(rate)
	for i, v := range x {
		s, c := math.Sincos(w * float64(i))
		ss, cc, sc, xs, xc = ss+s*s, cc+c*c, sc+s*c, xs+v*s, xc+v*c
	}
	det := ss*cc - sc*sc
	a, b := (xs*cc-xc*sc)/det, (xc*ss-xs*sc)/det
	rest = make([]float64, len(x))
	for i, v := range x {
		s, c := math.Sincos(w * float64(i))
		rest[i] = v - a*s - b*c
	}
	return math.Hypot(a, b), math.Atan2(b, a), rest
}

func rms(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum / float64(max(len(x), 1)))
}

func decibel(ratio float64) float64 { return 20 * math.Log10(ratio) }

func itoa(n int) string { return strconv.Itoa(n) }
