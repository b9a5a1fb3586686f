package media

import "time"

// began is where the clock of Now starts.
var began = time.Now() //nolint:gochecknoglobals // of the process, as the runtime's own clock is

// Now is the time by the clock that Capture and Arrived, and all ages and
// intervals between them, are taken by: nanoseconds since the Unix epoch as of
// the start of the process, and from there on by a clock that nobody sets. A wall
// clock that is set neither freezes what waits for time to pass nor makes media
// old.
func Now() int64 { return Nanos(time.Now()) }

// Nanos is t on the clock of Now.
func Nanos(t time.Time) int64 { return began.UnixNano() + int64(t.Sub(began)) }

// Wall turns a moment of that clock into nanoseconds since the Unix epoch as the
// wall clock counts them now, for who has no other clock in common with us.
func Wall(moment int64) int64 {
	now := time.Now()
	return moment + now.UnixNano() - Nanos(now)
}

// FromWall is the inverse of Wall.
func FromWall(unix int64) int64 {
	now := time.Now()
	return unix + Nanos(now) - now.UnixNano()
}
