package h265

import (
	"bytes"
	"errors"
	"testing"
)

var (
	testSPS = "42010101600000030090000003000003003ca00a480f9c9265959a4932bc05a02000000300200000030321"
	testPPS = "4401c172b46240"
	testVPS = "40010c01ffff016000000300900000030000030" + "03c959809"
)

func TestConfig(t *testing.T) {
	params := [][]byte{unhex(t, testVPS), unhex(t, testSPS), unhex(t, testPPS)}
	record, err := BuildConfig(params)
	if err != nil {
		t.Fatal(err)
	}
	// Profile Main, level 2, one layer, 4:2:0, 8 bits.
	if want := unhex(t, "0101600000009000000000003cf000fcfdf8f800000f03"); !bytes.Equal(record[:recordSize], want) {
		t.Errorf("record begins %x, want %x", record[:recordSize], want)
	}
	got, size, err := ParseConfig(record)
	if err != nil || size != 4 || len(got) != 3 {
		t.Fatalf("read %x, %d, %v", got, size, err)
	}
	for i := range got {
		if !bytes.Equal(got[i], params[i]) {
			t.Errorf("set %d is %x", i, got[i])
		}
	}
	for n := range record {
		if _, _, err := ParseConfig(record[:n]); err == nil || !errors.Is(err, ErrFormat) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
	if _, err := BuildConfig(params[:1]); !errors.Is(err, ErrFormat) {
		t.Errorf("without SPS: %v", err)
	}
}

func TestUnit(t *testing.T) {
	u, err := ParseUnit(unhex(t, "0003460150"+"00074401c172b46240"+"00044e010501"+"00042601af01"), 2)
	if err != nil || !u.Key || u.Slices != 1 || len(u.Params) != 1 || !bytes.Equal(u.Data, unhex(t, "000000044e010501"+"000000042601af01")) {
		t.Errorf("%+v, %v", u, err)
	}
	for _, bad := range []string{"00", "0005260100", "000300"} {
		if _, err := ParseUnit(unhex(t, bad), 2); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestMergeParams(t *testing.T) {
	vps, sps, pps := unhex(t, testVPS), unhex(t, testSPS), unhex(t, testPPS)
	held, changed := MergeParams(nil, [][]byte{pps, sps, vps})
	if !changed || len(held) != 3 || !bytes.Equal(held[0], vps) {
		t.Fatalf("%x, %v", held, changed)
	}
	if _, changed := MergeParams(held, [][]byte{sps}); changed {
		t.Error("the same set is a change")
	}
	other := append(bytes.Clone(pps), 1)
	held, changed = MergeParams(held, [][]byte{other})
	if !changed || len(held) != 3 || !bytes.Equal(held[2], other) {
		t.Errorf("%x, %v", held, changed)
	}
}

func FuzzConfig(f *testing.F) {
	record, err := BuildConfig([][]byte{unhex(f, testVPS), unhex(f, testSPS), unhex(f, testPPS)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(record)
	f.Add(unhex(f, "000300460150"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if params, size, err := ParseConfig(b); err == nil {
			if size < 1 || size > 4 {
				t.Fatalf("lengths of %d bytes", size)
			}
			if record, err := BuildConfig(params); err == nil {
				if _, _, err := ParseConfig(record); err != nil {
					t.Fatalf("reads not what it wrote: %v", err)
				}
			}
		}
		for size := 1; size <= 4; size++ {
			if u, err := ParseUnit(b, size); err == nil {
				if again, err := ParseUnit(u.Data, 4); err != nil || !bytes.Equal(again.Data, u.Data) || again.Slices != u.Slices {
					t.Fatalf("%x: again %x, %v", u.Data, again.Data, err)
				}
			}
		}
	})
}
