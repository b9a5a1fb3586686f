package av1

import (
	"encoding/hex"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// units: the first two are a sequence header of libaom, without and with its size.
var units = []struct {
	bytes         string
	kind          byte
	width, height int
}{
	{"08000000043d07c4fff98040", TypeSequence, 322, 242},
	{"0a0b000000043d07c4fff98040", TypeSequence, 322, 242},
	{"0800", TypeSequence, 0, 0},
	{"0c20000000043d07c4fff98040", TypeSequence, 0, 0}, // of a layer
	{"32a20f1400", 6, 0, 0},
	{"1200", 2, 0, 0},
}

func TestUnits(t *testing.T) {
	for _, u := range units {
		b := unhex(t, u.bytes)
		if kind, ok := Type(b); kind != u.kind || !ok {
			t.Errorf("%s: type %d, %v", u.bytes, kind, ok)
		}
		if w, h, ok := Dimensions(b); w != u.width || h != u.height || ok != (w != 0) {
			t.Errorf("%s: %dx%d, %v", u.bytes, w, h, ok)
		}
	}
	for _, bad := range []string{"", "80"} {
		if _, ok := Type(unhex(t, bad)); ok {
			t.Errorf("%q has a type", bad)
		}
	}
}

func TestSize(t *testing.T) {
	for s, want := range map[string][2]int{"00": {0, 1}, "7f": {127, 1}, "8001": {128, 2}, "a20f": {1954, 2}, "ffffffff0f": {1<<32 - 1, 5}, "8100": {1, 2}} {
		if size, n, ok := Size(unhex(t, s)); size != want[0] || n != want[1] || !ok {
			t.Errorf("%s: %d in %d bytes, %v", s, size, n, ok)
		}
	}
	for _, bad := range []string{"", "80", "ffffffff10", "808080808000"} {
		if _, _, ok := Size(unhex(t, bad)); ok {
			t.Errorf("%q is a size", bad)
		}
	}
}

func FuzzDimensions(f *testing.F) {
	for _, u := range units {
		f.Add(unhex(f, u.bytes))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if w, h, ok := Dimensions(b); ok != (w > 0 && h > 0) {
			t.Fatalf("%dx%d, %v", w, h, ok)
		}
		if _, n, ok := Size(b); ok && (n < 1 || n > len(b)) {
			t.Fatalf("a size in %d of %d bytes", n, len(b))
		}
	})
}
