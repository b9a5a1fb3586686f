package load

import (
	"math"
	"slices"
)

// repair follows the video of a viewer that asks for what is missing, as
// Chromium does: at once when a gap shows, and again after each round trip,
// looked at every 20 ms, ten times at most. It tells when each access unit could
// be decoded: when all its packets were there, and those of all pictures since
// the key frame. What is missing before a key frame that is whole is waited for
// as long as players may hold pictures back.
type repair struct {
	slots   [repairSlots]slot
	highest int64     // extended sequence number; -1 before the first packet
	rows    []stretch // oldest first; the last one is open
	missing []absent
	looked  int64  // when the repeats were last looked at
	refresh int64  // when a key frame was last asked for, or the first packet came
	absent  uint64 // packets that were missing at first sight
	giveUps uint64
	asked   uint64 // sequence numbers, repeats included

	rtt int64 // ns from a request to its repeat
	// The requests go out by these.
	nack func(seqs []uint16)
	pli  func()
	// decodable is told of each picture in decode order.
	decodable func(s stamp, at int64)
}

const (
	repairSlots  = 4096
	repeatLook   = int64(20e6)
	mostRequests = 10
	mostMissing  = 1000
	refreshEvery = int64(1e9)
	// patient is how long a viewer waits for a first key frame, and from one
	// request for it to the next.
	patient = int64(200e6)
	// holds is how long a player may hold pictures back: as long as the server
	// tells it to, at most.
	holds = int64(400e6)
)

// stretch is a row of pictures that each need the one before: a group of pictures.
type stretch struct {
	cursor  int64 // the first packet of the next access unit
	end     int64 // the next stretch begins there
	ready   int64 // when the picture before could be decoded
	playing bool  // behind a key frame that could be decoded
	until   int64 // what has not come by then is not waited for
}

const open = math.MaxInt64

// slot is a packet that has come.
type slot struct {
	seq     int64
	at      int64
	time    uint32
	marker  bool
	here    bool
	stamped bool
	stamp   stamp
}

// absent is a packet that is being asked for.
type absent struct {
	seq   int64
	sent  int64
	times int
}

func newRepair(rtt int64) *repair { return &repair{highest: -1, rtt: rtt} }

func (r *repair) slot(seq int64) *slot { return &r.slots[seq&(repairSlots-1)] }

func (r *repair) has(seq int64) *slot {
	if s := r.slot(seq); s.here && s.seq == seq {
		return s
	}
	return nil
}

// take takes a packet that came at a moment, sent for the first time or again.
func (r *repair) take(h header, payload []byte, at int64) {
	seq := int64(h.seq)
	if r.highest < 0 {
		r.highest, r.refresh = seq-1, at
		r.rows = []stretch{{cursor: seq, end: open, until: open}}
	} else {
		seq = r.highest + int64(int16(h.seq-uint16(r.highest)))
	}
	if seq < r.rows[0].cursor || seq <= r.highest-repairSlots || r.has(seq) != nil {
		return
	}
	s := r.slot(seq)
	*s = slot{seq: seq, at: at, time: h.time, marker: h.marker, here: true}
	s.stamp, _, s.stamped = findStamp(payload)
	if seq > r.highest {
		r.gap(seq, at)
	} else if i := slices.IndexFunc(r.missing, func(m absent) bool { return m.seq == seq }); i >= 0 {
		r.missing = slices.Delete(r.missing, i, i+1)
	}
	r.advance(seq)
}

// gap asks for what lies between the newest packet so far and seq.
func (r *repair) gap(seq, at int64) {
	var ask []uint16
	for n := r.highest + 1; n < seq; n++ {
		r.missing = append(r.missing, absent{n, at, 1})
		ask = append(ask, uint16(n))
	}
	r.highest = seq
	r.absent += uint64(len(ask))
	if len(r.missing) > mostMissing {
		r.missing = r.missing[len(r.missing)-mostMissing:]
	}
	r.ask(ask)
}

func (r *repair) ask(seqs []uint16) {
	if len(seqs) > 0 {
		r.asked += uint64(len(seqs))
		r.nack(seqs)
	}
}

// tick repeats requests whose answer should have come.
func (r *repair) tick(now int64) {
	if now-r.looked < repeatLook {
		return
	}
	r.looked = now
	if r.highest < 0 {
		return
	}
	for now >= r.rows[0].until {
		r.leave()
	}
	if !r.rows[0].playing && now-r.refresh >= patient {
		r.refresh = now
		r.pli()
	}
	var ask []uint16
	kept := r.missing[:0]
	for _, m := range r.missing {
		if now-m.sent >= r.rtt {
			if m.times >= mostRequests {
				r.giveUps++
				r.want(now)
				continue
			}
			m.sent, m.times = now, m.times+1
			ask = append(ask, uint16(m.seq))
		}
		kept = append(kept, m)
	}
	r.missing = kept
	r.ask(ask)
}

// want asks for a key frame.
func (r *repair) want(now int64) {
	if now-r.refresh >= refreshEvery {
		r.refresh = now
		r.pli()
	}
}

// leave gives up what is missing of the oldest stretch, of which there is a later one.
func (r *repair) leave() {
	end := r.rows[0].end
	r.missing = slices.DeleteFunc(r.missing, func(m absent) bool { return m.seq < end })
	r.rows = slices.Delete(r.rows, 0, 1)
}

// advance tells of pictures that have become whole.
func (r *repair) advance(seq int64) {
	for i := range r.rows {
		r.follow(&r.rows[i])
	}
	for r.rows[0].cursor >= r.rows[0].end {
		r.leave()
	}
	// A later key frame that is whole needs nothing that is before it.
	last := &r.rows[len(r.rows)-1]
	s := r.has(seq)
	if s == nil || seq < last.cursor {
		return
	}
	first := seq
	for {
		before := r.has(first - 1)
		if before == nil {
			return // its first packet is not there, or not known to be it
		}
		if before.time != s.time {
			break
		}
		first--
	}
	if first == last.cursor {
		return
	}
	if _, st, _, whole := r.picture(first); whole && st.key {
		last.end, last.until = first, s.at+holds
		r.rows = append(r.rows, stretch{cursor: first, end: open, until: open})
		if !r.rows[0].playing {
			r.leave()
		}
		r.follow(&r.rows[len(r.rows)-1])
	}
}

// follow tells of the pictures of a stretch that have become whole.
func (r *repair) follow(s *stretch) {
	for s.cursor < s.end {
		end, st, last, whole := r.picture(s.cursor)
		if !whole {
			return
		}
		s.cursor = end + 1
		if st.key {
			s.playing, s.ready = true, 0
		}
		s.ready = max(s.ready, last)
		if s.playing {
			r.decodable(st, s.ready)
		}
	}
}

// picture looks for a whole access unit that begins with a packet: its last
// packet, its stamp, and when the last of it came.
func (r *repair) picture(first int64) (end int64, st stamp, last int64, whole bool) {
	stamped := false
	for n := first; ; n++ {
		s := r.has(n)
		if s == nil || n > first && s.time != r.slot(first).time {
			return n, st, last, false
		}
		last = max(last, s.at)
		if s.stamped {
			st, stamped = s.stamp, true
		}
		if s.marker {
			return n, st, last, stamped
		}
	}
}
