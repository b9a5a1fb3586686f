package rtp

import (
	"encoding/binary"

	"millrace/internal/media"
)

// NAL unit types of RFC 6184 section 5.2.
const (
	nalSTAPA = 24
	nalFUA   = 28
)

// h264Cutter cuts H264 access units in packetization mode 1. Small NAL units
// share a STAP-A; a large one becomes FU-As of equal size (but the last), so
// that a run of them can leave in one segmented send.
type h264Cutter struct {
	out     []media.Packet
	buf     []byte   // payload memory of the current frame
	pending [][]byte // small NAL units that wait for company
	waiting int      // their size as a STAP-A
}

// cut returns the packets of f, which only the caller refers to afterwards.
func (c *h264Cutter) cut(f *media.Frame, size int) []media.Packet {
	room := len(f.Data) + 64
	for _, p := range f.Track.Params {
		room += len(p) + 3
	}
	c.buf = make([]byte, 0, room+(len(f.Data)/(size-2)+1)*2)
	c.out = make([]media.Packet, 0, len(f.Data)/(size-2)+3)
	if f.Key {
		for _, p := range f.Track.Params {
			if len(p) > 0 {
				c.add(p, size)
			}
		}
	}
	for data := f.Data; len(data) >= 4; {
		n := int(binary.BigEndian.Uint32(data))
		if n > len(data)-4 {
			break // the ingest room validates lengths; never read past the end
		}
		if nal := data[4 : 4+n]; n > 0 {
			c.add(nal, size)
		}
		data = data[4+n:]
	}
	c.flush()
	out := c.out
	c.out, c.buf = nil, nil
	return out
}

// add takes one NAL unit. Types that RFC 6184 gives a meaning of its own, or
// none, cannot travel: a receiver would read them as aggregates or fragments.
func (c *h264Cutter) add(nal []byte, size int) {
	if t := nal[0] & 0x1F; t == 0 || t >= nalSTAPA {
		return
	}
	if c.waiting > 0 && c.waiting+2+len(nal) > size {
		c.flush()
	}
	if len(nal) > size {
		c.fragment(nal, size)
		return
	}
	if c.waiting == 0 {
		c.waiting = 1
	}
	c.pending = append(c.pending, nal)
	c.waiting += 2 + len(nal)
	if c.waiting > size {
		c.flush()
	}
}

// flush emits what waits: alone as a single NAL unit packet, together as STAP-A.
func (c *h264Cutter) flush() {
	switch len(c.pending) {
	case 0:
	case 1:
		c.emit(func(b []byte) []byte { return append(b, c.pending[0]...) })
	default:
		c.emit(func(b []byte) []byte {
			at := len(b)
			b = append(b, nalSTAPA)
			for _, nal := range c.pending {
				// F is the OR and NRI the maximum of the aggregated (section 5.7.1).
				b[at] |= nal[0] & 0x80
				if nri := nal[0] & 0x60; nri > b[at]&0x60 {
					b[at] = b[at]&^0x60 | nri
				}
				b = binary.BigEndian.AppendUint16(b, uint16(len(nal)))
				b = append(b, nal...)
			}
			return b
		})
	}
	c.pending, c.waiting = c.pending[:0], 0
}

// fragment emits one NAL unit as FU-As (section 5.8).
func (c *h264Cutter) fragment(nal []byte, size int) {
	indicator, header := nal[0]&0xE0|nalFUA, nal[0]&0x1F
	body := nal[1:]
	count := (len(body) + size - 3) / (size - 2)
	piece := (len(body) + count - 1) / count
	for first := true; len(body) > 0; first = false {
		n := min(piece, len(body))
		fu := header
		if first {
			fu |= 0x80
		}
		if n == len(body) {
			fu |= 0x40
		}
		c.emit(func(b []byte) []byte { return append(append(b, indicator, fu), body[:n]...) })
		body = body[n:]
	}
}

// emit appends one payload, written by fill, as a packet.
func (c *h264Cutter) emit(fill func([]byte) []byte) {
	at := len(c.buf)
	c.buf = fill(c.buf)
	c.out = append(c.out, media.Packet{Payload: c.buf[at:len(c.buf):len(c.buf)]})
}
