package load

import "encoding/binary"

// lane follows the video of a viewer whose packets come in order: it counts gaps
// and finds whole access units by their first packet's stamp and the last one's
// marker. Few packets are decrypted: those that may hold a stamp.
type lane struct {
	next    int32 // expected sequence number; -1 before the first packet
	time    uint32
	started bool // the packet before was the last one of an access unit
	whole   bool // nothing is missing of this access unit so far
	tries   int  // packets of it that may yet hold the stamp
	stamped bool
	stamp   stamp
	verify  verify
}

// stampTries is how many packets of an access unit may precede the slice:
// parameter sets, a delimiter, what else an encoder writes.
const stampTries = 4

// header is what an RTP header tells.
type header struct {
	seq    uint16
	time   uint32
	ssrc   uint32
	marker bool
	pt     byte
}

// parseHeader reads the fixed part of at least 12 bytes.
func parseHeader(b []byte) header {
	return header{
		seq: binary.BigEndian.Uint16(b[2:]), time: binary.BigEndian.Uint32(b[4:]), ssrc: binary.BigEndian.Uint32(b[8:]),
		marker: b[1]&0x80 != 0, pt: b[1] & 0x7f,
	}
}

// take takes the next packet. open returns its payload, decrypted.
func (l *lane) take(h header, at int64, s *seen, open func() ([]byte, bool)) {
	gap := int16(0)
	if l.next >= 0 {
		gap = int16(h.seq - uint16(l.next))
	}
	if gap < 0 {
		s.late.Add(1)
		return
	}
	if gap > 0 {
		s.lost.Add(uint64(gap))
	}
	start := l.next < 0 || h.time != l.time
	if start {
		l.whole, l.stamped, l.tries = gap == 0 && (l.next < 0 || l.started), false, stampTries
		l.time = h.time
	} else if gap > 0 {
		l.whole = false
	}
	l.next = int32(h.seq + 1)
	if l.verify.on || l.whole && !l.stamped && l.tries > 0 {
		l.look(s, open, start)
	}
	if l.started = h.marker; !h.marker || !l.whole || !l.stamped {
		return
	}
	if l.verify.on && !l.verify.whole(l.stamp) {
		s.wrong.Add(1)
		return
	}
	s.frame(l.stamp, at)
}

// look looks for the stamp in a packet, and at all of it if it is to be verified.
func (l *lane) look(s *seen, open func() ([]byte, bool), start bool) {
	l.tries--
	payload, ok := open()
	if !ok || !l.whole {
		return
	}
	here := false
	if !l.stamped && l.tries >= 0 {
		if st, _, ok := findStamp(payload); ok {
			l.stamp, l.stamped, here = st, true, true
		}
	}
	if l.verify.on && !l.verify.take(payload, l.stamp, here, start) {
		l.whole = false
		s.wrong.Add(1)
	}
}
