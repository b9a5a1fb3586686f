package transcode

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"millrace/internal/codec/aac"
	"millrace/internal/codec/opus"
	"millrace/internal/media"
)

// opusDelay is how many samples libopus puts in front.
const opusDelay = 312

// encodeOpus encodes interleaved samples of 48 kHz by libopus and returns the
// frames, the first due opusDelay before origin.
func encodeOpus(t testing.TB, pcm []float64, channels int, args ...string) []*media.Frame {
	t.Helper()
	raw := make([]byte, 0, 4*len(pcm))
	for _, x := range pcm {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(x)))
	}
	in := []string{"-f", "f32le", "-ar", "48000", "-ac", itoa(channels), "-i", "pipe:0", "-c:a", "libopus"}
	b := ffmpeg(t, raw, append(append(in, args...), "-f", "ogg", "pipe:1")...)
	track := &media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: 48000, Channels: channels}
	var out []*media.Frame
	n := int64(-opusDelay)
	for _, p := range oggPackets(b)[2:] {
		at := origin.Add(samplesLong(n, outputRate))
		n += int64(opus.Samples(p))
		out = append(out, &media.Frame{
			Track: track, DTS: at, PTS: at, Capture: int64(at) + 1e18, Arrived: int64(at) + 2e18, Key: true, Data: p,
		})
	}
	return out
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

// toAACOf sends frames through a new converter to AAC.
func toAACOf(t testing.TB, frames []*media.Frame) ([]*media.Frame, *voice) {
	t.Helper()
	v := newVoice()
	v.target = toAAC()
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

// decodeAAC decodes access units by ffmpeg and returns one channel's samples;
// the first lies at the PTS of the first unit.
func decodeAAC(t testing.TB, units []*media.Frame) []float64 {
	t.Helper()
	config, err := aac.ParseConfig(units[0].Track.Config)
	if err != nil {
		t.Fatal(err)
	}
	var adts bytes.Buffer
	for _, u := range units {
		b, err := aac.AppendADTS(nil, config, len(u.Data))
		if err != nil {
			t.Fatal(err)
		}
		adts.Write(append(b, u.Data...))
	}
	raw := ffmpeg(t, adts.Bytes(), "-f", "aac", "-i", "pipe:0", "-f", "f32le", "-ar", "48000", "-ac", itoa(config.Channels), "pipe:1")
	out := floats(raw, config.Channels)
	if want := len(units) * aacSamples; len(out) != want {
		t.Fatalf("decoded %d samples of %d units, want %d", len(out), len(units), want)
	}
	return out
}

const aacSamples = 1024

// unbroken fails unless access units follow each other without a gap.
func unbroken(t testing.TB, units []*media.Frame) {
	t.Helper()
	for i, u := range units {
		want := units[0].PTS.Add(samplesLong(int64(i)*aacSamples, outputRate))
		if d := u.PTS.Sub(want); d.Abs() > 1 {
			t.Fatalf("unit %d of %d is off by %v", i, len(units), d)
		}
	}
}

// A tone stays a tone, at its time, whatever packets it comes in.
func TestToneToAAC(t *testing.T) {
	for _, long := range []string{"2.5", "5", "10", "20", "40", "60", "120"} {
		for channels := 1; channels <= 2; channels++ {
			t.Run(long+"/"+itoa(channels), func(t *testing.T) {
				const freq = 1000
				frames := encodeOpus(t, sine(freq, outputRate, 2*outputRate, channels), channels,
					"-b:a", "160k", "-frame_duration", long, "-application", "lowdelay")
				for _, f := range frames { // of that application
					move([]*media.Frame{f}, samplesLong(opusDelay-120, outputRate))
				}
				units, v := toAACOf(t, frames)
				unbroken(t, units)
				if v.counts.failed != 0 || v.counts.jumps != 0 || v.counts.gone != 0 {
					t.Errorf("counts %+v", v.counts)
				}
				x := decodeAAC(t, units)
				from := int(origin.Add(time.Second/2).Sub(units[0].PTS).Seconds() * outputRate)
				checkTone(t, x[from:from+outputRate], units[0].PTS.Add(samplesLong(int64(from), outputRate)), freq, outputRate)
				for _, u := range units {
					if (u.Capture-int64(u.PTS)-1e18) > 1 || u.Arrived < 2e18 || u.Track.Codec != media.AAC || u.Track.Channels != channels {
						t.Fatalf("unit %+v, track %+v", u, u.Track)
					}
				}
			})
		}
	}
}

// speech is what testdata says, and as Opus.
func speech(t testing.TB, args ...string) (pcm []float64, frames []*media.Frame) {
	t.Helper()
	_, b := read(t, "speech.aac", nil)
	pcm = floats(ffmpeg(t, b, "-f", "aac", "-i", "pipe:0", "-f", "f32le", "-ar", "48000", "-ac", "1", "pipe:1"), 1)
	return pcm, encodeOpus(t, pcm, 1, append([]string{"-application", "voip"}, args...)...)
}

// Speech is heard when it was said, and as it was.
func TestSpeechToAAC(t *testing.T) {
	pcm, frames := speech(t, "-b:a", "64k")
	units, v := toAACOf(t, frames)
	unbroken(t, units)
	if v.counts.failed != 0 || v.counts.jumps != 0 {
		t.Errorf("counts %+v", v.counts)
	}
	compare(t, decodeAAC(t, units), units[0].PTS, pcm, origin)
}

// Lost packets, one by one and in bursts, leave no gap and move nothing; what
// the next packet says about the lost one is used.
func TestLossToAAC(t *testing.T) {
	pcm, frames := speech(t, "-b:a", "32k", "-fec", "1", "-packet_loss", "10")
	random := rand.New(rand.NewPCG(1, 2))
	var heard []*media.Frame
	for i, f := range frames {
		if i > 5 && i < len(frames)-5 && (random.IntN(20) == 0 || i%97 < 3) {
			continue
		}
		heard = append(heard, f)
	}
	t.Logf("%d of %d packets lost", len(frames)-len(heard), len(frames))
	alike := func(frames []*media.Frame) float64 {
		units, v := toAACOf(t, frames)
		unbroken(t, units)
		if v.counts.jumps != 0 || v.counts.failed != 0 {
			t.Errorf("counts %+v", v.counts)
		}
		return correlate(t, decodeAAC(t, units), units[0].PTS, pcm, origin)
	}
	// The packets are small; so is the likeness where nothing is lost.
	if all, some := alike(frames), alike(heard); all < 0.93 || some < all-0.06 {
		t.Errorf("correlation %.4f, with losses %.4f", all, some)
	}
}

// A sender that falls silent sends a packet every 400 ms; what it says
// afterwards is in time, and the silence is one.
func TestDTXToAAC(t *testing.T) {
	const tone = 440
	pcm := sine(tone, outputRate, 3*outputRate, 1)
	clear(pcm[outputRate : 2*outputRate])
	var heard []*media.Frame
	for i, f := range encodeOpus(t, pcm, 1, "-b:a", "64k") {
		if i > 60 && i < 95 && i%20 != 0 {
			continue
		}
		heard = append(heard, f)
	}
	units, v := toAACOf(t, heard)
	unbroken(t, units)
	if v.counts.jumps != 0 {
		t.Errorf("counts %+v", v.counts)
	}
	x := decodeAAC(t, units)
	at := func(d time.Duration) int { return int(origin.Add(d).Sub(units[0].PTS).Seconds() * outputRate) }
	if loud := rms(x[at(1300*time.Millisecond):at(1900*time.Millisecond)]); loud > 0.01 {
		t.Errorf("the silence is as loud as %.4f", loud)
	}
	from := at(2200 * time.Millisecond)
	checkTone(t, x[from:from+outputRate/2], units[0].PTS.Add(samplesLong(int64(from), outputRate)), tone, outputRate)
}

// Sound that stops while there are pictures goes on as silence, not far behind
// them, and is in time when it comes back.
func TestStoppedSoundToAAC(t *testing.T) {
	const tone = 440
	frames := encodeOpus(t, sine(tone, outputRate, 5*outputRate, 1), 1, "-b:a", "64k")
	v := newVoice()
	v.target = toAAC()
	c, _, err := newConverter(v, frames[0].Track)
	if err != nil {
		t.Fatal(err)
	}
	var units []*media.Frame
	picture := origin
	for i, f := range frames {
		for ; picture < f.PTS; picture = picture.Add(40 * time.Millisecond) {
			units = append(units, c.keepUp(&media.Frame{DTS: picture, Capture: int64(picture) + 1e18})...)
			if i < 20 {
				continue
			}
			// A picture more, and three units in the encoder and before it.
			if lag := picture.Sub(units[len(units)-1].PTS); lag > silentAfter+(40+4*22)*time.Millisecond {
				t.Fatalf("sound is %v behind", lag)
			}
		}
		if i >= 50 && i < 200 {
			continue
		}
		out, err := c.push(f)
		if err != nil {
			t.Fatal(err)
		}
		units = append(units, out...)
	}
	units = append(units, v.finish()...)
	unbroken(t, units)
	x := decodeAAC(t, units)
	at := func(d time.Duration) int { return int(origin.Add(d).Sub(units[0].PTS).Seconds() * outputRate) }
	if loud := rms(x[at(1700*time.Millisecond):at(3900*time.Millisecond)]); loud > 0.001 {
		t.Errorf("the silence is as loud as %.4f", loud)
	}
	from := at(4200 * time.Millisecond)
	checkTone(t, x[from:from+outputRate/2], units[0].PTS.Add(samplesLong(int64(from), outputRate)), tone, outputRate)
}

// A gap that is too long to be filled stays one: the sound dies away and is at
// its time behind it.
func TestGapToAAC(t *testing.T) {
	const tone = 440
	frames := encodeOpus(t, sine(tone, outputRate, 4*outputRate, 1), 1, "-b:a", "64k")
	units, v := toAACOf(t, slices.Delete(frames, 50, 130))
	if v.counts.jumps != 1 {
		t.Errorf("counts %+v", v.counts)
	}
	var gaps []int
	for i := 1; i < len(units); i++ {
		if d := units[i].PTS.Sub(units[i-1].PTS); d > 22*time.Millisecond {
			gaps = append(gaps, i)
			if d < 1500*time.Millisecond || d > 1650*time.Millisecond {
				t.Errorf("gap of %v", d)
			}
		} else if d < 21*time.Millisecond {
			t.Errorf("unit %d follows after %v", i, d)
		}
	}
	if len(gaps) != 1 {
		t.Fatalf("gaps before %v", gaps)
	}
	rest := units[gaps[0]:]
	unbroken(t, rest)
	x := decodeAAC(t, rest)
	checkTone(t, x[outputRate/5:outputRate], rest[0].PTS.Add(time.Second/5), tone, outputRate)
}

// What comes twice, or after it was made up, is not heard twice.
func TestLateToAAC(t *testing.T) {
	pcm, frames := speech(t, "-b:a", "64k")
	frames[40], frames[41] = frames[41], frames[40]
	frames = slices.Insert(frames, 80, frames[79])
	units, v := toAACOf(t, frames)
	unbroken(t, units)
	if v.counts.jumps != 0 {
		t.Errorf("counts %+v", v.counts)
	}
	compare(t, decodeAAC(t, units), units[0].PTS, pcm, origin)
}

// A new publisher begins anew, and nothing overlaps.
func TestDiscontinuityToAAC(t *testing.T) {
	frames := encodeOpus(t, sine(440, outputRate, 2*outputRate, 1), 1, "-b:a", "64k")
	for _, after := range []time.Duration{0, 300 * time.Millisecond} {
		again := slices.Clone(frames)
		for i, f := range again {
			own := *f
			again[i] = &own
		}
		move(again[50:], after)
		again[50].Discontinuity = true
		units, _ := toAACOf(t, again)
		marked := 0
		for i, u := range units {
			if u.Discontinuity {
				marked++
			}
			if i > 0 && u.PTS.Sub(units[i-1].PTS) < 21333*time.Microsecond {
				t.Errorf("unit %d overlaps: %v", i, u.PTS.Sub(units[i-1].PTS))
			}
		}
		if marked != 1 {
			t.Errorf("%d units are marked", marked)
		}
		n := len(units)
		x := decodeAAC(t, units[n-40:n])
		checkTone(t, x[4096:30000], units[n-40].PTS.Add(samplesLong(4096, outputRate)-after), 440, outputRate)
	}
}

// Whatever packets come, at whatever times, access units follow each other
// and sound lasts as long as its source, but for what jumps.
func TestTimingToAAC(t *testing.T) {
	shapes := map[string][]*media.Frame{}
	names := []string{"2.5", "10", "20", "60", "120"}
	for _, long := range names {
		shapes[long] = encodeOpus(t, sine(440, outputRate, outputRate, 1), 1, "-b:a", "64k", "-frame_duration", long)
	}
	rapid.Check(t, func(t *rapid.T) {
		v := newVoice()
		v.target = toAAC()
		v.newEncoder = func(int) (encoder, error) { return &mute{}, nil }
		frames := shapes[rapid.SampledFrom(names).Draw(t, "long")]
		c, _, err := newConverter(v, frames[0].Track)
		if err != nil {
			t.Fatal(err)
		}
		at, first := origin, origin
		var units []*media.Frame
		push := func(f *media.Frame) {
			out, err := c.push(f)
			if err != nil {
				t.Fatal(err)
			}
			units = append(units, out...)
		}
		for i := range rapid.IntRange(20, 200).Draw(t, "packets") {
			f := *frames[i%len(frames)]
			f.PTS, f.DTS = at, at
			at = at.Add(opus.Duration(f.Data))
			if i > 0 && rapid.IntRange(0, 9).Draw(t, "lost") == 0 {
				continue
			}
			push(&f)
		}
		f := *frames[0]
		f.PTS, f.DTS = at, at
		push(&f)
		at = at.Add(opus.Duration(f.Data))
		units = append(units, v.finish()...)
		for i, u := range units {
			if i > 0 && u.PTS.Sub(units[i-1].PTS).Round(time.Microsecond) != 21333*time.Microsecond {
				t.Fatalf("unit %d follows after %v", i, u.PTS.Sub(units[i-1].PTS))
			}
		}
		if off := units[0].PTS.Add(samplesLong(aacSamples, outputRate)).Sub(first); off.Abs() > time.Millisecond {
			t.Fatalf("begins %v off", off)
		}
		end := units[len(units)-1].PTS.Add(samplesLong(aacSamples, outputRate))
		if over := end.Sub(at); over < 0 || over > 60*time.Millisecond {
			t.Fatalf("ends %v after its source", over)
		}
	})
}

// mute is an encoder like that of AAC that makes nothing of what it hears.
type mute struct{ primed bool }

func (m *mute) Delay() int { return aacSamples }

func (m *mute) Reset() { m.primed = false }

func (m *mute) Track() *media.Track {
	return &media.Track{Kind: media.Audio, Codec: media.AAC, Channels: 1}
}

func (m *mute) Encode([]float32, []byte) (int, error) {
	if !m.primed {
		m.primed = true
		return 0, nil
	}
	return 1, nil
}

// failing refuses to encode some packets.
type failing struct {
	mute
	calls int
}

func (f *failing) Encode(pcm []float32, packet []byte) (int, error) {
	if f.calls++; f.calls%20 == 0 {
		return 0, fmt.Errorf("refused")
	}
	return f.mute.Encode(pcm, packet)
}

// An encoder that fails costs what it held; time goes on.
func TestEncoderFails(t *testing.T) {
	v := newVoice()
	v.target = toAAC()
	v.newEncoder = func(int) (encoder, error) { return &failing{}, nil }
	if _, err := v.configure(outputRate, 1); err != nil {
		t.Fatal(err)
	}
	var units []*media.Frame
	for i := range 100 {
		units = append(units, v.write(sound{pcm: make([]float32, aacSamples), at: origin.Add(samplesLong(int64(i)*aacSamples, outputRate))})...)
	}
	last := units[len(units)-1].PTS
	// Frame 99 is complete, 98 is out when 99 goes in, and begins one before.
	if want := origin.Add(samplesLong(97*aacSamples, outputRate)); last.Sub(want).Abs() > 22*time.Millisecond {
		t.Errorf("the last unit is %v off", last.Sub(want))
	}
	if v.counts.gone != 4 {
		t.Errorf("counts %+v", v.counts)
	}
}

// Bytes that are no Opus become silence of the length of the packet before.
func FuzzOpusDecoder(f *testing.F) {
	for _, p := range encodeOpus(f, sine(440, outputRate, outputRate/10, 2), 2, "-b:a", "64k") {
		f.Add(p.Data, uint8(3))
	}
	for _, p := range encodeOpus(f, sine(300, outputRate, outputRate/10, 1), 1, "-b:a", "12k", "-application", "voip", "-fec", "1", "-packet_loss", "20") {
		f.Add(p.Data, uint8(1))
	}
	f.Add([]byte{0xfc}, uint8(0))
	f.Add([]byte{0x03, 0x30}, uint8(0))
	f.Fuzz(func(t *testing.T, packet []byte, lost uint8) {
		d, err := newOpusDecoder(&media.Track{Kind: media.Audio, Codec: media.Opus, Channels: 2})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if pcm, err := d.Decode(packet); err == nil && len(pcm) != 2*opus.Samples(packet) {
				t.Fatalf("%d samples of %d", len(pcm)/2, opus.Samples(packet))
			}
			n := int(lost) * opusGrain
			if pcm := d.Conceal(n, packet); len(pcm) != 2*n {
				t.Fatalf("%d samples in the place of %d", len(pcm)/2, n)
			}
		}
	})
}
