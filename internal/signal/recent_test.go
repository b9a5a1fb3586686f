package signal

import (
	"strconv"
	"testing"
)

// The latest sessions are remembered, the oldest forgotten, and no more kept.
func TestRecent(t *testing.T) {
	r := newRecent()
	for i := range maxRecent + 10 {
		r.note(strconv.Itoa(i), "a")
		r.note(strconv.Itoa(i), "b")
	}
	if len(r.words) != maxRecent {
		t.Errorf("%d are kept", len(r.words))
	}
	for i, want := range map[int]bool{0: false, 9: false, 10: true, maxRecent + 9: true, maxRecent + 10: false} {
		if word, known := r.of(strconv.Itoa(i)); known != want || known && word != "b" {
			t.Errorf("%d: %q, %v", i, word, known)
		}
	}
}
