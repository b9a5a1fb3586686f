package media

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestClock(t *testing.T) {
	now := time.Now()
	if off := Nanos(now) - now.UnixNano(); off > int64(time.Minute) || off < -int64(time.Minute) {
		t.Fatalf("%v off the wall clock", time.Duration(off))
	}
	if a, b := Now(), Now(); a > b {
		t.Fatalf("%d, then %d", a, b)
	}
	if d := FromWall(Wall(12345)) - 12345; d > int64(time.Second) || d < -int64(time.Second) {
		t.Fatalf("there and back again: %v", time.Duration(d))
	}
	if at := time.Unix(1e9, 5); Nanos(at) != at.UnixNano() {
		t.Fatalf("a time by the wall clock alone became %d", Nanos(at))
	}
}

// The bubble's wall clock is far off that of the process, like one that was set:
// what has passed is the same by both, and Wall follows it.
func TestClockBesideTheWall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, wall := Now(), time.Now()
		<-time.After(time.Hour)
		if d := time.Duration(Now() - from); d != time.Hour {
			t.Fatalf("an hour took %v", d)
		}
		if got := Wall(from); got != wall.UnixNano() {
			t.Fatalf("the moment is %v by the wall clock, want %v", time.Unix(0, got).UTC(), wall.UTC())
		}
		if got := FromWall(wall.UnixNano()); got != from {
			t.Fatalf("the moment is %d, want %d", got, from)
		}
	})
}
