package vp9

import "github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"

// Config is what a VPCodecConfigurationRecord tells (VP Codec ISO Media File
// Format Binding, section "VP Codec Configuration Box").
type Config struct {
	Profile, Level, BitDepth uint8
	// Chroma is chromaSubsampling: 0 and 1 are 4:2:0, 2 is 4:2:2, 3 is 4:4:4.
	Chroma    uint8
	FullRange bool
}

// recordSize is that of a record with version and flags.
const recordSize = 12

// plain is what nearly all streams are, of which nobody has said more.
var plain = Config{Level: 31, BitDepth: 8, Chroma: 1}

// ParseConfig reads a record with version and flags. Without one, it tells of
// profile 0 and 8 bits.
func ParseConfig(record []byte) Config {
	if len(record) < recordSize-4 || record[0] != 1 {
		return plain
	}
	return Config{
		Profile: record[4], Level: record[5], BitDepth: record[6] >> 4, Chroma: record[6] >> 1 & 7, FullRange: record[6]&1 != 0,
	}
}

// Record writes c with version and flags. Colours are not told.
func (c Config) Record() []byte {
	last := c.BitDepth<<4 | c.Chroma&7<<1
	if c.FullRange {
		last |= 1
	}
	return append(make([]byte, 0, recordSize), 1, 0, 0, 0, c.Profile, c.Level, last, 2, 2, 2, 0, 0)
}

// RecordOf makes a record of a key frame; nil for frames of profile 0, of which
// none is needed, and for those that cannot be read.
func RecordOf(frame []byte) []byte {
	var h vp9.Header
	if len(frame) < keySize || h.Unmarshal(frame) != nil || h.ColorConfig == nil || h.Profile == 0 {
		return nil
	}
	c := Config{Profile: h.Profile, Level: plain.Level, BitDepth: h.ColorConfig.BitDepth, Chroma: 3, FullRange: h.ColorConfig.ColorRange}
	switch x, y := h.ColorConfig.SubsamplingX, h.ColorConfig.SubsamplingY; {
	case x && y:
		c.Chroma = plain.Chroma
	case x:
		c.Chroma = 2
	}
	return c.Record()
}
