package demo

import (
	"errors"
	"time"
)

// The barcode is two rows of twenty square cells. Read row by row from the top
// left, a bright cell is 1; the second row is drawn inverted. The forty bits
// are a Stamp and its CRC-8, most significant bit first. The twin of this file
// is web/src/lib/barcode.ts; testdata/barcode.json holds vectors for both.
const (
	BarcodeColumns = 20
	BarcodeRows    = 2
	barcodeCells   = BarcodeColumns * BarcodeRows
)

// Where the barcode is, in parts of the picture's width and height: cells are
// square, and whole macroblocks, in a picture of 640 × 360.
const (
	BarcodeX = 160.0 / 640
	BarcodeY = 320.0 / 360
	BarcodeW = 320.0 / 640
	BarcodeH = 32.0 / 360
)

// ErrBarcode says that cells hold no barcode.
var ErrBarcode = errors.New("read barcode: checksum does not match")

// Stamp is the time in a barcode. The highest bit says of which kind it is:
//
//	1  clock: 31 bits, milliseconds since the Unix epoch modulo 2^31
//	0  loop:  7 bits, the loop's length in seconds; 24 bits, milliseconds
//	          since the Unix epoch modulo that length
type Stamp uint32

const (
	clockBit   = 1 << 31
	clockMask  = clockBit - 1
	loopShift  = 24
	loopMillis = 1<<loopShift - 1
)

// ClockStamp is the stamp of a running clock. It is unique for 24.8 days.
func ClockStamp(t time.Time) Stamp {
	return Stamp(clockBit | uint64(t.UnixMilli())&clockMask)
}

// LoopStamp is the stamp of a position in a loop. The length is whole seconds,
// 1 to 127.
func LoopStamp(length, at time.Duration) Stamp {
	return Stamp(uint32(length/time.Second)<<loopShift | uint32(at.Milliseconds())&loopMillis)
}

// Modulus is the time after which stamps of this kind repeat.
func (s Stamp) Modulus() time.Duration {
	if s&clockBit != 0 {
		return (clockMask + 1) * time.Millisecond
	}
	return time.Duration(s>>loopShift) * time.Second
}

// At is the stamp's time since the Unix epoch, modulo Modulus.
func (s Stamp) At() time.Duration {
	if s&clockBit != 0 {
		return time.Duration(s&clockMask) * time.Millisecond
	}
	return time.Duration(s&loopMillis) * time.Millisecond
}

// Delay is how long before now the stamp was drawn, as far as the stamp can
// tell: delays that differ by Modulus look alike. The result is in
// [-Modulus/8, Modulus*7/8): a little below zero when clocks disagree.
func (s Stamp) Delay(now time.Time) time.Duration {
	m := s.Modulus()
	if m == 0 {
		return 0
	}
	d := (time.Duration(now.UnixMilli())*time.Millisecond - s.At()) % m
	if d < 0 {
		d += m
	}
	if d >= m-m/8 {
		d -= m
	}
	return d
}

// Cells returns what to draw: true is bright.
func (s Stamp) Cells() [barcodeCells]bool {
	bits := uint64(s)<<8 | uint64(crc8(uint32(s)))
	var cells [barcodeCells]bool
	for i := range cells {
		bit := bits>>(barcodeCells-1-i)&1 == 1
		cells[i] = bit != (i >= BarcodeColumns)
	}
	return cells
}

// ReadCells is the inverse of Stamp.Cells. It returns ErrBarcode when the
// checksum does not match.
func ReadCells(cells [barcodeCells]bool) (Stamp, error) {
	var bits uint64
	for i, bright := range cells {
		bits <<= 1
		if bright != (i >= BarcodeColumns) {
			bits |= 1
		}
	}
	s := Stamp(bits >> 8)
	if crc8(uint32(s)) != byte(bits) {
		return 0, ErrBarcode
	}
	return s, nil
}

// crc8 is CRC-8/SMBUS over the four bytes, big endian: polynomial 7, from 0.
func crc8(v uint32) byte {
	var c byte
	for shift := 24; shift >= 0; shift -= 8 {
		c ^= byte(v >> shift)
		for range 8 {
			if c&0x80 != 0 {
				c = c<<1 ^ 7
			} else {
				c <<= 1
			}
		}
	}
	return c
}
