package aac

import (
	"errors"
	"fmt"
	"slices"
)

// ADTSHeaderSize is the size of a header without checksum, in bytes.
const ADTSHeaderSize = 7

const maxADTSFrame = 1<<13 - 1

// ErrADTS says that an ADTS header can not be read or made.
var ErrADTS = errors.New("bad ADTS header")

// AppendADTS appends the 7-byte header (ISO 14496-3 table 1.A.6) of one raw
// access unit of size bytes. HE-AAC is announced as its core; decoders find
// SBR and PS in the audio.
func AppendADTS(dst []byte, c Config, size int) ([]byte, error) {
	rate := slices.Index(rates[:], c.CoreRate)
	total := size + ADTSHeaderSize
	if c.ObjectType < ObjectMain || c.ObjectType > ObjectLTP || rate < 0 || size < 0 || total > maxADTSFrame ||
		c.ChannelConfig < 0 || c.ChannelConfig > 7 {
		return dst, fmt.Errorf("%w: object type %d, %d Hz, %d bytes", ErrADTS, c.ObjectType, c.CoreRate, size)
	}
	return append(dst,
		0xff, 0xf1, // sync, MPEG-4, no checksum
		byte((c.ObjectType-1)<<6|rate<<2|c.ChannelConfig>>2),
		byte(c.ChannelConfig&3<<6|total>>11),
		byte(total>>3),
		byte(total&7<<5|0x1f),
		0xfc, // buffer fullness 0x7ff (variable rate), one raw data block
	), nil
}

// ADTS is what an ADTS header says.
type ADTS struct {
	Config Config
	// HeaderSize and FrameSize are in bytes; FrameSize includes the header.
	HeaderSize, FrameSize int
	// Blocks is the number of raw data blocks, 1 to 4.
	Blocks int
}

// ParseADTS reads the header at the start of b. b need not hold the whole frame.
func ParseADTS(b []byte) (ADTS, error) {
	if len(b) < ADTSHeaderSize || b[0] != 0xff || b[1]&0xf6 != 0xf0 {
		return ADTS{}, fmt.Errorf("%w: no sync word", ErrADTS)
	}
	rate := int(b[2] >> 2 & 15)
	if rate >= len(rates) {
		return ADTS{}, fmt.Errorf("%w: rate index %d", ErrADTS, rate)
	}
	h := ADTS{
		HeaderSize: ADTSHeaderSize,
		FrameSize:  int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5]>>5),
		Blocks:     int(b[6]&3) + 1,
	}
	if b[1]&1 == 0 {
		h.HeaderSize += 2 // checksum
	}
	if h.FrameSize < h.HeaderSize {
		return ADTS{}, fmt.Errorf("%w: frame of %d bytes", ErrADTS, h.FrameSize)
	}
	h.Config = Config{
		ObjectType: int(b[2]>>6) + 1, CoreRate: rates[rate], OutputRate: rates[rate],
		ChannelConfig: int(b[2]&1)<<2 | int(b[3]>>6), Samples: 1024,
	}
	h.Config.Channels = channelCounts[h.Config.ChannelConfig]
	return h, nil
}
