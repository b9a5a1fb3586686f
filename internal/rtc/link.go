package rtc

import "time"

// link is what a viewer's transport-wide feedback says of its network: how fast
// its narrowest place is, and how long packets wait there. Its shard alone uses
// it. It takes linkRuns*8 bytes once packets are numbered; nothing is allocated
// per packet or per feedback.
//
// The measure is the rate at which packets arrive while others wait behind them:
// that is the rate of the narrowest place, whatever the stream's own rate is. A
// key frame that is sent in one go queues by itself, and so measures a link that
// the stream does not fill.
type link struct {
	runs     []sentRun // ring by noted
	noted    uint32    // runs that there were
	acked    uint32    // runs below were told of, or are forgotten
	inFlight int       // bytes in the others
	lastSent int64     // Unix ns of the newest

	reference uint32 // of the last feedback
	origin    int64  // its time, µs on the viewer's clock
	before    arrival
	base      baseline

	rate      float64 // bit/s of the narrowest place; 0: not known
	arriving  float64 // bit/s
	loss      float64 // share of packets, over about a second
	robbed    int64   // Unix ns of the last feedback that told of a policer's loss
	standing  int64   // µs: the shortest wait in the queue in the last feedback
	peak      int64   // µs: the longest
	over      int     // feedbacks in a row with a standing queue
	heard     int64   // Unix ns of the last feedback; 0: none
	feedbacks uint64
	said      float64  // bit/s that the viewer says it can take (REMB); 0: it does not say
	gone      []uint16 // numbers that the last feedback told the loss of
}

// sentRun is a row of packets sent at once, with consecutive transport-wide
// numbers.
type sentRun struct {
	at    uint32 // in units of sentTick, shifted by runBits, and how many packets
	wide  uint16 // of the first
	bytes uint16 // of all
}

const (
	linkRuns = 256
	runBits  = 6
	sentTick = int64(100 * time.Microsecond)
	sentMask = 1<<(32-runBits) - 1
)

func (r *sentRun) packets() int { return int(r.at & (1<<runBits - 1)) }

// sent returns when r was sent, µs, for a time now that is not far from it. It may
// be before: a shard's turn is long where it has many viewers.
func (r *sentRun) sent(now int64) int64 {
	ticks := now / sentTick
	past := (ticks - int64(r.at>>runBits)) & sentMask
	if past > sentMask/2 {
		past -= sentMask + 1
	}
	return (ticks - past) * sentTick / 1000
}

// arrival is the packet that came before the one looked at.
type arrival struct {
	run      uint32
	sent, at int64 // µs
	known    bool
}

// note remembers n packets of together some bytes, numbered from wide on, that
// were sent at now, Unix ns.
func (l *link) note(wide uint16, n, bytes int, now int64) {
	if n == 0 {
		return
	}
	if l.runs == nil {
		l.runs = make([]sentRun, linkRuns)
	}
	if l.noted-l.acked >= linkRuns {
		l.inFlight -= int(l.at(l.acked).bytes)
		l.acked++
	}
	*l.at(l.noted) = sentRun{uint32(now/sentTick&sentMask)<<runBits | uint32(n), wide, uint16(bytes)}
	l.noted++
	l.inFlight += bytes
	l.lastSent = now
}

func (l *link) at(run uint32) *sentRun { return &l.runs[run%linkRuns] }

// find returns the run that holds a number.
func (l *link) find(number uint16) (run uint32, ok bool) {
	held := min(l.noted, linkRuns)
	if held == 0 {
		return 0, false
	}
	newest := l.at(l.noted - 1)
	end := newest.wide + uint16(newest.packets())
	behind := end - number // 1: the newest number
	low, high := l.noted-held, l.noted
	for low < high {
		mid := low + (high-low)/2
		if r := l.at(mid); end-r.wide-uint16(r.packets()) >= behind {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == l.noted || number-l.at(low).wide >= uint16(l.at(low).packets()) {
		return 0, false
	}
	return low, true
}

// service sums up what came while others waited behind it.
type service struct {
	bytes, packets int
	time           int64 // µs
}

func (s *service) add(bytes int, took int64) {
	s.bytes += bytes
	s.packets++
	s.time += took
}

// rate is in bit/s. What comes within one tick of the viewer's clock may have
// taken as long as that.
func (s *service) rate() float64 {
	return min(float64(s.bytes)*8e6/float64(max(s.time, wideTick)), mostRate)
}

const (
	mostRate    = 1e9
	leastRate   = 50_000
	mostGone    = 128
	standingMin = 25_000 // µs: a queue that never empties
	overRuns    = 2      // feedbacks that show one
)

// told takes a feedback, an RTCP packet, at now, Unix ns. It reports false for
// one that makes no sense.
func (l *link) told(b []byte, now int64) bool {
	var f wideFeedback
	if l.runs == nil || !f.open(b) {
		return false
	}
	step := int64(int32((f.reference-l.reference)<<8) >> 8)
	l.reference = f.reference
	if l.heard == 0 {
		step = 0
	}
	l.origin += step * 64_000
	l.base.turn(now)
	l.gone = l.gone[:0]
	var within, across service
	var came, lost, bytes int
	standing, peak := int64(-1), int64(0)
	began := l.before
	run, known := l.find(f.first)
	for {
		number, at, here, more := f.next()
		if !more {
			break
		}
		if known && number-l.at(run).wide >= uint16(l.at(run).packets()) {
			if run++; run == l.noted || l.at(run).wide != number {
				run, known = l.find(number)
			}
		} else if !known {
			run, known = l.find(number)
		}
		if !known {
			continue
		}
		l.ack(run)
		r := l.at(run)
		if !here {
			if lost++; len(l.gone) < mostGone {
				l.gone = append(l.gone, number)
			}
			continue
		}
		size := int(r.bytes) / r.packets()
		is := arrival{run, r.sent(now), l.origin + at, true}
		came++
		bytes += size
		wait := l.base.queued(is.at - is.sent)
		if standing < 0 || wait < standing {
			standing = wait
		}
		peak = max(peak, wait)
		if p := &l.before; p.known && is.at >= p.at {
			switch {
			case p.run == run:
				within.add(size, is.at-p.at)
			case is.sent+l.base.least() <= p.at && is.at-p.at < int64(time.Second/time.Microsecond):
				across.add(size, is.at-p.at)
			}
		}
		if !l.before.known || is.at >= l.before.at {
			l.before = is
		}
	}
	if came+lost == 0 {
		return true
	}
	l.feedbacks++
	l.lose(came, lost, now)
	l.arrive(bytes, l.before.at-began.at, began.known)
	l.heard = now
	if came == 0 {
		return true
	}
	l.standing, l.peak = standing, peak
	if standing > standingMin {
		l.over++
	} else {
		l.over = 0
	}
	l.measure(&within, &across)
	return true
}

// ack notes that the viewer has told of a run.
func (l *link) ack(run uint32) {
	for ; int32(run-l.acked) >= 0; l.acked++ {
		l.inFlight -= int(l.at(l.acked).bytes)
	}
}

// full says whether some bytes and more are under way. What was sent long ago is
// not, though nothing was heard of it: it got lost with all that tells of it, and
// only more can show that the network is back.
func (l *link) full(bytes float64, now int64) bool {
	return float64(l.inFlight) > bytes && max(now-l.lastSent, 0) < int64(unheardFor)
}

const unheardFor = time.Second

func (l *link) lose(came, lost int, now int64) {
	weight := min(float64(came+lost)/300, 0.5)
	share := float64(lost) / float64(came+lost)
	if l.loss += (share - l.loss) * weight; share > policed {
		l.robbed = now
	}
}

// arrive follows the rate at which bytes arrive.
func (l *link) arrive(bytes int, took int64, known bool) {
	if !known || took < 10_000 {
		return
	}
	rate := float64(bytes) * 8e6 / float64(took)
	if l.arriving == 0 {
		l.arriving = rate
	}
	l.arriving += (rate - l.arriving) * min(float64(took)/500_000, 1)
}
