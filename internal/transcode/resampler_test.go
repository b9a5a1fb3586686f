package transcode

import (
	"fmt"
	"math"
	"math/cmplx"
	"testing"

	"pgregory.net/rapid"
)

// rates are those that AAC has.
var rates = []int{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000}

// The bank is the prototype filter, sampled filterPhases times as densely as
// the input. Its spectrum says what happens to images of the input.
func TestFilterStopBand(t *testing.T) {
	for _, rate := range []int{44100, 96000} {
		f := newFilter(rate)
		scale := min(1, float64(outputRate)/float64(rate))
		var prototype []float64
		for tap := f.taps - 1; tap >= 0; tap-- {
			for p := range filterPhases {
				prototype = append(prototype, float64(f.phase(p)[tap]))
			}
		}
		// In units of the input rate; 0.5 is its Nyquist frequency.
		gain := func(x float64) float64 {
			sum, turn, step := 0i, 1+0i, cmplx.Rect(1, -2*math.Pi*x/filterPhases)
			for _, h := range prototype {
				sum += complex(h, 0) * turn
				turn *= step
			}
			return cmplx.Abs(sum) / filterPhases
		}
		ripple, stop := 0.0, math.Inf(-1)
		for x := 0.0; x <= 0.45*scale; x += 0.03 * scale {
			ripple = max(ripple, math.Abs(decibel(gain(x))))
		}
		for x := 0.55 * scale; x < 3; x *= 1.011 {
			stop = max(stop, decibel(gain(x)))
		}
		t.Logf("%d Hz: ripple %.5f dB, stop band %.1f dB", rate, ripple, stop)
		if ripple > 0.001 || stop > -90 {
			t.Errorf("%d Hz: ripple %.5f dB, stop band %.1f dB", rate, ripple, stop)
		}
	}
}

// A sine must come out as the same sine, at the same time, at all rates, also
// with a bent ratio: then of the bent frequency.
func TestResamplerSine(t *testing.T) {
	for _, rate := range rates {
		for _, bend := range []float64{0, 3e-4, -1e-3} {
			freq := 0.4 * float64(min(rate, outputRate)) * 0.5
			t.Run(fmt.Sprintf("%d/%g", rate, bend), func(t *testing.T) {
				r := newResampler(newFilter(rate), rate, 1)
				r.bend = bend * float64(rate) / outputRate
				in := make([]float32, rate)
				for i := range in {
					in[i] = float32(0.5 * math.Sin(2*math.Pi*freq*float64(i)/float64(rate)))
				}
				out := resample(r, in, 1024)
				x := out[4800 : len(out)-100]
				w := 2 * math.Pi * freq / outputRate * (1 + bend)
				amplitude, phase, rest := fit(x, freq*(1+bend), outputRate)
				noise := decibel(rms(rest) / rms(x))
				late := math.Remainder(w*4800-phase, 2*math.Pi) / w
				if noise > -90 || math.Abs(amplitude-0.5) > 1e-4 || math.Abs(late) > 1e-3 {
					t.Errorf("noise %.1f dB, amplitude %.6f, late by %.5f samples", noise, amplitude, late)
				}
				if want := float64(len(in)) * outputRate / float64(rate) / (1 + bend); math.Abs(float64(len(out))-want) > 0.02*outputRate*8000/float64(rate) {
					t.Errorf("%d samples out, want about %.0f", len(out), want)
				}
			})
		}
	}
}

// resample writes in pieces of n samples and returns all that comes out.
func resample(r *resampler, in []float32, n int) []float64 {
	var out []float64
	buf := make([]float32, 500)
	for len(in) > 0 {
		k := min(n, len(in))
		r.write(in[:k])
		in = in[k:]
		for {
			k := r.read(buf)
			for _, v := range buf[:k] {
				out = append(out, float64(v))
			}
			if k < len(buf) {
				break
			}
		}
	}
	return out
}

// Whatever the sizes of the pieces and however the ratio is bent on the way,
// the sound has no step and nothing is lost: the second difference of a sine
// stays what its frequency allows, and the position accounts for every sample.
func TestResamplerContinuity(t *testing.T) {
	banks := &filters{}
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom(rates).Draw(t, "rate")
		freq := rapid.Float64Range(50, 1500).Draw(t, "freq")
		bends := rapid.SliceOfN(rapid.Float64Range(-maxBend, maxBend), 1, 8).Draw(t, "bends")
		piece := rapid.IntRange(1, 3000).Draw(t, "piece")
		r := newResampler(banks.of(rate), rate, 1)
		var out []float64
		phase, moved := 0.0, 0.0
		for _, bend := range append([]float64{0}, bends...) {
			before := r.position()
			from := len(out)
			r.bend = bend * float64(rate) / outputRate
			in := make([]float32, rate/20)
			for i := range in {
				in[i] = float32(0.5 * math.Sin(phase))
				phase += 2 * math.Pi * freq / float64(rate)
			}
			out = append(out, resample(r, in, piece)...)
			moved += (r.position() - before) - float64(len(out)-from)*(1+bend)*float64(rate)/outputRate
		}
		if math.Abs(moved) > 1e-6 {
			t.Fatalf("position is off by %g samples", moved)
		}
		// The start of the sine is a corner that the filter rings at.
		skip := 2 * filterTaps * outputRate / min(rate, outputRate)
		w := 2 * math.Pi * freq / outputRate * (1 + maxBend)
		limit := 0.5*w*w*1.01 + 1e-4
		for i := skip; i < len(out); i++ {
			if d := out[i] - 2*out[i-1] + out[i-2]; math.Abs(d) > limit {
				t.Fatalf("step of %g at sample %d, limit %g", d, i, limit)
			}
		}
	})
}
