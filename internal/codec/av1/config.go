package av1

import (
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
)

// ErrFormat is wrapped by errors about bytes that are not as they should be.
var ErrFormat = errors.New("bad AV1 data")

// TypeDelimiter is the type of a temporal delimiter.
const TypeDelimiter = 2

// Units calls do with each unit of a temporal unit whose units have sizes
// (section 5.2), and with its bytes behind header and size too.
func Units(b []byte, do func(whole, payload []byte)) error {
	for len(b) > 0 {
		head := 1
		if b[0]&4 != 0 {
			head = 2 // extension
		}
		if b[0]&0x80 != 0 || b[0]&2 == 0 || len(b) < head {
			return fmt.Errorf("%w: unit header %#x", ErrFormat, b[0])
		}
		size, n, ok := Size(b[head:])
		if !ok || size > len(b)-head-n {
			return fmt.Errorf("%w: size of a unit", ErrFormat)
		}
		end := head + n + size
		do(b[:end:end], b[head+n:end:end])
		b = b[end:]
	}
	return nil
}

// Unsized returns a unit without its size: header and payload.
func Unsized(whole, payload []byte) []byte {
	out := append(make([]byte, 0, len(payload)+2), whole[0]&^2)
	if whole[0]&4 != 0 {
		out = append(out, whole[1])
	}
	return append(out, payload...)
}

// Unit is a temporal unit, taken apart.
type Unit struct {
	// Data is the units with their sizes, without delimiters.
	Data []byte
	// Sequence is a copy of the last sequence header, without its size; nil when
	// there is none.
	Sequence []byte
	Key      bool // decoding can start here
	Shows    bool // there is a frame in it
}

// ParseUnit reads a temporal unit whose units have sizes. Data shares no memory
// with b.
func ParseUnit(b []byte) (u Unit, err error) {
	u.Data = make([]byte, 0, len(b))
	err = Units(b, func(whole, payload []byte) {
		switch t, _ := Type(whole); t {
		case TypeDelimiter:
			return
		case TypeSequence:
			u.Sequence = Unsized(whole, payload)
		}
		if key, tells := IsKey(whole[0], payload); tells && !u.Shows {
			u.Key, u.Shows = key, true
		}
		u.Data = append(u.Data, whole...)
	})
	return u, err
}

// recordSize is that of an AV1CodecConfigurationRecord before its units (AV1
// in ISO BMFF, section 2.3.3).
const recordSize = 4

// SequenceOf returns the sequence header of a configuration record, without its
// size; nil when there is none.
func SequenceOf(record []byte) (sequence []byte) {
	if len(record) < recordSize || record[0] != 0x81 {
		return nil
	}
	_ = Units(record[recordSize:], func(whole, payload []byte) {
		if t, ok := Type(whole); ok && t == TypeSequence && sequence == nil {
			sequence = Unsized(whole, payload)
		}
	})
	return sequence
}

// BuildConfig writes a configuration record of a sequence header without size.
func BuildConfig(sequence []byte) ([]byte, error) {
	var h av1.SequenceHeader
	if t, ok := Type(sequence); !ok || t != TypeSequence || sequence[0]&6 != 0 || h.Unmarshal(sequence) != nil {
		return nil, fmt.Errorf("%w: sequence header", ErrFormat)
	}
	bit := func(on bool, at int) byte {
		if on {
			return 1 << at
		}
		return 0
	}
	level, tier := byte(0), false
	if len(h.SeqLevelIdx) > 0 {
		level = h.SeqLevelIdx[0]
	}
	if len(h.SeqTier) > 0 {
		tier = h.SeqTier[0]
	}
	c := h.ColorConfig
	b := []byte{0x81, h.SeqProfile<<5 | level&31,
		bit(tier, 7) | bit(c.BitDepth > 8, 6) | bit(c.BitDepth > 10, 5) | bit(c.MonoChrome, 4) |
			bit(c.SubsamplingX, 3) | bit(c.SubsamplingY, 2) | byte(c.ChromaSamplePosition)&3, 0}
	return append(b, Sized(sequence)...), nil
}

// Sized returns a unit with its size.
func Sized(unit []byte) []byte {
	head := 1
	if unit[0]&4 != 0 && len(unit) > 1 {
		head = 2
	}
	out := append(make([]byte, 0, len(unit)+5), unit[:head]...)
	out[0] |= 2
	for n := len(unit) - head; ; n >>= 7 {
		if n < 0x80 {
			out = append(out, byte(n))
			break
		}
		out = append(out, byte(n)|0x80)
	}
	return append(out, unit[head:]...)
}
