package rtc

import (
	"time"

	"millrace/internal/media"
)

// rhythm says whether a source's pictures come evenly: then a viewer may show
// them as they come, else it should hold some back.
type rhythm struct {
	even          bool
	older, newer  beat
	next          int64 // one above the highest number seen
	complete      bool  // older holds a whole window
	discontinuity media.Time
}

// beat is what was seen in one window of time.
type beat struct {
	began       int64 // Arrived of its first picture
	least, most int64 // of Arrived - Time
	lost        int   // gaps, filled later or not
}

const (
	beatWindow = 2 * time.Second
	// Pictures are even when two windows' arrivals stray by no more than
	// evenSpread and nothing is lost, and are not any more from unevenSpread or
	// unevenLost on.
	evenSpread   = int64(15 * time.Millisecond)
	unevenSpread = int64(30 * time.Millisecond)
	unevenLost   = 2
)

// see takes the next packet of the stream's video in arrival order.
func (r *rhythm) see(pk *media.Packet) {
	if r.next != 0 && pk.Seq > r.next {
		r.newer.lost++
	}
	r.next = max(r.next, pk.Seq+1)
	if pk.Discontinuity && pk.Time != r.discontinuity { // another publisher
		*r = rhythm{even: r.even, next: r.next, discontinuity: pk.Time}
	}
	if !pk.Start {
		return
	}
	delay := pk.Arrived - int64(pk.Time)
	switch {
	case r.newer.began == 0:
		r.newer = beat{pk.Arrived, delay, delay, r.newer.lost}
	case pk.Arrived-r.newer.began > int64(beatWindow):
		if spread, lost := r.stray(); r.complete && spread <= evenSpread && lost == 0 {
			r.even = true
		}
		r.older, r.newer, r.complete = r.newer, beat{pk.Arrived, delay, delay, 0}, true
	default:
		r.newer.least, r.newer.most = min(r.newer.least, delay), max(r.newer.most, delay)
	}
	if spread, lost := r.stray(); spread >= unevenSpread || lost >= unevenLost {
		r.even = false
	}
}

// stray sums both windows up.
func (r *rhythm) stray() (spread int64, lost int) {
	least, most := r.newer.least, r.newer.most
	if r.complete {
		least, most = min(least, r.older.least), max(most, r.older.most)
	}
	return most - least, r.newer.lost + r.older.lost
}
