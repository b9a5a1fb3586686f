package transcode

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"millrace/internal/media"
)

// recorder keeps what it is given to encode.
type recorder struct{ pcm []float64 }

func (r *recorder) Delay() int { return 120 }

func (r *recorder) Reset() {}

func (r *recorder) Track() *media.Track { return opusTrack(1, 120) }

func (r *recorder) Encode(pcm []float32, packet []byte) (int, error) {
	for _, v := range pcm {
		r.pcm = append(r.pcm, float64(v))
	}
	return copy(packet, []byte{0xfc, 0xff, 0xfe}), nil
}

// smooth fails if the recording of a 440 Hz sine at 0.5 has a step, or a corner
// sharper than that of the sine mirrored in time.
func (r *recorder) smooth(t testing.TB) {
	t.Helper()
	const limit = 2 * 0.5 * 2 * math.Pi * 440 / outputRate * 1.1 // 0.063; a cut makes 0.5
	for i := 2; i < len(r.pcm); i++ {
		if d := r.pcm[i] - 2*r.pcm[i-1] + r.pcm[i-2]; math.Abs(d) > limit {
			t.Errorf("click of %.3f at sample %d of %d", d, i, len(r.pcm))
			return
		}
	}
}

// broken sends a 440 Hz tone of 3 s through a converter, after breaking its
// frames, and returns what came out.
func broken(t *testing.T, rate int, spoil func([]*media.Frame) []*media.Frame) ([]*media.Frame, *counts, *recorder) {
	t.Helper()
	ear := &recorder{}
	v := newVoice()
	v.newEncoder = func(int) (encoder, error) { return ear, nil }
	frames := spoil(encodeAAC(t, sine(440, rate, 3*rate, 1), rate, 1, "-b:a", "128k").frames())
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
	out = append(out, v.finish()...)
	for i := 1; i < len(out); i++ {
		if out[i].PTS < out[i-1].PTS.Add(packetLong) {
			t.Errorf("packet %d at %v begins before the end of the one at %v", i, out[i].PTS, out[i-1].PTS)
		}
	}
	ear.smooth(t)
	return out, v.counts, ear
}

// move shifts the stamps of frames.
func move(frames []*media.Frame, by time.Duration) {
	for _, f := range frames {
		f.PTS, f.DTS = f.PTS.Add(by), f.DTS.Add(by)
	}
}

// breaks returns where the packets are not 20 ms apart, and by how much they are.
func breaks(packets []*media.Frame) (at []int, long []time.Duration) {
	for i := 1; i < len(packets); i++ {
		if d := packets[i].PTS.Sub(packets[i-1].PTS); d != packetLong {
			at, long = append(at, i), append(long, d)
		}
	}
	return at, long
}

// onTime fails unless the tone that goes with packets from number from on is in
// phase with the one that started at origin plus shift.
func onTime(t *testing.T, ear *recorder, packets []*media.Frame, from int, shift time.Duration) {
	t.Helper()
	x := ear.pcm[from*packetSamples:]
	x = x[packetSamples*5 : packetSamples*25]
	begin := packets[from+5].PTS.Add(samplesLong(120, outputRate))
	_, phase, _ := fit(x, 440, outputRate)
	w := 2 * math.Pi * 440
	late := math.Remainder(w*(begin.Sub(origin)-shift).Seconds()-phase, 2*math.Pi) / w
	if math.Abs(late) > 100e-6 {
		t.Errorf("tone after packet %d is late by %.0f us", from, late*1e6)
	}
}

// Where the source has a gap, the variant has one: the sound dies away, comes
// back at its time, and does not click.
func TestGap(t *testing.T) {
	for _, rate := range []int{16000, 44100, 48000} {
		for _, frames := range []int{4, 20} {
			out, n, ear := broken(t, rate, func(f []*media.Frame) []*media.Frame {
				return slices.Delete(f, rate/1200, rate/1200+frames)
			})
			at, long := breaks(out)
			gap := samplesLong(int64(frames*lcSamples), rate)
			if len(at) != 1 || long[0] < gap-packetLong || long[0] > gap+packetLong || n.jumps != 1 {
				t.Fatalf("%d Hz, gap of %v: breaks of %v, %+v", rate, gap, long, n)
			}
			onTime(t, ear, out, 0, 0)
			onTime(t, ear, out, at[0], 0)
		}
	}
}

// One lost frame is no gap; what is missing is taken up slowly.
func TestLostFrame(t *testing.T) {
	out, n, _ := broken(t, 48000, func(f []*media.Frame) []*media.Frame { return slices.Delete(f, 40, 41) })
	if at, _ := breaks(out); len(at) != 0 || n.jumps != 0 {
		t.Errorf("breaks %v, %+v", at, n)
	}
}

// A source that stamps sound twice loses some; one that goes far back begins a
// new time. Neither makes packets overlap.
func TestBackwards(t *testing.T) {
	for _, back := range []time.Duration{100 * time.Millisecond, 700 * time.Millisecond, time.Hour} {
		out, n, ear := broken(t, 44100, func(f []*media.Frame) []*media.Frame {
			move(f[60:], -back)
			return f
		})
		at, _ := breaks(out)
		if n.jumps != 1 || len(at) > 1 {
			t.Errorf("back by %v: breaks %v, %+v", back, at, n)
		}
		if back < maxSkip {
			onTime(t, ear, out, len(out)-30, -back)
		}
	}
}

// A new publisher begins anew, even without a gap in the stamps.
func TestDiscontinuity(t *testing.T) {
	out, _, ear := broken(t, 44100, func(f []*media.Frame) []*media.Frame {
		move(f[60:], 45*time.Millisecond)
		f[60].Discontinuity = true
		return f
	})
	at, _ := breaks(out)
	if len(at) != 1 {
		t.Fatalf("breaks %v", at)
	}
	for i, p := range out {
		if p.Discontinuity != (i == at[0]) {
			t.Errorf("packet %d: discontinuity %v; break at %v", i, p.Discontinuity, at)
		}
	}
	onTime(t, ear, out, at[0], 45*time.Millisecond)
}

// Frames that cannot be decoded become silence of their length.
func TestUndecodable(t *testing.T) {
	for name, garbage := range map[string][]byte{
		"empty": {}, "zeros": make([]byte, 100), "ones": slices.Repeat([]byte{0xff}, 300),
	} {
		out, n, ear := broken(t, 44100, func(f []*media.Frame) []*media.Frame {
			for _, i := range []int{20, 50, 51, 52} {
				own := *f[i]
				own.Data = garbage
				f[i] = &own
			}
			return f
		})
		if n.failed != 4 || n.jumps != 0 {
			t.Errorf("%s: %+v", name, n)
		}
		if at, _ := breaks(out); len(at) != 0 {
			t.Errorf("%s: breaks %v", name, at)
		}
		onTime(t, ear, out, 65, 0)
	}
}

// Whatever is sent, at whatever time, packets follow each other and nothing
// panics.
func FuzzConverter(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint64(1), int64(21))
	f.Add([]byte{0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80}, uint64(2), int64(-500))
	f.Fuzz(func(t *testing.T, au []byte, seed uint64, spread int64) {
		v := newVoice()
		v.newEncoder = func(int) (encoder, error) { return &recorder{}, nil }
		c, _, err := newConverter(v, &media.Track{Kind: media.Audio, Codec: media.AAC, Config: []byte{0x12, 0x10}}) // 44.1 kHz stereo
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(seed, 0))
		next := media.Time(math.MinInt64)
		at := origin
		for range 40 {
			fr := &media.Frame{PTS: at, DTS: at, Data: slices.Clone(au), Discontinuity: random.IntN(20) == 0}
			if len(au) > 0 {
				fr.Data[random.IntN(len(au))] ^= byte(random.IntN(256))
			}
			out, err := c.push(fr)
			if err != nil {
				return
			}
			for _, p := range append(out, maybe(random.IntN(10) == 0, v.finish)...) {
				if p.PTS < next {
					t.Fatalf("packet at %d before %d", p.PTS, next)
				}
				next = p.PTS.Add(packetLong)
			}
			at = at.Add(23*time.Millisecond + time.Duration(random.Int64N(max(spread, -spread, 0)%1e6+1))*time.Millisecond*time.Duration(1-2*random.IntN(2)))
		}
	})
}

func maybe(do bool, f func() []*media.Frame) []*media.Frame {
	if !do {
		return nil
	}
	return f()
}
