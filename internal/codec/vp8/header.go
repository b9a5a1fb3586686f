package vp8

// Header is what a frame begins with.
type Header struct {
	// Key says that the frame needs no other one.
	Key bool
	// Shown says that the frame is for showing, not only for reference.
	Shown bool
	// Width and Height are those of a key frame in samples, before scaling;
	// 0 for other frames, and where the header is cut off.
	Width, Height int
}

const (
	tagSize = 3
	keySize = 10
)

// ParseHeader reads the start of a frame, which may be cut off behind its
// first three bytes. It is false for what is no VP8 frame.
func ParseHeader(b []byte) (h Header, ok bool) {
	if len(b) < tagSize || b[0]>>1&7 > 3 { // versions 0 to 3
		return Header{}, false
	}
	h = Header{Key: b[0]&1 == 0, Shown: b[0]&0x10 != 0}
	if !h.Key || len(b) < keySize {
		return h, true
	}
	if b[3] != 0x9d || b[4] != 0x01 || b[5] != 0x2a {
		return Header{}, false
	}
	// The two bits above each size ask for upscaling.
	h.Width = int(b[6]) | int(b[7]&0x3f)<<8
	h.Height = int(b[8]) | int(b[9]&0x3f)<<8
	if h.Width == 0 || h.Height == 0 {
		return Header{}, false
	}
	return h, true
}
