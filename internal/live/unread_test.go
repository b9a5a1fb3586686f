package live

import "testing"

// A publisher hears of the first reader, and of the next one after all have gone.
func TestPublisherHearsOfReaders(t *testing.T) {
	h := newTestHub(t, Options{})
	p := publishTracks(t, h, testName)
	woken := 0
	p.OnReader(func() { woken++ })
	step := func(what string, has bool, times int) {
		t.Helper()
		if p.HasReaders() != has || woken != times {
			t.Errorf("%s: has readers: %v, woken %d times", what, p.HasReaders(), woken)
		}
	}
	step("at first", false, 0)
	first := subscribe(t, h, testName)
	step("one comes", true, 1)
	second := subscribe(t, h, testName)
	step("another", true, 1)
	first.Close()
	step("one goes", true, 1)
	second.Close()
	step("all are gone", false, 1)
	third := subscribe(t, h, testName)
	step("one comes again", true, 2)

	p.Close("")
	p = publishTracks(t, h, testName)
	if !p.HasReaders() {
		t.Error("who continues has no readers")
	}
	third.Close()
	subscribe(t, h, testName).Close()
	if woken != 2 {
		t.Error("who has left is woken")
	}
}
