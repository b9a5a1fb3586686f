package transcode

import (
	"math"
	"time"
)

// fade is how long sound takes to die away before a gap and to come back.
const fade = 5 * time.Millisecond

// trim drops what is to be skipped and fades in what follows, in place.
func (v *voice) trim(pcm []float32) []float32 {
	n := min(v.skip, len(pcm)/v.channels)
	v.skip -= n
	pcm = pcm[n*v.channels:]
	for i := 0; v.fadeIn > 0 && i < len(pcm); i += v.channels {
		g := fadeGain(v.fadeIn, v.fadeSamples()+1)
		for c := range v.channels {
			pcm[i+c] *= g
		}
		v.fadeIn--
	}
	return pcm
}

// ebb returns n samples in which what was written last dies away. It is
// mirrored in time, so that it begins without a step.
func (v *voice) ebb(n int) []float32 {
	pcm := make([]float32, n*v.channels)
	long := v.fadeSamples()
	for i := range min(long, n) {
		g := fadeGain(i, long)
		for c := range v.channels {
			pcm[i*v.channels+c] = v.resampler.last(c, i) * g
		}
	}
	return pcm
}

func (v *voice) fadeSamples() int { return int(fade.Seconds() * float64(v.rate)) }

// fadeGain falls from 1 at 0 to 0 at n, smoothly at both ends.
func fadeGain(i, n int) float32 {
	return float32(0.5 + 0.5*math.Cos(math.Pi*float64(i)/float64(n)))
}
