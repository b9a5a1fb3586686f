package ts

// PacketSize is the size of a transport packet in bytes.
const PacketSize = 188

const (
	syncByte = 0x47
	pidPAT   = 0
	pidNull  = 0x1fff
)

// packet is one transport packet (ISO 13818-1 section 2.4.3.2).
type packet struct {
	pid     uint16
	start   bool // payload_unit_start_indicator
	damaged bool // transport_error_indicator
	broken  bool // discontinuity_indicator: the counter may jump
	stuffed bool // stuffing bytes fill it up: most likely the end of a unit
	counter byte // continuity_counter
	payload []byte
}

// parsePacket reads the packet in b, PacketSize bytes that begin with syncByte.
// It is false where the adaptation field is longer than the packet.
func parsePacket(b []byte) (p packet, ok bool) {
	p = packet{
		pid:     uint16(b[1]&0x1f)<<8 | uint16(b[2]),
		start:   b[1]&0x40 != 0,
		damaged: b[1]&0x80 != 0,
		counter: b[3] & 0xf,
	}
	rest := b[4:PacketSize]
	if b[3]&0x20 != 0 {
		size := int(rest[0])
		if size > len(rest)-1 {
			return p, false
		}
		p.readField(rest[1 : 1+size])
		rest = rest[1+size:]
	}
	if b[3]&0x10 != 0 {
		p.payload = rest
	}
	return p, true
}

// readField reads an adaptation field behind its length (section 2.4.3.4).
func (p *packet) readField(f []byte) {
	if len(f) == 0 {
		p.stuffed = true // the length byte itself fills the packet up
		return
	}
	flags := f[0]
	p.broken = flags&0x80 != 0
	used := 1
	for _, part := range []struct {
		flag byte
		size int
	}{{0x10, 6}, {0x08, 6}, {0x04, 1}} { // PCR, OPCR, splice countdown
		if flags&part.flag != 0 {
			used += part.size
		}
	}
	for _, flag := range []byte{0x02, 0x01} { // private data, extension: a length each
		if flags&flag != 0 && used < len(f) {
			used += 1 + int(f[used])
		}
	}
	p.stuffed = used < len(f)
}
