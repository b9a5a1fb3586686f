package vp9

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

// frames are the beginnings of frames; the first is libvpx's.
var frames = []struct {
	bytes string
	want  Header
	ok    bool
}{
	{"824983420014100f1604", Header{Key: true, Width: 322, Height: 242}, true},
	{"8249834200", Header{Key: true}, true},
	{"8600", Header{}, true}, // needs others
	{"88", Header{}, true},   // shows one that is there
	{"b049", Header{Key: true}, true},
	{"b449", Header{}, true}, // profile 3, needs others
	{"824983430014100f1604", Header{}, false},
	{"02", Header{}, false},
	{"", Header{}, false},
}

func TestParseHeader(t *testing.T) {
	for _, f := range frames {
		if got, ok := ParseHeader(unhex(t, f.bytes)); got != f.want || ok != f.ok {
			t.Errorf("%s: %+v, %v", f.bytes, got, ok)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	for _, s := range frames {
		f.Add(unhex(f, s.bytes))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = RecordOf(b), ParseConfig(b)
		h, ok := ParseHeader(b)
		if !ok && h != (Header{}) || h.Width > 65536 || h.Height > 65536 || !h.Key && h.Width != 0 || (h.Width == 0) != (h.Height == 0) {
			t.Fatalf("%+v, %v", h, ok)
		}
	})
}
