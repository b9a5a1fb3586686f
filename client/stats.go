package client

import (
	"sync"
	"sync/atomic"
	"time"
)

// State is where a Publisher or Player stands.
type State uint8

// The states.
const (
	Connecting State = iota // for the first time, or again
	Connected
	Ended
)

func (s State) String() string {
	return [...]string{"connecting", "connected", "ended"}[min(s, Ended)]
}

// Stats are the figures of a Publisher or Player since its beginning, over all
// its connections.
type Stats struct {
	State State
	// Err is why the state is not Connected, nil while it is.
	Err error
	// Reconnects counts connections after the first.
	Reconnects int
	// RTT is the round-trip time to the server; 0: not known yet.
	RTT time.Duration
	// Packets and Bytes of RTP that were sent or received, repeats included.
	Packets, Bytes uint64
	// Lost counts packets that a Player never got, and those that the server
	// says it had to do without or got only by a repeat.
	Lost uint64
	// NACKed counts packets that were asked for again, Recovered those of them
	// that came, or were sent, again.
	NACKed, Recovered uint64
	// KeyRequests counts requests for a key frame, made or got.
	KeyRequests uint64
	// Units counts access units that were sent or came out of Next. Dropped
	// counts those that a Publisher had no connection for, and those that a
	// Player dropped because Next was not called.
	Units, Dropped uint64
	// FirstFrame is the time from the call of Play to the first access unit of
	// video, or of sound where there is no video; 0 before.
	FirstFrame time.Duration
	// Delay is the age, when it was complete, of the newest access unit whose
	// capture time came with it, which is that of a key frame from Millrace. It
	// means something where the publisher's clock and ours agree: DelayKnown
	// says that it is from 0 to a minute.
	Delay      time.Duration
	DelayKnown bool
}

// counters collect Stats.
type counters struct {
	packets, bytes, lost, nacked, recovered, keyRequests, units, dropped atomic.Uint64

	rtt, firstFrame, delay atomic.Int64 // ns
	delayKnown             atomic.Bool

	mu         sync.Mutex
	state      State
	err        error
	reconnects int
	reported   [2]uint32 // packets lost, as the server's newest report on the connection says
}

func (c *counters) stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		State: c.state, Err: c.err, Reconnects: c.reconnects, RTT: time.Duration(c.rtt.Load()),
		Packets: c.packets.Load(), Bytes: c.bytes.Load(), Lost: c.lost.Load(), NACKed: c.nacked.Load(),
		Recovered: c.recovered.Load(), KeyRequests: c.keyRequests.Load(), Units: c.units.Load(), Dropped: c.dropped.Load(),
		FirstFrame: time.Duration(c.firstFrame.Load()), Delay: time.Duration(c.delay.Load()), DelayKnown: c.delayKnown.Load(),
	}
}

// note records a change of state.
func (c *counters) note(s State, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s == Connected && c.state != Connected {
		c.reported = [2]uint32{}
	}
	c.state, c.err = s, err
}

func (c *counters) reconnected() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reconnects++
}

// reportLost takes the cumulative loss of one track from a receiver report,
// which late packets make smaller again.
func (c *counters) reportLost(video bool, total uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &c.reported[0]
	if !video {
		r = &c.reported[1]
	}
	if total < 1<<23 && total > *r { // 24 bits with sign
		c.lost.Add(uint64(total - *r))
		*r = total
	}
}
