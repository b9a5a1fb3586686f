package rtc

import (
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// numbers gives the packets of one RTP stream their sequence numbers, and gives
// each number out once: the cipher's nonce is made of it.
type numbers struct {
	next   int64   // one above the highest given, with its roll-overs
	spans  [8]span // how sent numbers map to the log's; oldest first
	nspans int
	jump   bool       // the next packet begins a new span
	since  media.Time // of the packet that began the first span
	given  window
	floor  int64 // what was given below it is of another log
}

// span maps the sent numbers from out on to the log's numbers from seq on. A
// new span begins where packets are left out on purpose: the viewer then sees
// no gap. A packet that the source lost leaves its gap, which one that comes
// late fills.
type span struct{ out, seq int64 }

const (
	// maxGap is the widest gap that is shown to a viewer as it is; nobody asks
	// for more than a part of a wider one.
	maxGap = 1000
	// maxUnseen bounds the search for what is missing before a packet.
	maxUnseen = 32
)

// change makes the numbers go on with the packets of another log.
func (n *numbers) change() { n.nspans, n.jump, n.floor = 0, true, n.next }

// begin makes the next packet begin a new span. unseen is how many numbers right
// before it are of packets that may still come.
func (n *numbers) begin(pk *media.Packet, unseen int64) {
	n.jump = false
	if n.nspans == 0 && pk.Kind == media.Video {
		n.since = pk.Time
	}
	n.push(span{n.next, pk.Seq - unseen})
}

func (n *numbers) push(s span) {
	if n.nspans == len(n.spans) {
		copy(n.spans[:], n.spans[1:])
		n.nspans--
	}
	n.spans[n.nspans] = s
	n.nspans++
}

// place returns the number to send pk under, or why it has none: its number
// belongs to another packet (late), or it has been sent (duplicate).
func (n *numbers) place(pk *media.Packet) (int64, reason.Reason) {
	s := &n.spans[n.nspans-1]
	out := s.out + pk.Seq - s.seq
	if out-n.next > maxGap { // shown as a gap of one
		n.push(span{n.next + 1, pk.Seq})
		s, out = &n.spans[n.nspans-1], n.next+1
	}
	if pk.Seq < s.seq {
		// Below the first span nothing was sent. The rest of the picture that it
		// begins with may have come late; older ones are of no use.
		if n.nspans > 1 || pk.Time < n.since || out < n.floor {
			return 0, reason.Late
		}
	}
	if why := n.take(out); why != "" {
		return 0, why
	}
	if pk.Seq < s.seq {
		*s = span{out, pk.Seq}
	}
	return out, ""
}

// take gives out away, if it was not given and can still be.
func (n *numbers) take(out int64) reason.Reason {
	if out < n.next-windowSize {
		return reason.Late
	}
	if !n.given.fresh(out) {
		return reason.Duplicate
	}
	n.given.take(out)
	n.next = max(n.next, out+1)
	return ""
}

// sent maps a 16-bit sequence number that the viewer names to the number sent
// and the log's number. ok is false for one that was not sent lately.
func (n *numbers) sent(low uint16) (out, seq int64, ok bool) {
	if out = n.next - 1 - int64(uint16(n.next-1)-low); out < n.floor {
		return 0, 0, false
	}
	for i := n.nspans - 1; i >= 0; i-- {
		if s := n.spans[i]; out >= s.out {
			return out, s.seq + out - s.out, true
		}
	}
	return 0, 0, false
}

// passed says whether the stream has gone on beyond the log's number seq.
func (n *numbers) passed(seq int64) bool {
	if n.nspans == 0 {
		return false
	}
	s := n.spans[n.nspans-1]
	return s.out+seq-s.seq < n.next
}

// unseen counts the numbers right before pk of which the log holds no packet,
// though it holds an older one: packets of pk's own picture, most likely, that
// were lost or overtaken.
func unseen(log *live.Packets, pk *media.Packet) int64 {
	for n := int64(1); n <= maxUnseen; n++ {
		if log.BySeq(pk.Kind, pk.Seq-n) != nil {
			return n - 1
		}
	}
	return 0
}
