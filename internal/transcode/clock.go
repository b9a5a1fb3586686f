package transcode

import (
	"math"
	"time"

	"millrace/internal/media"
)

// Bounds of what the clock takes for drift.
const (
	// maxOff is how far one stamp may be off before it is a gap.
	maxOff = 60 * time.Millisecond
	// maxDrift is how far the sound may be off for seconds before it is put
	// right at once; lips are seen to be out of step from 40 ms on.
	maxDrift = 35 * time.Millisecond
	// bendFrom and bendUntil are the drift at which bending begins and ends.
	bendFrom  = 4 * time.Millisecond
	bendUntil = 500 * time.Microsecond
	// smoothing is the time constant of the drift estimate.
	smoothing = 5 * time.Second
	// settling is the time in which bending would take up a drift. Twice the
	// smoothing, so that the loop does not swing.
	settling = 10 * time.Second
	// maxBend is the greatest change of the ratio: 1.7 cents of pitch.
	maxBend = 1e-3
)

// clock compares the stamps of a source with the number of samples that came
// with them, and says how the ratio of the resampler is to be bent so that the
// two stay together.
type clock struct {
	rate  int        // Hz
	start media.Time // of sample 0
	fed   int64      // samples so far

	drift   float64 // seconds that stamps are ahead of the sound, smoothed
	bending bool
}

// restart makes the next sample number 0, due at start.
func (c *clock) restart(rate int, start media.Time) {
	*c = clock{rate: rate, start: start}
}

// off returns by how much a stamp of the next sample is ahead of what is
// expected. slip is the time, in seconds, that the sound has been moved
// forward by bending.
func (c *clock) off(at media.Time, slip float64) time.Duration {
	return at.Sub(c.start) - samplesLong(c.fed, c.rate) + time.Duration(slip*1e9)
}

// jumps says that a stamp is too far off for drift.
func (c *clock) jumps(at media.Time, slip float64) bool {
	return c.off(at, slip).Abs() > maxOff || math.Abs(c.drift) > maxDrift.Seconds()
}

// feed takes note of n samples stamped at, and returns the relative change of
// the ratio of consumption that is due: 0, mostly.
func (c *clock) feed(at media.Time, n int, slip float64) float64 {
	long := float64(n) / float64(c.rate)
	c.drift += (c.off(at, slip).Seconds() - c.drift) * min(1, long/smoothing.Seconds())
	c.fed += int64(n)
	switch {
	case math.Abs(c.drift) > bendFrom.Seconds():
		c.bending = true
	case math.Abs(c.drift) < bendUntil.Seconds():
		c.bending = false
	}
	if !c.bending {
		return 0
	}
	// Sound that is stamped later and later must be played slower.
	return max(-maxBend, min(maxBend, -c.drift/settling.Seconds()))
}

// samplesLong is how long n samples last, to the nanosecond.
func samplesLong(n int64, rate int) time.Duration {
	return time.Duration(media.FromUnits(n, int64(rate)))
}
