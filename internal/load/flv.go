package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
)

const (
	flvFileHead = 9 + 4
	flvTagHead  = 11
	flvTagTail  = 4
	flvMostBody = 8 << 20
	flvVideo    = 9
)

// flvSkim takes FLV as it comes and looks into no more of a tag than the stamp.
// A tag counts as a packet.
type flvSkim struct {
	begun bool   // the head of the file is behind it
	tag   []byte // the first bytes of the one that is coming
	rest  int    // bytes to pass over
}

// write takes what came at a moment.
func (f *flvSkim) write(s *seen, b []byte, at int64) error {
	if !f.begun {
		f.begun, f.rest, f.tag = true, flvFileHead, make([]byte, 0, flvTagHead+stampWithin+stampSize)
	}
	for len(b) > 0 {
		if f.rest > 0 {
			n := min(f.rest, len(b))
			b = b[n:]
			if f.rest -= n; f.rest == 0 && len(f.tag) > 0 {
				f.end(s, at)
			}
			continue
		}
		want, size := flvTagHead, 0
		if len(f.tag) >= flvTagHead {
			if size = f.size(); size > flvMostBody {
				return fmt.Errorf("FLV tag of %d bytes", size)
			}
			want += min(size, stampWithin+stampSize)
		}
		n := min(want-len(f.tag), len(b))
		f.tag, b = append(f.tag, b[:n]...), b[n:]
		if size = f.size(); len(f.tag) >= flvTagHead && len(f.tag) == flvTagHead+min(size, stampWithin+stampSize) {
			f.rest = flvTagHead + size + flvTagTail - len(f.tag)
		}
	}
	return nil
}

// size is that of the tag's body, once its head is there.
func (f *flvSkim) size() int {
	if len(f.tag) < flvTagHead {
		return 0
	}
	return int(binary.BigEndian.Uint32(f.tag) & 0xffffff)
}

// end counts a tag that is complete.
func (f *flvSkim) end(s *seen, at int64) {
	s.packet(flvTagHead+f.size()+flvTagTail, at)
	if f.tag[0] == flvVideo {
		if st, _, ok := findStamp(f.tag[flvTagHead:]); ok {
			s.frame(st, at)
		}
	}
	f.tag = f.tag[:0]
}

// maxChunkLine bounds the line before a chunk.
const maxChunkLine = 256

// chunks undoes the chunked transfer coding (RFC 9112 section 7.1) as it comes.
type chunks struct {
	on   bool // there is one
	left int  // bytes of the chunk that is coming
	line []byte
}

// next returns the data at the beginning of b, and what is behind it. It fails
// with io.EOF at the last chunk.
func (c *chunks) next(b []byte) (data, rest []byte, err error) {
	if !c.on {
		return b, nil, nil
	}
	for len(b) > 0 {
		if c.left > 0 {
			n := min(c.left, len(b))
			c.left -= n
			return b[:n], b[n:], nil
		}
		n := bytes.IndexByte(b, '\n') + 1
		ends := n > 0
		if !ends {
			n = len(b)
		}
		if c.line, b = append(c.line, b[:n]...), b[n:]; len(c.line) > maxChunkLine {
			return nil, nil, errors.New("the line of a chunk is too long")
		}
		if !ends {
			continue
		}
		line, _, _ := bytes.Cut(bytes.TrimSpace(c.line), []byte(";"))
		c.line = c.line[:0]
		if len(line) == 0 {
			continue // the end of the chunk before
		}
		size, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil {
			return nil, nil, fmt.Errorf("read chunk: %w", err)
		}
		if size == 0 {
			return nil, nil, io.EOF
		}
		c.left = int(size)
	}
	return nil, nil, nil
}
