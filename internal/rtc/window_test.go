package rtc

import (
	"testing"

	"pgregory.net/rapid"
)

// A window says the same as a set of all that was taken, and finds extended
// numbers again from their low bits.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		taken := map[int64]bool{}
		at := rapid.Int64Range(0, 70_000).Draw(t, "first")
		highest := int64(-1)
		for range rapid.IntRange(1, 200).Draw(t, "n") {
			n := max(0, at+rapid.Int64Range(-5000, 6000).Draw(t, "step"))
			if highest >= 0 {
				if got := w.extend(uint16(n)); got != n {
					t.Fatalf("%d is read as %d", n, got)
				}
			}
			want := !taken[n] && n > highest-windowSize
			if got := w.fresh(n); got != want {
				t.Fatalf("fresh(%d) is %v, highest %d", n, got, highest)
			}
			if !want {
				continue
			}
			w.take(n)
			taken[n] = true
			highest = max(highest, n)
			at = highest
		}
	})
}

// Numbers go on over a change of the layer and over what is left out, and late
// ones find their place.
func TestNumbering(t *testing.T) {
	var n numbering
	a, b := &layer{}, &layer{}
	place := func(l *layer, seq, want int64) {
		t.Helper()
		if out, ok := n.place(l, seq); want < 0 && ok || want >= 0 && (!ok || out != want) {
			t.Fatalf("%d is %d, %v; want %d", seq, out, ok, want)
		}
	}
	n.begin(a, 100, 100)
	place(a, 100, 100)
	place(a, 98, 98) // sent before the first to arrive
	place(a, 102, 102)
	n.leaveOut(a, 103)
	place(a, 104, 103)
	place(a, 101, 101)
	place(a, 103, -1)
	place(b, 7, -1)
	n.begin(b, 500, n.next)
	place(b, 500, 104)
	place(b, 499, -1) // of a picture that is not shown
	place(a, 105, -1)
	for i := range int64(100) { // one row
		n.leaveOut(b, 502+i)
	}
	place(b, 602, 106)
	place(b, 501, 105) // it was missing
	place(b, 550, -1)
	for i := range int64(20) {
		n.leaveOut(b, 603+2*i)
		place(b, 604+2*i, 107+i)
	}
	place(b, 500, -1) // forgotten
}
