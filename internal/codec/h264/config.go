package h264

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Config is an AVCDecoderConfigurationRecord ("avcC", ISO 14496-15 section
// 5.3.3.1): what RTMP, FLV and MP4 send before the first picture.
type Config struct {
	// LengthSize is the number of bytes of a NAL unit's length: 1, 2 or 4.
	LengthSize int
	// SPS and PPS are NAL units.
	SPS, PPS [][]byte
}

// ErrConfig says that an avcC can not be read or made.
var ErrConfig = errors.New("bad avcC")

// Params returns the parameter sets, SPS first.
func (c Config) Params() [][]byte {
	out := make([][]byte, 0, len(c.SPS)+len(c.PPS))
	return append(append(out, c.SPS...), c.PPS...)
}

// ParseConfig reads an avcC. The parameter sets alias b. A record without any
// SPS is an error; one without PPS is not, since they may come in band.
func ParseConfig(b []byte) (Config, error) {
	if len(b) < 6 || b[0] != 1 {
		return Config{}, fmt.Errorf("%w: no version 1 record", ErrConfig)
	}
	c := Config{LengthSize: int(b[4]&3) + 1}
	if c.LengthSize == 3 {
		return Config{}, fmt.Errorf("%w: %w", ErrConfig, ErrLengthSize)
	}
	count, rest := int(b[5]&0x1f), b[6:]
	var err error
	if c.SPS, rest, err = takeParams(rest, count, TypeSPS); err != nil {
		return Config{}, err
	}
	if len(c.SPS) == 0 {
		return Config{}, fmt.Errorf("%w: no SPS", ErrConfig)
	}
	if len(rest) == 0 {
		return c, nil
	}
	if c.PPS, _, err = takeParams(rest[1:], int(rest[0]), TypePPS); err != nil {
		return Config{}, err
	}
	return c, nil
}

func takeParams(b []byte, count int, kind byte) (sets [][]byte, rest []byte, err error) {
	for range count {
		if len(b) < 2 {
			return nil, nil, fmt.Errorf("%w: cut off", ErrConfig)
		}
		n := int(binary.BigEndian.Uint16(b))
		b = b[2:]
		if n > len(b) || n > maxParamSize {
			return nil, nil, fmt.Errorf("%w: parameter set of %d bytes", ErrConfig, n)
		}
		if nal := b[:n:n]; Type(nal) == kind {
			sets = append(sets, nal)
		}
		b = b[n:]
	}
	return sets, b, nil
}

// BuildConfig makes an avcC with 4-byte lengths out of parameter sets in any
// order. It needs a readable SPS and a PPS.
func BuildConfig(params [][]byte) ([]byte, error) {
	var sets [2][][]byte
	for _, p := range params {
		switch {
		case len(p) > maxParamSize:
			return nil, fmt.Errorf("%w: parameter set of %d bytes", ErrConfig, len(p))
		case Type(p) == TypeSPS:
			sets[0] = append(sets[0], p)
		case Type(p) == TypePPS:
			sets[1] = append(sets[1], p)
		}
	}
	if len(sets[0]) == 0 || len(sets[0]) > 31 || len(sets[1]) == 0 || len(sets[1]) > 255 {
		return nil, fmt.Errorf("%w: %d SPS and %d PPS", ErrConfig, len(sets[0]), len(sets[1]))
	}
	s, err := ParseSPS(sets[0][0])
	if err != nil {
		return nil, fmt.Errorf("build avcC: %w", err)
	}
	out := []byte{1, s.Profile, s.Constraints, s.Level, 0xfc | 3, 0xe0 | byte(len(sets[0]))}
	out = appendParams(out, sets[0])
	out = append(out, byte(len(sets[1])))
	out = appendParams(out, sets[1])
	switch s.Profile {
	case 66, 77, 88: // these end here
	default:
		out = append(out, 0xfc|s.ChromaFormat, 0xf8|(s.BitDepthLuma-8), 0xf8|(s.BitDepthChroma-8), 0)
	}
	return out, nil
}

func appendParams(dst []byte, sets [][]byte) []byte {
	for _, p := range sets {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(p)))
		dst = append(dst, p...)
	}
	return dst
}
