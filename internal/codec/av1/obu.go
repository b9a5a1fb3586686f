package av1

import "github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"

// TypeSequence is the type of a sequence header (section 6.2.2).
const TypeSequence = 1

// Type returns the type of a unit; false for an empty one, and for one whose
// forbidden bit is set.
func Type(obu []byte) (byte, bool) {
	if len(obu) == 0 || obu[0]&0x80 != 0 {
		return 0, false
	}
	return obu[0] >> 3 & 15, true
}

// Types of units that begin with a frame header.
const (
	typeFrameHeader = 3
	typeFrame       = 6
)

// IsKey says of a unit whether it begins a key frame, and whether it can tell.
// It is given its header and what is behind header and size (section 5.9.2; of
// still pictures with a reduced header it does not know).
func IsKey(header byte, payload []byte) (key, tells bool) {
	if t := header >> 3 & 15; t != typeFrameHeader && t != typeFrame || len(payload) == 0 {
		return false, false
	}
	return payload[0]&0xe0 == 0, true // no show_existing_frame, frame_type is KEY_FRAME
}

// Size reads a number of bytes (leb128, section 4.10.5), and how many bytes it
// takes itself. It is false when it is cut off, or beyond 32 bits.
func Size(b []byte) (size, n int, ok bool) {
	for i := 0; i < len(b) && i < 5; i++ {
		size |= int(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return size, i + 1, size < 1<<32
		}
	}
	return 0, 0, false
}

const maxDimension = 1 << 16

// Dimensions returns the largest size of pictures, in samples, that a sequence
// header allows. It is false for one that cannot be read.
func Dimensions(obu []byte) (width, height int, ok bool) {
	if t, ok := Type(obu); !ok || t != TypeSequence || obu[0]&4 != 0 { // an extension is for layers
		return 0, 0, false
	}
	var h av1.SequenceHeader
	if err := h.Unmarshal(obu); err != nil {
		return 0, 0, false
	}
	width, height = h.Width(), h.Height()
	if width < 1 || width > maxDimension || height < 1 || height > maxDimension {
		return 0, 0, false
	}
	return width, height, true
}
