package vp9

import (
	"encoding/hex"
	"testing"
)

func TestConfig(t *testing.T) {
	if got := ParseConfig(nil); got != plain {
		t.Errorf("without a record: %+v", got)
	}
	c := Config{Profile: 2, Level: 31, BitDepth: 10, Chroma: 1, FullRange: true}
	if got := hex.EncodeToString(c.Record()); got != "01000000021fa302020"+"20000" {
		t.Errorf("record is %s", got)
	}
	if got := ParseConfig(c.Record()); got != c {
		t.Errorf("read %+v", got)
	}
}

func TestRecordOf(t *testing.T) {
	for frame, want := range map[string]string{
		"824983420014100f1604":      "",                                   // profile 0
		"92498342001410" + "0f1604": "010000000" + "21fa202020" + "20000", // profile 2, 10 bits, which libvpx writes
		"9249":                      "",
	} {
		if got := hex.EncodeToString(RecordOf(unhex(t, frame))); got != want {
			t.Errorf("%s: %s, want %s", frame, got, want)
		}
	}
}
