package av1

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
)

const libaomSequence = "08000000043d07c4fff98040"

func TestConfig(t *testing.T) {
	sequence := unhex(t, libaomSequence)
	record, err := BuildConfig(sequence)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(record); got != "81000c00"+"0a0b000000043d07c4fff98040" {
		t.Errorf("record is %s", got)
	}
	if got := SequenceOf(record); !bytes.Equal(got, sequence) {
		t.Errorf("sequence header is %x", got)
	}
	for _, bad := range []string{"", "81000c00", "01000c000a0b000000043d07c4fff98040", "81000c000a0b00"} {
		if got := SequenceOf(unhex(t, bad)); got != nil {
			t.Errorf("%s holds %x", bad, got)
		}
	}
	if _, err := BuildConfig([]byte{8}); !errors.Is(err, ErrFormat) {
		t.Errorf("of nothing: %v", err)
	}
}

func TestKeys(t *testing.T) {
	for _, c := range []struct {
		unit       string
		key, tells bool
	}{
		{"3210", true, true},   // frame, KEY_FRAME
		{"3230", false, true},  // INTER_FRAME
		{"1a90", false, true},  // shows one that is there
		{"1a10", true, true},   // frame header
		{"0a00", false, false}, // sequence header
		{"32", false, false},
	} {
		b := unhex(t, c.unit)
		if key, tells := IsKey(b[0], b[1:]); key != c.key || tells != c.tells {
			t.Errorf("%s: %v, %v", c.unit, key, tells)
		}
	}
}

func FuzzUnits(f *testing.F) {
	f.Add(unhex(f, "12000a0b000000043d07c4fff98040320310aabb"))
	f.Add(unhex(f, "81000c000a0b000000043d07c4fff98040"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var back []byte
		err := Units(b, func(whole, payload []byte) {
			back = append(back, whole...)
			unit := Unsized(whole, payload)
			if err := Units(Sized(unit), func(w, p []byte) {
				if !bytes.Equal(p, payload) || !bytes.Equal(Unsized(w, p), unit) {
					t.Fatalf("%x becomes %x", payload, p)
				}
			}); err != nil {
				t.Fatalf("a unit with size cannot be read: %v", err)
			}
		})
		if err == nil && !bytes.Equal(back, b) {
			t.Fatalf("units of %x are %x", b, back)
		}
		if s := SequenceOf(b); s != nil {
			_, _ = BuildConfig(s)
		}
	})
}
