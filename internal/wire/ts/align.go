package ts

import (
	"bufio"
	"io"
)

// aligner cuts bytes into packets, and finds their beginnings again after
// garbage.
type aligner struct {
	in      *bufio.Reader
	skipped int // bytes of garbage since the last packet
}

// window is how far the aligner looks for the next packet, in bytes.
const window = 64 * PacketSize

func newAligner(r io.Reader) *aligner { return &aligner{in: bufio.NewReaderSize(r, window)} }

// next returns the next packet, which is valid until the next call.
func (a *aligner) next() ([]byte, error) {
	a.skipped = 0
	for {
		b, err := a.in.Peek(PacketSize)
		if err != nil {
			return nil, err
		}
		if b[0] == syncByte {
			_, err = a.in.Discard(PacketSize)
			return b, err
		}
		if err := a.skip(); err != nil {
			return nil, err
		}
	}
}

// skip goes to the next sync byte that another one follows, a packet later, or
// that is too close to the end of what has come to tell.
func (a *aligner) skip() error {
	held, err := a.in.Peek(a.in.Buffered())
	if err != nil {
		return err
	}
	n := 1
	for ; n < len(held); n++ {
		if held[n] == syncByte && (n+PacketSize >= len(held) || held[n+PacketSize] == syncByte) {
			break
		}
	}
	a.skipped += n
	_, err = a.in.Discard(n)
	return err
}
