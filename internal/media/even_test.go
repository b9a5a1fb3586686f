package media

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

const tick = int64(20 * time.Millisecond)

// Sound that comes in bursts of a picture's length leaves evenly within seconds.
func TestEvenBursts(t *testing.T) {
	var e Even
	picture := int64(time.Second / 30)
	var last, worst int64
	for i := range int64(500) {
		at := i * tick
		come := (at/picture + 1) * picture
		due := e.Due(Time(at), come)
		if due < come || due > come+int64(maxEven) {
			t.Fatalf("unit %d came at %d and leaves at %d", i, come, due)
		}
		if i > 100 {
			worst = max(worst, due-last-tick, tick-(due-last))
		}
		last = due
	}
	if worst > int64(minEven+2*time.Millisecond) {
		t.Errorf("units leave up to %v off their rhythm", time.Duration(worst))
	}
}

// What comes evenly is not held, whichever way its clock drifts.
func TestEvenDrift(t *testing.T) {
	for _, ppm := range []int64{-200, 0, 200} {
		var e Even
		for i := range int64(90_000) { // half an hour
			at := i * tick
			come := at + at/1e6*ppm
			if due := e.Due(Time(at), come); due != come {
				t.Fatalf("%d ppm: unit %d is held for %v", ppm, i, time.Duration(due-come))
			}
		}
	}
}

// A stall is not paid for by all the sound after it.
func TestEvenStall(t *testing.T) {
	var e Even
	for i := range int64(400) {
		at := i * tick
		come := at
		if i >= 100 && i < 110 {
			come = 110 * tick
		}
		if due := e.Due(Time(at), come); due-come > int64(15*time.Millisecond) {
			t.Fatalf("unit %d is held for %v", i, time.Duration(due-come))
		}
	}
}

// Whatever comes, nothing is held for longer than the bound, or leaves before it came.
func TestEvenBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var e Even
		now := int64(1e18)
		for range rapid.IntRange(1, 200).Draw(t, "n") {
			now += rapid.Int64Range(0, 1e9).Draw(t, "pause")
			at := rapid.Int64Range(-1e12, 1e12).Draw(t, "at")
			if due := e.Due(Time(at), now); due < now || due > now+int64(maxEven) {
				t.Fatalf("came at %d, leaves at %d", now, due)
			}
		}
	})
}

// A reader that begins with old sound, all of it at once, soon holds nothing.
func TestEvenBacklog(t *testing.T) {
	var e Even
	for i := range int64(400) {
		at := i * tick
		due := e.Due(Time(at), max(at, 90*tick))
		if held := due - max(at, 90*tick); i > 90+250 && held != 0 {
			t.Fatalf("unit %d is held for %v", i, time.Duration(held))
		}
	}
}
