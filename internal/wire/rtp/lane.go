package rtp

import "millrace/internal/media"

const (
	// maxPayload is more than any datagram holds.
	maxPayload = 1 << 16
	// maxSeq bounds numbers, so that sums of them cannot overflow.
	maxSeq = 1 << 60
	// reach is how many numbers before a publisher's first packet to come may
	// still come behind it: a good part of a large key frame.
	reach = 512
)

// lane is a window with its limits, and knows where a new publisher begins.
type lane struct {
	window
	span int64 // most numbers from the first waiting to the last
	room int   // most bytes of payload waiting
	wait int64 // longest wait for a gap, in nanoseconds

	open      bool       // a packet has come
	first     int64      // number and time of the first one of the publisher,
	firstTime media.Time // or of one with a Discontinuity before that
	cut       bool       // it has a Discontinuity
	mark      bool       // the next frame is the first of a publisher
}

// usable says that a packet is one at all.
func usable(pk *media.Packet) bool {
	return pk.Seq > -maxSeq && pk.Seq < maxSeq && len(pk.Payload) < maxPayload
}

// begins says that pk is the first packet to come of a publisher. All packets
// of a publisher's first frame are marked, and may come in any order.
func (l *lane) begins(pk *media.Packet) bool {
	if l.open && !pk.Discontinuity {
		return false
	}
	known := l.open && l.cut && pk.Time == l.firstTime
	if known {
		return false
	}
	early := l.open && pk.Seq < l.first && pk.Seq > l.first-reach && pk.Time < l.firstTime
	l.open, l.first, l.firstTime = true, pk.Seq, pk.Time
	l.cut = pk.Discontinuity
	l.mark = l.mark || l.cut
	return !early
}

// fits says whether there is room for pk beside what waits.
func (l *lane) fits(pk *media.Packet) bool {
	return pk.Seq-l.next < l.span && l.bytes+len(pk.Payload) <= l.room
}

// overdue says that the gap has been waited for long enough.
func (l *lane) overdue(now int64) bool { return l.gap() && now-l.since > l.wait }

// frame makes a frame of the packets from first up to end, without Data.
func (l *lane) frame(first, end int64, t *media.Track) *media.Frame {
	f := &media.Frame{Track: t, DTS: l.at(first).Time, Key: true, Discontinuity: l.mark}
	l.mark = false
	composition := int64(0)
	for seq := first; seq < end; seq++ {
		pk := l.at(seq)
		f.Arrived = max(f.Arrived, pk.Arrived)
		if f.Capture == 0 {
			f.Capture = pk.Capture
		}
		if composition == 0 {
			composition = pk.Composition
		}
	}
	f.PTS = f.DTS + media.Time(composition)
	return f
}
