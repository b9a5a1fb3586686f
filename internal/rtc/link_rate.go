package rtc

import "time"

// baseline is the shortest way that packets took lately: all above is waiting.
// The two clocks stand at any distance, and drift apart slowly.
type baseline struct {
	older, newer int64 // µs
	began        int64 // Unix ns of newer; 0: nothing is known
}

// baselineLife is how long a shortest way counts, twice. What is sent at less
// than the link's rate empties its queue within it.
const baselineLife = int64(8 * time.Second)

func (b *baseline) turn(now int64) {
	if b.began != 0 && now-b.began > baselineLife {
		b.older, b.newer, b.began = b.newer, farAway, now
	}
	if b.began == 0 {
		b.older, b.newer, b.began = farAway, farAway, now
	}
}

const farAway = 1 << 62

func (b *baseline) least() int64 { return min(b.older, b.newer) }

// queued takes the time that a packet was under way and returns how much of it
// was waiting.
func (b *baseline) queued(way int64) int64 {
	b.newer = min(b.newer, way)
	return way - b.least()
}

// raise makes the way longer by some µs: it was no waiting.
func (b *baseline) raise(by int64) {
	at := b.least() + by
	b.older, b.newer = at, at
}

const (
	enoughPackets = 2   // that waited: fewer say nothing
	restApart     = 2.5 // times that packets of one run come closer than runs do
)

// measure learns the rate from what came while others waited: within is of runs
// that were sent at once, across of runs that were sent while the one before was
// still under way longer than the shortest way.
func (l *link) measure(within, across *service) {
	if within.packets >= 4 && across.packets > 0 && within.rate() > restApart*across.rate() {
		// The link rests between the runs: what looks like waiting is a longer way.
		if l.standing > 0 {
			l.base.raise(l.standing)
			l.standing, l.over = 0, 0
		}
		*across = service{}
	}
	all := service{within.bytes + across.bytes, within.packets + across.packets, within.time + across.time}
	if all.packets < enoughPackets {
		l.drift()
		return
	}
	is := all.rate()
	weight := min(max(float64(all.packets)/16, float64(all.time)/100_000), 0.6)
	if l.rate == 0 {
		weight = 1
	}
	if is < l.rate && l.over > 0 && all.time > 50_000 {
		weight = 0.85 // the queue has been measured at length
	}
	l.rate = max(l.rate+(is-l.rate)*weight, leastRate)
	l.drift()
}

// drift corrects the rate by what shows without a queue: what arrives with next
// to no waiting can be taken, and a share of loss that no queue explains is what
// a policer takes away, which does so on and on: a link that was cut off and is
// back loses nothing any more.
func (l *link) drift() {
	if l.rate == 0 {
		return
	}
	if l.peak < 15_000 && l.loss < 0.02 && l.rate < 2*l.arriving {
		l.rate *= 1.01
	}
	if l.loss > policed && l.feedbacks > 20 && l.heard-l.robbed < int64(policedFor) {
		l.rate = max(min(l.rate, l.arriving), leastRate)
	}
}

// policed is the loss from on which it is taken for a limit. What is less may be
// chance, which sending less does not help.
const (
	policed    = 0.3
	policedFor = 500 * time.Millisecond // without such loss it is over
)

// estimate is what the link carries in bit/s; 0: nobody knows.
func (l *link) estimate() float64 {
	if l.rate == 0 {
		return l.said
	}
	return l.rate
}

// standing queues, and silence after much was sent, mean that the link carries
// less than it is given.
func (l *link) overused(now int64) bool {
	if l.over >= overRuns {
		return true
	}
	// Chromium tells every 50 to 250 ms.
	return l.heard != 0 && l.inFlight > 20_000 && now-l.heard > int64(silentFor) && l.feedbacks > 4
}

// silentFor is how long a viewer that told of its packets may say nothing
// while it is sent more.
const silentFor = 700 * time.Millisecond
