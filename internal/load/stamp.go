package load

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// stamp is what a publisher writes into each access unit, behind the slice
// header, where every server carries it along. All its bytes are above 0x80, so
// that none of it is ever escaped.
type stamp struct {
	at     int64  // Unix ns, when the access unit was handed to the transport
	number uint32 // of the access unit, from 0
	stream uint32 // tells the publishers apart
	size   int    // of the slice NAL unit in bytes, or of the Opus packet
	key    bool
}

const (
	stampMagic = "\xd3\xe1\xcd\xf2"
	stampSize  = len(stampMagic) + 10 + 5 + 5 + 4 + 1 + 5
	// stampWithin is where the magic is looked for: FLV and RTP put parameter
	// sets and headers before the slice.
	stampWithin = 192
)

// appendStamp appends s in stampSize bytes.
func appendStamp(b []byte, s stamp) []byte {
	from := len(b)
	b = append(b, stampMagic...)
	b = appendSevens(b, uint64(s.at), 10)
	b = appendSevens(b, uint64(s.number), 5)
	b = appendSevens(b, uint64(s.stream), 5)
	b = appendSevens(b, uint64(s.size), 4)
	key := uint64(0)
	if s.key {
		key = 1
	}
	b = appendSevens(b, key, 1)
	return appendSevens(b, uint64(crc32.ChecksumIEEE(b[from:])), 5)
}

// appendSevens appends the low 7*n bits of x, seven to a byte.
func appendSevens(b []byte, x uint64, n int) []byte {
	for i := range n {
		b = append(b, 0x80|byte(x>>(7*(n-1-i))))
	}
	return b
}

// findStamp looks for a stamp near the start of b, and returns what is behind it.
func findStamp(b []byte) (s stamp, rest []byte, ok bool) {
	near := b[:min(len(b), stampWithin)]
	from := bytes.Index(near, []byte(stampMagic))
	if from < 0 || len(b) < from+stampSize {
		return stamp{}, nil, false
	}
	check := crc32.ChecksumIEEE(b[from : from+stampSize-5])
	r := b[from+len(stampMagic):]
	next := func(n int) (x uint64) {
		for _, c := range r[:n] {
			x = x<<7 | uint64(c&0x7f)
		}
		r = r[n:]
		return x
	}
	s = stamp{at: int64(next(10)), number: uint32(next(5)), stream: uint32(next(5)), size: int(next(4)), key: next(1) == 1}
	return s, b[from+stampSize:], uint32(next(5)) == check
}

// streamID makes a name of a publisher out of random bytes.
func streamID(b []byte) uint32 { return binary.BigEndian.Uint32(b) }
