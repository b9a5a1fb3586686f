package h265

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

// x265SPS is of pictures of 322x242, which are coded as 328x248.
const x265SPS = "420101016000000300900000030000030" + "03ca00a480f9c9265959a4932bc05a020000003002000000303" + "21"

func TestDimensions(t *testing.T) {
	if w, h, ok := Dimensions(unhex(t, x265SPS)); w != 322 || h != 242 || !ok {
		t.Errorf("%dx%d, %v", w, h, ok)
	}
	for _, bad := range []string{"", "4201", "4401c172b46240", x265SPS[:40]} {
		if w, h, ok := Dimensions(unhex(t, bad)); ok || w != 0 || h != 0 {
			t.Errorf("%s: %dx%d, %v", bad, w, h, ok)
		}
	}
}

func TestTypes(t *testing.T) {
	for _, c := range []struct {
		bytes               string
		kind                byte
		slice, start, param bool
	}{
		{"0201", 1, true, false, false},
		{"2601", 19, true, true, false},
		{"2a01", 21, true, true, false},
		{"4001", 32, false, false, true},
		{"4401", 34, false, false, true},
		{"4e01", 39, false, false, false},
	} {
		k, ok := Type(unhex(t, c.bytes))
		if k != c.kind || !ok || IsSlice(k) != c.slice || IsStart(k) != c.start || IsParam(k) != c.param {
			t.Errorf("%s: type %d, %v: slice %v, start %v, parameter set %v", c.bytes, k, ok, IsSlice(k), IsStart(k), IsParam(k))
		}
	}
	for _, bad := range []string{"", "40", "4000"} {
		if _, ok := Type(unhex(t, bad)); ok {
			t.Errorf("%q has a type", bad)
		}
	}
}

func FuzzDimensions(f *testing.F) {
	f.Add(unhex(f, x265SPS))
	f.Fuzz(func(t *testing.T, b []byte) {
		if w, h, ok := Dimensions(b); ok != (w > 0 && h > 0) {
			t.Fatalf("%dx%d, %v", w, h, ok)
		}
	})
}
