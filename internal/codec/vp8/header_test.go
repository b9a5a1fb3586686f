package vp8

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

// frames are the beginnings of frames.
var frames = []struct {
	bytes string
	want  Header
	ok    bool
}{
	{"50a2009d012a8002e001", Header{Key: true, Shown: true, Width: 640, Height: 480}, true},
	{"10a2009d012a40413482", Header{Key: true, Shown: true, Width: 320, Height: 564}, true}, // upscaled both ways
	{"50a200", Header{Key: true, Shown: true}, true},
	{"319801", Header{Shown: true}, true},
	{"019801ffff", Header{}, true},
	{"50a2009d012b8002e001", Header{}, false},
	{"50a2009d012a0000e001", Header{}, false},
	{"5ea2009d012a8002e001", Header{}, false}, // version 7
	{"50a2", Header{}, false},
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
		h, ok := ParseHeader(b)
		if !ok && h != (Header{}) || h.Width > 16383 || h.Height > 16383 || !h.Key && h.Width != 0 {
			t.Fatalf("%+v, %v", h, ok)
		}
	})
}
