package media

import "time"

// Time is a point on a stream's own scale, in nanoseconds. The scale starts at
// an arbitrary point, never runs backwards within a track's decode order, and
// goes on when a publisher comes back.
type Time int64

// Millis returns t in whole milliseconds, rounded down.
func (t Time) Millis() int64 {
	ms := int64(t) / 1_000_000
	if int64(t)%1_000_000 < 0 {
		ms--
	}
	return ms
}

// Units converts t to ticks of a clock with the given rate in Hz, rounded to
// the nearest tick. It does not overflow for rates up to 1 MHz.
func (t Time) Units(rate int64) int64 {
	sec, rest := int64(t)/1e9, int64(t)%1e9
	half := int64(5e8)
	if rest < 0 {
		half = -half
	}
	return sec*rate + (rest*rate+half)/1e9
}

// FromUnits is the inverse of Units: the nanosecond nearest to a tick.
func FromUnits(ticks, rate int64) Time {
	whole, rest, half := ticks/rate, ticks%rate, rate/2
	if rest < 0 {
		half = -half
	}
	return Time(whole*1e9 + (rest*1e9+half)/rate)
}

// Add returns t shifted by d.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Sub returns t - u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }
