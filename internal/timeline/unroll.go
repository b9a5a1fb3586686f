package timeline

// Unroller puts timestamps that wrap around onto a scale that does not. Tracks
// that share a clock share one. The zero value unrolls nothing: set Bits.
type Unroller struct {
	Bits  int // width of a timestamp, 1 to 63
	begun bool
	last  int64
}

// Place returns the point nearest to the last one that ts can mean, in the same
// unit. The first one is taken as it is.
func (u *Unroller) Place(ts int64) int64 {
	if !u.begun {
		u.begun, u.last = true, ts
		return ts
	}
	u.last = u.Near(u.last, ts)
	return u.last
}

// Near returns the point nearest to base that ts can mean.
func (u *Unroller) Near(base, ts int64) int64 {
	shift := 64 - u.Bits
	return base + (ts-base)<<shift>>shift
}
