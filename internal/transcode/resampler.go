package transcode

import "math"

// outputRate is the clock of Opus in RTP (RFC 7587 section 4.1), in Hz.
const outputRate = 48000

// resampler turns sound of one rate into 48 kHz. Output sample 0 lies exactly
// on input sample 0; it only comes later, by half the length of the filter.
// Its ratio can be bent while it runs, without a step in the sound.
//
// The position of the next output sample among the input samples is
// left + num/den + slew, where the first two terms are exact for the nominal
// ratio and slew, always in [0, 1/den), is what bending has added.
type resampler struct {
	filter   *filter
	channels int
	step     int // num grows by step/den per output sample
	den      int

	num  int
	slew float64
	bend float64 // additional samples per output sample

	in     [2][]float32 // by channel; in[c][left] is the sample at or before the position
	left   int          // index into in
	origin int64        // input samples that were dropped from in, less the leading zeros
	taps   []float32    // scratch for a blended filter
}

// newResampler returns a resampler for 1 or 2 channels of interleaved samples.
// The filter must be one for the same rate.
func newResampler(f *filter, rate, channels int) *resampler {
	g := gcd(rate, outputRate)
	r := &resampler{filter: f, channels: channels, step: rate / g, den: outputRate / g, taps: make([]float32, f.taps)}
	r.reset()
	return r
}

// reset forgets all input; the next sample written is input sample 0 again.
func (r *resampler) reset() {
	r.num, r.slew, r.bend = 0, 0, 0
	r.left = r.filter.taps/2 - 1
	r.origin = -int64(r.left)
	for c := range r.channels {
		r.in[c] = append(r.in[c][:0], make([]float32, r.left)...)
	}
}

// write appends interleaved samples.
func (r *resampler) write(pcm []float32) {
	r.compact()
	if r.channels == 1 {
		r.in[0] = append(r.in[0], pcm...)
		return
	}
	a, b := r.in[0], r.in[1]
	for i := 0; i+1 < len(pcm); i += 2 {
		a, b = append(a, pcm[i]), append(b, pcm[i+1])
	}
	r.in[0], r.in[1] = a, b
}

// read fills out with interleaved samples and returns how many, per channel,
// the input was enough for.
func (r *resampler) read(out []float32) int {
	n := 0
	for ; (n+1)*r.channels <= len(out); n++ {
		if r.left+r.filter.taps/2 >= len(r.in[0]) {
			break
		}
		r.sample(out[n*r.channels : (n+1)*r.channels])
		r.advance()
	}
	return n
}

// position is where the next output sample lies, in input samples.
func (r *resampler) position() float64 {
	return float64(r.origin+int64(r.left)) + float64(r.num)/float64(r.den) + r.slew
}

// pending is how many input samples lie at or behind the position.
func (r *resampler) pending() int { return len(r.in[0]) - r.left }

// last returns the i-th newest sample of channel c; 0 is the newest.
func (r *resampler) last(c, i int) float32 {
	if i >= len(r.in[c]) {
		return 0
	}
	return r.in[c][len(r.in[c])-1-i]
}

// sample computes the sound at the position.
func (r *resampler) sample(out []float32) {
	if r.num == 0 && r.slew == 0 {
		for c := range out {
			out[c] = r.in[c][r.left]
		}
		return
	}
	h := r.taps
	at := (float64(r.num)/float64(r.den) + r.slew) * filterPhases
	p := int(at)
	if part := float32(at - float64(p)); part < 1e-4 {
		h = r.filter.phase(p)
	} else if part > 1-1e-4 {
		h = r.filter.phase(p + 1)
	} else {
		a, b := r.filter.phase(p), r.filter.phase(p+1)
		for i := range h {
			h[i] = a[i] + part*(b[i]-a[i])
		}
	}
	from := r.left - r.filter.taps/2 + 1
	for c := range out {
		out[c] = dot(h, r.in[c][from:from+len(h)])
	}
}

// advance moves the position by one output sample. A bend is far less than a
// step, so that the position never moves back.
func (r *resampler) advance() {
	r.num += r.step
	if r.bend != 0 {
		r.slew += r.bend
		ticks := math.Floor(r.slew * float64(r.den))
		r.num += int(ticks)
		r.slew -= ticks / float64(r.den)
	}
	for r.num >= r.den {
		r.num -= r.den
		r.left++
	}
}

// compact drops input that no filter reaches any more.
func (r *resampler) compact() {
	gone := r.left - (r.filter.taps/2 - 1)
	if gone < 1024 {
		return
	}
	for c := range r.channels {
		n := copy(r.in[c], r.in[c][gone:])
		r.in[c] = r.in[c][:n]
	}
	r.left -= gone
	r.origin += int64(gone)
}

// dot is the sum of the products; len(a) is a multiple of 2 and len(b) is not
// less. Four sums let the processor overlap the additions.
func dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	for i := range a {
		s0 += a[i] * b[i]
	}
	return (s0 + s1) + (s2 + s3)
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
