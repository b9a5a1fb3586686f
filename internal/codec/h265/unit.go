package h265

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// ErrFormat is wrapped by errors about bytes that are not as they should be.
var ErrFormat = errors.New("bad H265 data")

// maxSets bounds how many parameter sets of a type are kept.
const maxSets = 16

// Unit is an access unit, taken apart.
type Unit struct {
	// Data is the NAL units that are no parameter sets, delimiters or filler,
	// each behind a 4-byte length.
	Data   []byte
	Params [][]byte // copies
	Key    bool     // decoding can start here
	Slices int
}

// NAL unit types that are no part of a picture (table 7-1).
const (
	typeDelimiter = 35
	typeFiller    = 38
)

// ParseUnit reads NAL units behind lengths of lengthSize bytes, 1 to 4. Data
// shares no memory with b.
func ParseUnit(b []byte, lengthSize int) (Unit, error) {
	u := Unit{Data: make([]byte, 0, len(b)+64)}
	for len(b) > 0 {
		if len(b) < lengthSize {
			return Unit{}, fmt.Errorf("%w: cut off in a length", ErrFormat)
		}
		n := 0
		for _, x := range b[:lengthSize] {
			n = n<<8 | int(x)
		}
		if b = b[lengthSize:]; n > len(b) {
			return Unit{}, fmt.Errorf("%w: NAL unit of %d bytes in %d", ErrFormat, n, len(b))
		}
		u.add(b[:n])
		b = b[n:]
	}
	return u, nil
}

func (u *Unit) add(nal []byte) {
	t, ok := Type(nal)
	switch {
	case !ok, t >= typeDelimiter && t <= typeFiller:
		return
	case IsParam(t):
		u.Params = append(u.Params, slices.Clone(nal))
		return
	case IsSlice(t):
		u.Slices++
		u.Key = u.Key || IsStart(t)
	}
	u.Data = append(binary.BigEndian.AppendUint32(u.Data, uint32(len(nal))), nal...)
}

// MergeParams replaces the sets of each type that fresh holds, and says whether
// that changed anything. The result is in the order of types.
func MergeParams(held, fresh [][]byte) (merged [][]byte, changed bool) {
	for t := byte(TypeVPS); t <= TypePPS; t++ {
		old, sets := ofType(held, t), ofType(fresh, t)
		if len(sets) == 0 || len(sets) > maxSets || slices.EqualFunc(old, sets, bytes.Equal) {
			sets = old
		} else {
			changed = true
		}
		merged = append(merged, sets...)
	}
	return merged, changed
}

func ofType(sets [][]byte, t byte) (some [][]byte) {
	for _, p := range sets {
		if got, ok := Type(p); ok && got == t {
			some = append(some, p)
		}
	}
	return some
}

// Complete says whether there are sets of each type, as a decoder needs.
func Complete(params [][]byte) bool {
	for t := byte(TypeVPS); t <= TypePPS; t++ {
		if len(ofType(params, t)) == 0 {
			return false
		}
	}
	return true
}

// SPSOf returns the first sequence parameter set; nil when there is none.
func SPSOf(params [][]byte) []byte {
	if sets := ofType(params, TypeSPS); len(sets) > 0 {
		return sets[0]
	}
	return nil
}

const recordSize = 23 // before the arrays

// ParseConfig reads an HEVCDecoderConfigurationRecord (ISO 14496-15 section
// 8.3.3.1). The sets are copies.
func ParseConfig(b []byte) (params [][]byte, lengthSize int, err error) {
	if len(b) < recordSize {
		return nil, 0, fmt.Errorf("%w: record of %d bytes", ErrFormat, len(b))
	}
	lengthSize = int(b[21]&3) + 1
	rest := b[recordSize:]
	for range b[22] {
		if len(rest) < 3 {
			return nil, 0, fmt.Errorf("%w: record is cut off", ErrFormat)
		}
		count := int(binary.BigEndian.Uint16(rest[1:]))
		rest = rest[3:]
		for range count {
			if len(rest) < 2 || len(rest)-2 < int(binary.BigEndian.Uint16(rest)) || len(params) >= 3*maxSets {
				return nil, 0, fmt.Errorf("%w: parameter set in record", ErrFormat)
			}
			n := int(binary.BigEndian.Uint16(rest))
			if t, ok := Type(rest[2 : 2+n]); ok && IsParam(t) {
				params = append(params, slices.Clone(rest[2:2+n]))
			}
			rest = rest[2+n:]
		}
	}
	params, _ = MergeParams(nil, params)
	return params, lengthSize, nil
}

// BuildConfig writes an HEVCDecoderConfigurationRecord for lengths of 4 bytes.
func BuildConfig(params [][]byte) ([]byte, error) {
	sps := SPSOf(params)
	var s h265.SPS
	if _, _, ok := Dimensions(sps); !ok || s.Unmarshal(sps) != nil {
		return nil, fmt.Errorf("%w: no usable sequence parameter set", ErrFormat)
	}
	plain := withoutEmulation(sps)
	if len(plain) < 15 {
		return nil, fmt.Errorf("%w: short sequence parameter set", ErrFormat)
	}
	layers := plain[2] >> 1 & 7
	b := append([]byte{1}, plain[3:15]...) // profile, tier and level
	b = append(b, 0xf0, 0, 0xfc, 0xfc|byte(s.ChromaFormatIdc), 0xf8|byte(s.BitDepthLumaMinus8), 0xf8|byte(s.BitDepthChromaMinus8), 0, 0,
		(layers+1)<<3|plain[2]&1<<2|3)
	at := len(b)
	b = append(b, 0)
	for t := byte(TypeVPS); t <= TypePPS; t++ {
		sets := ofType(params, t)
		if len(sets) == 0 {
			continue
		}
		b[at]++
		b = binary.BigEndian.AppendUint16(append(b, 0x80|t), uint16(len(sets)))
		for _, p := range sets {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(p))), p...)
		}
	}
	return b, nil
}

// withoutEmulation undoes emulation prevention (section 7.3.1.1).
func withoutEmulation(nal []byte) []byte {
	out, zeros := make([]byte, 0, len(nal)), 0
	for _, x := range nal {
		if zeros >= 2 && x == 3 {
			zeros = 0
			continue
		}
		if x == 0 {
			zeros++
		} else {
			zeros = 0
		}
		out = append(out, x)
	}
	return out
}
