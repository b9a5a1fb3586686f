package client

import (
	"slices"
	"time"

	"millrace/internal/media"
)

const (
	// askLeast is the shortest time between two requests for one packet.
	askLeast = 20 * time.Millisecond
	// maxSpan is the most numbers between a missing packet and the newest: three
	// seconds of 30 Mbit/s. Beyond it numbers have begun anew.
	maxSpan = 8192
)

// repair puts the packets of one RTP stream in order. A gap is asked for as
// soon as it shows, and again each round trip, until patience is over. One
// goroutine uses it.
type repair struct {
	open    bool
	next    int64 // to be released
	highest int64 // that came
	held    map[int64]*media.Packet
	missing []missing // ascending
	lost    uint64
}

type missing struct {
	seq          int64
	since, asked time.Time
}

// put takes a packet by the number in its header. repaired says that it had
// been asked for.
func (r *repair) put(low uint16, pk *media.Packet, now time.Time) (repaired bool) {
	if !r.open {
		*r = repair{open: true, next: int64(low), highest: int64(low) - 1, held: map[int64]*media.Packet{}, lost: r.lost}
	}
	seq := r.highest + int64(int16(low-uint16(r.highest)))
	if seq-r.next > maxSpan {
		r.lost += uint64(len(r.missing))
		r.open = false
		return r.put(low, pk, now)
	}
	if seq < r.next || r.held[seq] != nil {
		return false // a repeat that was not needed, or came too late
	}
	pk.Seq = seq
	r.held[seq] = pk
	for s := r.highest + 1; s < seq; s++ {
		r.missing = append(r.missing, missing{seq: s, since: now})
	}
	if seq > r.highest {
		r.highest = seq
		return false
	}
	at, found := slices.BinarySearchFunc(r.missing, seq, func(m missing, s int64) int { return int(m.seq - s) })
	if found {
		repaired = !r.missing[at].asked.IsZero()
		r.missing = slices.Delete(r.missing, at, at+1)
	}
	return repaired
}

// take returns the next packet in order, nil when it has to be waited for.
// broken says that packets before it have been given up.
func (r *repair) take(now time.Time, patience time.Duration) (pk *media.Packet, broken bool) {
	for r.open && r.next <= r.highest {
		pk := r.held[r.next]
		if pk == nil {
			if len(r.missing) == 0 || now.Sub(r.missing[0].since) < patience {
				return nil, broken
			}
			r.missing = r.missing[1:]
			r.lost++
			r.next++
			broken = true
			continue
		}
		delete(r.held, r.next)
		r.next++
		return pk, broken
	}
	return nil, broken
}

// ask returns what to ask for now, and when to come again; the zero time means
// that nothing is missing.
func (r *repair) ask(now time.Time, rtt, patience time.Duration) (wanted []uint16, again time.Time) {
	every := max(askLeast, rtt+rtt/4+5*time.Millisecond)
	for i := range r.missing {
		m := &r.missing[i]
		if now.Sub(m.asked) >= every {
			m.asked = now
			wanted = append(wanted, uint16(m.seq))
		}
		due := m.asked.Add(every)
		if over := m.since.Add(patience); over.Before(due) {
			due = over
		}
		if again.IsZero() || due.Before(again) {
			again = due
		}
	}
	return wanted, again
}
