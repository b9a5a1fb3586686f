package transcode

import (
	"math"
	"sync"
)

// The prototype of the resampler: a sinc, cut off in the middle of its
// transition band at the lower of the two Nyquist frequencies, under a Kaiser
// window. With 64 taps per phase and beta 9.6 the pass band is flat to 0.9 of
// that frequency and everything from 1.1 of it on is more than 95 dB down; what
// lies between (above 19.8 kHz at 44.1 kHz) Opus does not code.
const (
	filterTaps   = 64
	filterPhases = 480
	kaiserBeta   = 9.6
)

// filter is a bank of interpolation filters, one for each of filterPhases
// positions between two input samples, and one more for the position 1.
type filter struct {
	taps int
	bank []float32 // (filterPhases + 1) × taps
}

// newFilter designs the bank for inputs of the given rate in Hz.
func newFilter(rate int) *filter {
	cutoff := min(1, float64(outputRate)/float64(rate))
	taps := filterTaps
	for float64(taps)*cutoff < filterTaps {
		taps += 2
	}
	f := &filter{taps: taps, bank: make([]float32, (filterPhases+1)*taps)}
	row := make([]float64, taps)
	for p := range filterPhases + 1 {
		sum := 0.0
		for t := range row {
			// Tap t weighs the input sample t - taps/2 + 1 behind the position's
			// left neighbour.
			x := float64(t-taps/2+1) - float64(p)/filterPhases
			row[t] = sinc(x*cutoff) * kaiser(x/float64(taps/2))
			sum += row[t]
		}
		for t, v := range row {
			f.bank[p*taps+t] = float32(v / sum)
		}
	}
	return f
}

// filters are designed once and shared by all streams: some milliseconds of
// work and 120 KB for all rates up to 48 kHz together.
type filters struct {
	mu sync.Mutex
	by map[int]*filter
}

// of returns the filter for inputs of the given rate in Hz.
func (s *filters) of(rate int) *filter {
	rate = max(rate, outputRate) // below, the cut-off follows the input
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.by[rate]
	if f == nil {
		f = newFilter(rate)
		if s.by == nil {
			s.by = map[int]*filter{}
		}
		s.by[rate] = f
	}
	return f
}

// phase returns the filter for position p/filterPhases.
func (f *filter) phase(p int) []float32 { return f.bank[p*f.taps : (p+1)*f.taps] }

func sinc(x float64) float64 {
	if x == math.Trunc(x) {
		// Exact zeros make position 0 the identity.
		if x == 0 {
			return 1
		}
		return 0
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the window at x in [-1, 1], 1 in the middle.
func kaiser(x float64) float64 {
	if x < -1 || x > 1 {
		return 0
	}
	return bessel(kaiserBeta*math.Sqrt(1-x*x)) / bessel(kaiserBeta)
}

// bessel is the modified Bessel function of the first kind and order 0.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-17; k++ {
		term *= (x / 2 / k) * (x / 2 / k)
		sum += term
	}
	return sum
}
