package media

import (
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTimeUnits(t *testing.T) {
	const day = 26 * time.Hour
	for _, c := range []struct {
		t     Time
		rate  int64
		units int64
		back  Time
	}{
		{0, 90000, 0, 0},
		{1, 90000, 0, 0},
		{5555, 90000, 0, 0},
		{5556, 90000, 1, 11111},
		{-5555, 90000, 0, 0},
		{-5556, 90000, -1, -11111},
		{Time(time.Second), 90000, 90000, Time(time.Second)},
		{-Time(time.Second), 90000, -90000, -Time(time.Second)},
		{Time(time.Second) / 3, 90000, 30000, 333333333},
		{-Time(time.Second) / 3, 90000, -30000, -333333333},
		{Time(day), 90000, 26 * 3600 * 90000, Time(day)}, // beyond 32 bits: wraps only on the wire
		{Time(day + 40*time.Millisecond), 90000, 26*3600*90000 + 3600, Time(day + 40*time.Millisecond)},
		{-Time(day), 48000, -26 * 3600 * 48000, -Time(day)},
		{Time(time.Second) * 1024 / 44100, 44100, 1024, 23219955},
		{math.MaxInt64, 1_000_000, 9223372036854776, 0},
	} {
		if got := c.t.Units(c.rate); got != c.units {
			t.Errorf("Time(%d).Units(%d) = %d, want %d", c.t, c.rate, got, c.units)
		}
		if c.t == math.MaxInt64 {
			continue // its nearest tick lies outside the scale
		}
		if got := FromUnits(c.units, c.rate); got != c.back {
			t.Errorf("FromUnits(%d, %d) = %d, want %d", c.units, c.rate, got, c.back)
		}
	}
}

func TestTimeMillis(t *testing.T) {
	for _, c := range []struct {
		t    Time
		want int64
	}{
		{0, 0},
		{999_999, 0},
		{1_000_000, 1},
		{-1, -1},
		{-1_000_000, -1},
		{-1_000_001, -2},
		{Time(26*time.Hour + 1500*time.Microsecond), 26*3600*1000 + 1},
		{math.MaxInt64, math.MaxInt64 / 1_000_000},
		{math.MinInt64, math.MinInt64/1_000_000 - 1},
	} {
		if got := c.t.Millis(); got != c.want {
			t.Errorf("Time(%d).Millis() = %d, want %d", c.t, got, c.want)
		}
	}
}

func TestTimeArithmetic(t *testing.T) {
	at := Time(26 * time.Hour)
	if got := at.Add(-27 * time.Hour); got != -Time(time.Hour) {
		t.Errorf("Add = %d", got)
	}
	if got := Time(time.Second).Sub(at); got != time.Second-26*time.Hour {
		t.Errorf("Sub = %v", got)
	}
}

// nearest is a * b / c, rounded to the nearest, halves away from zero, exactly.
func nearest(a, b, c int64) int64 {
	x := new(big.Int).Mul(big.NewInt(a), big.NewInt(2*b))
	half := big.NewInt(c)
	if a < 0 {
		half.Neg(half)
	}
	return x.Add(x, half).Quo(x, big.NewInt(2*c)).Int64()
}

var rates = rapid.OneOf(
	rapid.SampledFrom([]int64{1000, 8000, 22050, 44100, 48000, 90000, 96000, 1_000_000}),
	rapid.Int64Range(1, 1_000_000),
)

func TestTimeUnitsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const century = 36525 * 24 * int64(time.Hour)
		rate := rates.Draw(t, "rate")
		at := Time(rapid.Int64Range(-century, century).Draw(t, "at"))
		if got, want := at.Units(rate), nearest(int64(at), rate, 1e9); got != want {
			t.Fatalf("Units = %d, want %d", got, want)
		}
		ticks := rapid.Int64Range(-century/1e9*rate, century/1e9*rate).Draw(t, "ticks")
		from := FromUnits(ticks, rate)
		if want := nearest(ticks, 1e9, rate); int64(from) != want {
			t.Fatalf("FromUnits = %d, want %d", from, want)
		}
		if got := from.Units(rate); got != ticks {
			t.Fatalf("%d ticks come back as %d", ticks, got)
		}
	})
}
