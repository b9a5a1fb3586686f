package rtc

import (
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"

	"millrace/internal/media"
)

// line is what is known of a viewer's network. The sockets' readers write it;
// any goroutine may read it.
//
// The round trip is that of receiver reports (LSR and DLSR, RFC 3550 section
// 6.4.1), smoothed. Until one has told it, that of a STUN check of ours stands in.
type line struct {
	rtt      atomic.Int64     // ns; 0: not known
	least    atomic.Int64     // ns, the smallest of late: rtt without queues
	reported atomic.Bool      // receiver reports tell rtt
	lost     atomic.Uint32    // packets of pictures, or of sound where there are none
	shares   [2]atomic.Uint32 // of packets lost, by kind, smoothed: in 1/shareUnit
}

const shareUnit = 1 << 16

// rttMost is the longest round trip that is believed.
const rttMost = 10 * time.Second

// ponged takes the round trip of a STUN check.
func (l *line) ponged(took time.Duration) {
	if !l.reported.Load() {
		l.measured(took)
	}
}

// measured takes a round trip.
func (l *line) measured(took time.Duration) {
	if took < 0 || took > rttMost {
		return
	}
	d := int64(max(took, time.Millisecond))
	rtt, least := l.rtt.Load(), l.least.Load()
	if rtt == 0 {
		rtt, least = d, d
	}
	l.rtt.Store(rtt + (d-rtt)/4)
	// A route may become longer: then the least rises, slowly.
	l.least.Store(min(d, least+(d-least)/64))
}

// take reads one report of a track of the given kind. The share of packets lost
// rises at once and falls in a few reports.
func (l *line) take(r *rtcp.ReceptionReport, kind media.Kind, now int64) {
	share := uint32(r.FractionLost) * (shareUnit / 256)
	old := l.shares[kind].Load()
	if share < old {
		share = old - (old-share)/4
	}
	l.shares[kind].Store(share)
	if r.LastSenderReport == 0 {
		return
	}
	rtt := uint32(ntp(now)>>16) - r.LastSenderReport - r.Delay
	if d := time.Duration(rtt) * time.Second >> 16; d < rttMost {
		if !l.reported.Swap(true) {
			l.rtt.Store(0)
		}
		l.measured(d)
	}
}

// reportedLoss is the share of packets that get lost, by receiver reports: both
// kinds go the same way. It rises at once, as repeats need it to.
func (l *line) reportedLoss() float64 {
	return float64(max(l.shares[media.Video].Load(), l.shares[media.Audio].Load())) / shareUnit
}

// queues says whether packets wait on the way: what gets lost then is lost to
// congestion, and more packets would be more loss.
func (l *line) queues() bool {
	rtt, least := l.rtt.Load(), l.least.Load()
	return rtt > least+max(least/2, int64(50*time.Millisecond))
}

// guard is how long a repeat of a packet is taken to be on its way: what is
// asked for within it was asked for before it could have come. Peers repeat
// their request after one round trip as they measure it, so it is a little less.
func (l *line) guard() int64 {
	rtt := l.rtt.Load()
	return max(rtt-rtt/8, int64(10*time.Millisecond))
}
