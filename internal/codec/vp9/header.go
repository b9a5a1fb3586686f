package vp9

import "github.com/bluenviron/mediacommon/v2/pkg/codecs/vp9"

// Header is what a frame begins with.
type Header struct {
	// Key says that the frame needs no other one, and ends all references.
	Key bool
	// Width and Height are those of a key frame in samples; 0 for other
	// frames, and where the header is cut off.
	Width, Height int
}

// keySize is the longest part of a key frame's header up to its size, in bytes.
const keySize = 10

// ParseHeader reads the start of a frame, which may be cut off behind its first
// byte. It is false for what is no VP9 frame. It allocates for key frames only.
func ParseHeader(b []byte) (Header, bool) {
	if len(b) == 0 || b[0]>>6 != 2 {
		return Header{}, false
	}
	rest := b[0] << 4 // behind frame_marker and profile
	if b[0]&0x30 == 0x30 {
		rest <<= 1 // reserved bit of profile 3
	}
	if rest&0xc0 != 0 { // show_existing_frame, frame_type
		return Header{}, true
	}
	if len(b) < keySize {
		return Header{Key: true}, true
	}
	var h vp9.Header
	if err := h.Unmarshal(b); err != nil {
		return Header{}, false
	}
	return Header{Key: true, Width: h.Width(), Height: h.Height()}, true
}
