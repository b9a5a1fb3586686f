package h265

import "github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

// NAL unit types (table 7-1).
const (
	TypeBLA = 16 // first of those that decoding can start at
	TypeIRR = 23 // last of them
	TypeVPS = 32
	TypeSPS = 33
	TypePPS = 34
)

// HeaderSize is the size of a NAL unit's header in bytes.
const HeaderSize = 2

// Type returns nal_unit_type; false for what is no NAL unit.
func Type(nal []byte) (byte, bool) {
	if len(nal) < HeaderSize || nal[1]&7 == 0 { // nuh_temporal_id_plus1
		return 0, false
	}
	return nal[0] >> 1 & 0x3f, true
}

// IsSlice says that a unit of the type is a part of a picture.
func IsSlice(t byte) bool { return t < TypeVPS }

// IsStart says that decoding can start at the picture that a unit of the type
// is a part of (IDR, CRA, BLA).
func IsStart(t byte) bool { return t >= TypeBLA && t <= TypeIRR }

// IsParam says that a unit of the type is a parameter set.
func IsParam(t byte) bool { return t >= TypeVPS && t <= TypePPS }

// maxParamSize bounds a parameter set.
const maxParamSize = 4096

const maxDimension = 16384

// Dimensions returns the size of the pictures to show, in luma samples. It is
// false for a sequence parameter set that cannot be read.
func Dimensions(sps []byte) (width, height int, ok bool) {
	if t, ok := Type(sps); !ok || t != TypeSPS || len(sps) > maxParamSize {
		return 0, 0, false
	}
	var s h265.SPS
	if err := s.Unmarshal(sps); err != nil || s.ChromaFormatIdc > 3 {
		return 0, 0, false
	}
	width, height = s.Width(), s.Height()
	if width < 1 || width > maxDimension || height < 1 || height > maxDimension {
		return 0, 0, false
	}
	return width, height, true
}
