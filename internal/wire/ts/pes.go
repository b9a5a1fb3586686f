package ts

import (
	"millrace/internal/media"
)

// maxUnit bounds what is collected of one PES unit, in bytes. A key frame of
// 200 Mbit/s fits.
const maxUnit = 8 << 20

// Clock is the rate of timestamps, in Hz.
const Clock = 90000

// pes is one PID's units being put together (ISO 13818-1 section 2.4.3.6).
type pes struct {
	// done receives each complete unit, which is valid during the call; lose is
	// called where something is missing, before what comes behind it.
	done func(unit []byte)
	lose func()

	b       []byte
	open    bool
	want    int // size of the whole unit; 0: not said
	counter int // of the last packet; -1: none yet
	// A unit of no stated size is taken to end with a packet that stuffing fills
	// up: else a picture would be known to be complete only when the next one
	// begins. early says that the last one ended so, and lazy that one did that
	// went on.
	early, lazy bool
}

func (s *pes) push(p packet) {
	if p.payload == nil {
		return // and the counter stands still
	}
	if s.counter >= 0 && !p.broken {
		if int(p.counter) == s.counter {
			return // sent twice (section 2.4.3.3)
		}
		if int(p.counter) != (s.counter+1)&0xf {
			s.giveUp()
		}
	}
	s.counter = int(p.counter)
	if p.damaged {
		s.giveUp()
		return
	}
	if p.start {
		s.begin()
	}
	if !s.open {
		if s.early { // so that was no end
			s.lazy = true
			s.giveUp()
		}
		return
	}
	if len(s.b)+len(p.payload) > maxUnit {
		s.giveUp()
		return
	}
	s.b = append(s.b, p.payload...)
	if s.want == 0 && len(s.b) >= 6 {
		if n := int(s.b[4])<<8 | int(s.b[5]); n > 0 {
			s.want = 6 + n
		}
	}
	switch {
	case s.want > 0 && len(s.b) >= s.want:
		s.open = false
		s.done(s.b[:s.want])
	case s.want == 0 && p.stuffed && !s.lazy:
		s.open, s.early = false, true
		s.done(s.b)
	}
}

// giveUp drops what is open.
func (s *pes) giveUp() {
	s.open, s.early = false, false
	s.lose()
}

// begin ends the unit before this one.
func (s *pes) begin() {
	if s.open && s.want > 0 { // cut off
		s.giveUp()
	}
	s.flush()
	s.b, s.open, s.early, s.want = s.b[:0], true, false, 0
}

// flush gives away a unit of no stated size that nothing else ends.
func (s *pes) flush() {
	if s.open && s.want == 0 {
		s.done(s.b)
	}
	s.open = false
}

// stamped is a PES unit's header and payload.
type stamped struct {
	pts, dts int64 // in ticks, 33 bits
	body     []byte
}

// parsePES reads a unit. It is false where there is no PTS: nothing says when
// to show it.
func parsePES(b []byte) (u stamped, ok bool) {
	if len(b) < 9 || b[0] != 0 || b[1] != 0 || b[2] != 1 || b[6]&0xc0 != 0x80 {
		return u, false
	}
	head := 9 + int(b[8])
	if head > len(b) {
		return u, false
	}
	switch b[7] >> 6 {
	case 2:
		if head < 14 {
			return u, false
		}
		u.pts = parseStamp(b[9:])
		u.dts = u.pts
	case 3:
		if head < 19 {
			return u, false
		}
		u.pts, u.dts = parseStamp(b[9:]), parseStamp(b[14:])
	default:
		return u, false
	}
	u.body = b[head:]
	return u, true
}

func parseStamp(b []byte) int64 {
	return int64(b[0]>>1&7)<<30 | int64(b[1])<<22 | int64(b[2]>>1)<<15 | int64(b[3])<<7 | int64(b[4]>>1)
}

// stampBits is the width of a timestamp.
const stampBits = 33

func toTime(ticks int64) media.Time { return media.FromUnits(ticks, Clock) }
