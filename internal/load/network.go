package load

import (
	"bytes"
	"math/rand/v2"
	"time"
)

// Network is a bad network between one viewer and the server; the zero value is
// a perfect one.
type Network struct {
	RTT    time.Duration // half of it each way, constant
	Loss   float64       // share of the datagrams towards the viewer
	UpLoss float64       // of those from it
	Burst  float64       // mean length of a run of losses; below 1 they are independent
}

func (n Network) bad() bool { return n != Network{} }

// link is both ways of one viewer through a Network.
type link struct {
	Network
	down, up way
}

// way is one direction: datagrams that are on their way, oldest first.
type way struct {
	loss, burst float64
	losing      bool
	random      *rand.Rand
	waiting     []datagram
}

type datagram struct {
	due int64 // Unix ns
	b   []byte
}

func newLink(n Network, seed uint64) *link {
	return &link{
		Network: n,
		down:    way{loss: n.Loss, burst: n.Burst, random: rand.New(rand.NewPCG(seed, 1))},
		up:      way{loss: n.UpLoss, burst: n.Burst, random: rand.New(rand.NewPCG(seed, 2))},
	}
}

// loses decides about the next datagram: a chain of two states, in one of which
// everything is lost (Gilbert).
func (w *way) loses() bool {
	if w.burst <= 1 {
		return w.random.Float64() < w.loss
	}
	turn := w.loss / (w.burst * (1 - w.loss))
	if w.losing {
		turn = 1 / w.burst
	}
	if w.random.Float64() < turn {
		w.losing = !w.losing
	}
	return w.losing
}

// send puts b on its way, of which it keeps a copy.
func (w *way) send(b []byte, due int64) {
	if !w.loses() {
		w.waiting = append(w.waiting, datagram{due, bytes.Clone(b)})
	}
}

// arrived gives what has arrived by now to take, in order.
func (w *way) arrived(now int64, take func(b []byte, at int64)) {
	n := 0
	for n < len(w.waiting) && w.waiting[n].due <= now {
		take(w.waiting[n].b, w.waiting[n].due)
		n++
	}
	w.waiting = append(w.waiting[:0], w.waiting[n:]...)
}

func (l *link) half() int64 { return int64(l.RTT / 2) }
