package h264

import (
	"encoding/binary"
	"errors"
	"slices"
)

// Unit is what one pass over an access unit finds.
type Unit struct {
	// Data holds the NAL units, each behind a 4-byte length. Parameter sets,
	// access unit delimiters and filler are left out; SEI is kept.
	Data []byte
	// Params are copies of the SPS and PPS that were among the NAL units, in
	// their order.
	Params [][]byte
	// Slices counts the slice NAL units. 0: nothing to decode.
	Slices int
	// Key says that the picture is an IDR picture. A recovery point SEI does
	// not make one: its first pictures decode to something, not to the picture.
	Key bool
	// B says that a slice of type B is among them.
	B bool
	// Discardable says that no other picture refers to this one: nal_ref_idc
	// is 0 in every slice.
	Discardable bool
}

// ErrLength says that a NAL unit's length does not fit its access unit, as in
// a stream with start codes instead of lengths.
var ErrLength = errors.New("NAL unit length exceeds the access unit")

// ErrLengthSize says that a length prefix is neither 1, 2 nor 4 bytes long.
var ErrLengthSize = errors.New("NAL unit length size is not 1, 2 or 4")

// ParseUnit reads an access unit whose NAL units stand behind lengths of
// lengthSize bytes (ISO 14496-15 section 5.3.4). It takes ownership of b: with
// 4-byte lengths Data is a part of b, rearranged in place. Zero-length NAL
// units are passed over.
func ParseUnit(b []byte, lengthSize int) (Unit, error) {
	if lengthSize != 1 && lengthSize != 2 && lengthSize != 4 {
		return Unit{}, ErrLengthSize
	}
	u := Unit{Discardable: true}
	out := b
	if lengthSize != 4 {
		out = make([]byte, 0, grownSize(b, lengthSize))
	}
	// Kept units are b[start:end] with 4-byte lengths: a unit is moved only
	// when one before it was left out.
	start, end := 0, 0
	for pos := 0; pos < len(b); {
		n, err := nalLength(b[pos:], lengthSize)
		if err != nil {
			return Unit{}, err
		}
		nal := b[pos+lengthSize : pos+lengthSize+n]
		next := pos + lengthSize + n
		switch {
		case n == 0 || !u.see(nal):
			// left out
		case lengthSize != 4:
			out = AppendNAL(out, nal)
		case start == end:
			start, end = pos, next
		default:
			end += copy(b[end:], b[pos:next])
		}
		pos = next
	}
	u.Data = out
	if lengthSize == 4 {
		u.Data = b[start:end:end]
	}
	u.Discardable = u.Discardable && u.Slices > 0
	return u, nil
}

// see notes what nal says and reports whether it belongs into Data.
func (u *Unit) see(nal []byte) bool {
	switch Type(nal) {
	case TypeSPS, TypePPS:
		u.Params = append(u.Params, slices.Clone(nal))
		return false
	case TypeDelimiter, TypeFiller, TypeSPSExtension:
		return false
	case TypeSlice, TypePartitionA, TypeIDR:
		u.Slices++
		u.Key = u.Key || Type(nal) == TypeIDR
		u.B = u.B || isB(nal)
		u.Discardable = u.Discardable && nal[0]&0x60 == 0
	}
	return true
}

func nalLength(b []byte, size int) (int, error) {
	if len(b) < size {
		return 0, ErrLength
	}
	var n uint32
	switch size {
	case 1:
		n = uint32(b[0])
	case 2:
		n = uint32(binary.BigEndian.Uint16(b))
	default:
		n = binary.BigEndian.Uint32(b)
	}
	if int64(n) > int64(len(b)-size) {
		return 0, ErrLength
	}
	return int(n), nil
}

// grownSize bounds the size of b once its lengths have 4 bytes.
func grownSize(b []byte, size int) int {
	total := 0
	for len(b) > 0 {
		n, err := nalLength(b, size)
		if err != nil {
			break
		}
		total += 4 + n
		b = b[size+n:]
	}
	return total
}

// isB reads the slice type of a slice header: first_mb_in_slice ue(v),
// slice_type ue(v) (H.264 section 7.3.3). Emulation prevention can not begin
// before these two end.
func isB(nal []byte) bool {
	var head [8]byte
	n := copy(head[:], nal[1:])
	bits := binary.BigEndian.Uint64(head[:])
	left := n * 8
	_, left, bits = expGolomb(bits, left)
	kind, left, _ := expGolomb(bits, left)
	return left >= 0 && kind%5 == 1
}

// expGolomb takes one ue(v) from the top of bits, of which left are valid; left
// becomes negative when they do not suffice.
func expGolomb(bits uint64, left int) (value uint64, rest int, tail uint64) {
	zeros := 0
	for zeros < 32 && bits>>63 == 0 {
		bits <<= 1
		zeros++
	}
	width := zeros + 1
	if left -= zeros + width; left < 0 || zeros == 32 {
		return 0, -1, 0
	}
	return bits>>(64-width) - 1, left, bits << width
}
