package demo

import (
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"
)

// vectors are shared with web/src/lib/barcode.test.ts.
type vectors struct {
	Stamps []struct {
		Name      string
		Stamp     Stamp
		ModulusMs int64
		AtMs      int64
		Rows      [BarcodeRows]string
	}
	Delays []struct {
		Name    string
		Stamp   Stamp
		NowMs   int64
		DelayMs int64
	}
}

func readVectors(t *testing.T) (v vectors) {
	t.Helper()
	b, err := os.ReadFile("testdata/barcode.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Stamps) == 0 || len(v.Delays) == 0 {
		t.Fatal("no vectors")
	}
	return v
}

func cellsOf(rows [BarcodeRows]string) (cells [barcodeCells]bool) {
	for i := range cells {
		cells[i] = rows[i/BarcodeColumns][i%BarcodeColumns] == '1'
	}
	return cells
}

func TestStampVectors(t *testing.T) {
	for _, v := range readVectors(t).Stamps {
		t.Run(v.Name, func(t *testing.T) {
			cells := cellsOf(v.Rows)
			if got := v.Stamp.Cells(); got != cells {
				t.Errorf("cells %v, want %v", got, cells)
			}
			got, err := ReadCells(cells)
			if err != nil || got != v.Stamp {
				t.Errorf("read %d, %v, want %d", got, err, v.Stamp)
			}
			if m := v.Stamp.Modulus().Milliseconds(); m != v.ModulusMs {
				t.Errorf("modulus %d ms, want %d", m, v.ModulusMs)
			}
			if at := v.Stamp.At().Milliseconds(); at != v.AtMs {
				t.Errorf("at %d ms, want %d", at, v.AtMs)
			}
		})
	}
}

func TestDelayVectors(t *testing.T) {
	for _, v := range readVectors(t).Delays {
		t.Run(v.Name, func(t *testing.T) {
			if d := v.Stamp.Delay(time.UnixMilli(v.NowMs)).Milliseconds(); d != v.DelayMs {
				t.Errorf("delay %d ms, want %d", d, v.DelayMs)
			}
		})
	}
}

func TestStampsAreMadeFromTimes(t *testing.T) {
	at := time.UnixMilli(1763640000123)
	if d := ClockStamp(at).Delay(at.Add(250 * time.Millisecond)); d != 250*time.Millisecond {
		t.Errorf("clock stamp: delay %v", d)
	}
	if s := LoopStamp(8*time.Second, 3266*time.Millisecond); s != 8<<24|3266 {
		t.Errorf("loop stamp %#x", s)
	}
}

// One wrong cell never passes: CRC-8 finds every single-bit error.
func TestWrongCellIsRefused(t *testing.T) {
	for _, v := range readVectors(t).Stamps {
		for i := range barcodeCells {
			cells := v.Stamp.Cells()
			cells[i] = !cells[i]
			if s, err := ReadCells(cells); !errors.Is(err, ErrBarcode) {
				t.Fatalf("cell %d wrong: read %d, %v", i, s, err)
			}
		}
	}
}

func FuzzReadCells(f *testing.F) {
	for _, s := range []Stamp{0, 8<<24 | 33, 1 << 31, 0xFFFFFFFF} {
		bits := uint64(s)<<8 | uint64(crc8(uint32(s)))
		f.Add(bits)
	}
	f.Fuzz(func(t *testing.T, bits uint64) {
		var cells [barcodeCells]bool
		for i := range cells {
			cells[i] = bits>>i&1 == 1
		}
		s, err := ReadCells(cells)
		if err != nil {
			return
		}
		if s.Cells() != cells {
			t.Fatalf("%v read as %d, which draws %v", cells, s, s.Cells())
		}
		if m := s.Modulus(); m > 0 {
			if d := s.Delay(time.UnixMilli(int64(bits >> 20))); d < -m/8 || d > m {
				t.Fatalf("delay %v of modulus %v", d, m)
			}
		}
	})
}
