package load

import "bytes"

// verify compares the pictures of a viewer with what was published, byte by byte.
type verify struct {
	on   bool
	at   int // how much of the picture's noise has come; -1: its stamp has not
	size int // of the slice, as far as it has come
}

// take takes the payload of the next packet of a picture that is whole so far. It
// is false for what was not published like that.
func (c *verify) take(payload []byte, st stamp, stampHere bool, start bool) bool {
	if start {
		c.at, c.size = -1, 0
	}
	var piece []byte
	switch {
	case len(payload) == 0:
		return false
	case stampHere:
		from := bytes.Index(payload, []byte(stampMagic))
		piece = payload[from+stampSize:]
		c.at, c.size = 0, sliceHead+stampSize
	case c.at < 0: // parameter sets
		return true
	case payload[0]&0x1f == fragment && len(payload) > 2:
		piece = payload[2:]
	default:
		return false
	}
	want := noiseOf(st, c.at+len(piece))
	if !bytes.Equal(want[c.at:], piece) {
		return false
	}
	c.at += len(piece)
	c.size += len(piece)
	return true
}

const (
	sliceHead = 2
	fragment  = 28 // FU-A, RFC 6184 section 5.8
)

// whole says whether a picture has its size.
func (c *verify) whole(st stamp) bool { return c.size == st.size }
