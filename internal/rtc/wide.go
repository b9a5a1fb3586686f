package rtc

import "encoding/binary"

// wideFeedback reads one transport-wide feedback packet
// (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1) in place,
// number by number.
type wideFeedback struct {
	first     uint16 // number of the first packet told of
	count     int    // packets told of
	reference uint32 // 24 bits of 64 ms
	chunks    []byte // statuses that are to be read yet
	deltas    []byte
	told      int    // packets read
	symbols   uint16 // of the chunk that is being read, the next one on top
	left      int    // symbols in it
	bits      int    // per symbol; 0: all are the top one
	at        int64  // µs since the reference
}

// Where a packet stands.
const (
	wideLost  = 0
	wideSmall = 1 // came, with a delta of one byte
	wideLarge = 2 // came, with a delta of two
)

const (
	wideHeader   = 20
	wideTick     = 250 // µs per unit of a delta
	wideMost     = 4096
	rtcpWide     = 205 // RTPFB
	rtcpWideKind = 15
)

// isWide says whether an RTCP packet is a transport-wide feedback.
func isWide(b []byte) bool { return len(b) >= 4 && b[1] == rtcpWide && b[0]&0x1f == rtcpWideKind }

// open begins with b, which is one RTCP packet. It reports false for one that
// cannot be read, or tells of more packets than are ever under way.
func (f *wideFeedback) open(b []byte) bool {
	if !isWide(b) || len(b) < wideHeader+2 {
		return false
	}
	*f = wideFeedback{
		first: binary.BigEndian.Uint16(b[12:]), count: int(binary.BigEndian.Uint16(b[14:])),
		reference: uint32(b[16])<<16 | uint32(b[17])<<8 | uint32(b[18]),
	}
	if f.count == 0 || f.count > wideMost {
		return false
	}
	covered, at := 0, wideHeader
	for covered < f.count {
		if at+2 > len(b) {
			return false
		}
		switch c := binary.BigEndian.Uint16(b[at:]); {
		case c&0x8000 == 0:
			covered += int(c & 0x1fff)
		case c&0x4000 == 0:
			covered += 14
		default:
			covered += 7
		}
		at += 2
	}
	f.chunks, f.deltas = b[wideHeader:at], b[at:]
	return true
}

// next returns the next packet's number, whether it came, and when: µs since
// the reference time. more is false behind the last one.
func (f *wideFeedback) next() (number uint16, at int64, came, more bool) {
	if f.told >= f.count {
		return 0, 0, false, false
	}
	for f.left == 0 {
		if len(f.chunks) < 2 {
			return 0, 0, false, false
		}
		c := binary.BigEndian.Uint16(f.chunks)
		f.chunks = f.chunks[2:]
		switch {
		case c&0x8000 == 0:
			f.symbols, f.left, f.bits = c<<1, int(c&0x1fff), 0
		case c&0x4000 == 0:
			f.symbols, f.left, f.bits = c<<2, 14, 1
		default:
			f.symbols, f.left, f.bits = c<<2, 7, 2
		}
	}
	symbol := f.symbols >> 14
	if f.bits == 1 {
		symbol = f.symbols >> 15
	}
	f.symbols <<= f.bits
	f.left--
	number = f.first + uint16(f.told)
	f.told++
	switch {
	case symbol == wideSmall && len(f.deltas) >= 1:
		f.at += int64(f.deltas[0]) * wideTick
		f.deltas = f.deltas[1:]
		return number, f.at, true, true
	case symbol == wideLarge && len(f.deltas) >= 2:
		f.at += int64(int16(binary.BigEndian.Uint16(f.deltas))) * wideTick
		f.deltas = f.deltas[2:]
		return number, f.at, true, true
	case symbol == wideSmall || symbol == wideLarge:
		return 0, 0, false, false // cut short
	}
	return number, f.at, false, true
}
