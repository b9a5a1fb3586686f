package ts

import (
	"bytes"
	"encoding/binary"
	"slices"

	"millrace/internal/media"
)

// Tables and what is in them (ISO 13818-1 section 2.4.4).
const (
	tablePAT = 0
	tablePMT = 2
	// maxSection bounds a section of these tables, its first three bytes included.
	maxSection = 1024
)

// section collects the bytes of one table. Tables of several sections are not
// known: none that names a live stream needs them.
type section struct {
	b       []byte
	open    bool
	counter byte
	last    []byte // as it was taken
}

// push takes a packet and returns the table that it completes, if it differs
// from the one before. The table stays valid.
func (s *section) push(p packet, id byte) (table []byte, ok bool) {
	body := p.payload
	switch {
	case p.start:
		if len(body) == 0 || int(body[0]) >= len(body) {
			s.open = false
			return nil, false
		}
		s.b, s.open = append(s.b[:0], body[1+int(body[0]):]...), true
	case !s.open || p.counter != (s.counter+1)&0xf:
		s.open = false
		return nil, false
	default:
		s.b = append(s.b, body...)
	}
	s.counter = p.counter
	if len(s.b) < 3 {
		return nil, false
	}
	size := 3 + int(binary.BigEndian.Uint16(s.b[1:])&0xfff)
	if size > maxSection {
		s.open = false
		return nil, false
	}
	if len(s.b) < size {
		return nil, false
	}
	s.open = false
	table = s.b[:size]
	// Behind the header of 8 bytes there is a CRC at least; next, not current,
	// tables are passed over.
	if table[0] != id || size < 12 || table[5]&1 == 0 || crc(table) != 0 || bytes.Equal(table, s.last) {
		return nil, false
	}
	s.last = slices.Clone(table)
	return s.last, true
}

// crc is that of annex A; 0 over a table with its own behind it.
func crc(b []byte) uint32 {
	sum := ^uint32(0)
	for _, c := range b {
		sum ^= uint32(c) << 24
		for range 8 {
			if sum>>31 != 0 {
				sum = sum<<1 ^ 0x04c11db7
			} else {
				sum <<= 1
			}
		}
	}
	return sum
}

// parsePAT returns the PID of the first program's PMT.
func parsePAT(table []byte) (pid uint16, ok bool) {
	for b := table[8 : len(table)-4]; len(b) >= 4; b = b[4:] {
		if binary.BigEndian.Uint16(b) != 0 { // 0 is the network's own
			return binary.BigEndian.Uint16(b[2:]) & 0x1fff, true
		}
	}
	return 0, false
}

// elementary is what a PMT says about one PID.
type elementary struct {
	pid      uint16
	kind     media.Kind
	codec    media.Codec // 0: not carried
	name     string      // of a codec that is not carried; "": neither sound nor picture
	latm     bool
	channels int // of Opus; 0: not said
}

// parsePMT returns what the program consists of.
func parsePMT(table []byte) (all []elementary) {
	b := table[8 : len(table)-4]
	if len(b) < 4 {
		return nil
	}
	skip := 4 + int(binary.BigEndian.Uint16(b[2:])&0xfff)
	if skip > len(b) {
		return nil
	}
	for b = b[skip:]; len(b) >= 5; {
		size := int(binary.BigEndian.Uint16(b[3:]) & 0xfff)
		if 5+size > len(b) {
			return all
		}
		e := describe(b[0], b[5:5+size])
		e.pid = binary.BigEndian.Uint16(b[1:]) & 0x1fff
		all = append(all, e)
		b = b[5+size:]
	}
	return all
}

// describe says what a stream type means (table 2-34, and what is in use).
func describe(streamType byte, descriptors []byte) elementary {
	video := func(c media.Codec, name string) elementary {
		return elementary{kind: media.Video, codec: c, name: name}
	}
	audio := func(c media.Codec, name string) elementary {
		return elementary{kind: media.Audio, codec: c, name: name}
	}
	switch streamType {
	case 0x1b:
		return video(media.H264, "")
	case 0x24:
		return video(media.H265, "")
	case 0x01, 0x02:
		return video(0, "MPEG-2")
	case 0x10:
		return video(0, "MPEG-4 part 2")
	case 0x33:
		return video(0, "VVC")
	case 0xea:
		return video(0, "VC-1")
	case 0x0f:
		return audio(media.AAC, "")
	case 0x11:
		e := audio(media.AAC, "")
		e.latm = true
		return e
	case 0x03, 0x04:
		return audio(0, "MP3 or MP2")
	case 0x81, 0x87:
		return audio(0, "AC-3")
	case 0x06:
		return describePrivate(descriptors)
	}
	return elementary{}
}

// Descriptors of private streams.
const (
	tagRegistration = 0x05
	tagAC3          = 0x6a
	tagEAC3         = 0x7a
	tagExtension    = 0x7f
	tagOpus         = 0x80 // within an extension
)

// describePrivate looks into the descriptors of private data.
func describePrivate(b []byte) elementary {
	e := elementary{kind: media.Audio}
	for len(b) >= 2 && 2+int(b[1]) <= len(b) {
		tag, body := b[0], b[2:2+int(b[1])]
		b = b[2+len(body):]
		switch {
		case tag == tagRegistration && bytes.HasPrefix(body, []byte("Opus")):
			e.codec = media.Opus
		case tag == tagRegistration && bytes.HasPrefix(body, []byte("AV01")):
			e.kind, e.name = media.Video, "AV1"
		case tag == tagAC3, tag == tagEAC3, tag == tagRegistration && bytes.HasPrefix(body, []byte("AC-3")):
			e.name = "AC-3"
		case tag == tagExtension && len(body) >= 2 && body[0] == tagOpus:
			e.channels = int(body[1])
		}
	}
	return e
}
