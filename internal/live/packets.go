package live

import (
	"slices"
	"sync"
	"sync/atomic"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// Packetizer cuts frames into packets. A Packetizer belongs to one stream and
// is never called concurrently.
type Packetizer interface {
	// Packetize returns the packets of f in sending order, with Seq counted
	// by the Packetizer per Kind from 0, and Key set on those of video key
	// frames alone. It must not keep or change f.
	Packetize(f *media.Frame) []media.Packet
}

// Sizes of the index from sequence number to packet: how far back a
// retransmission can reach when the log itself still holds the packet.
const (
	videoIndexSize = 8192
	audioIndexSize = 1024
)

// Packets is the fast view of a stream: a log of packets in arrival order.
// All methods but those of the stream itself may be called by any goroutine
// and do not block.
type Packets struct {
	log     *log[media.Packet]
	account account
	index   [2]packetIndex
	layers  layers
	// next is the number behind the highest of each lane, base what is added to
	// the numbers of the present Packetizer. Both are the stream's.
	next, base [lanes]int64

	mu       sync.Mutex
	watchers atomic.Pointer[[]chan<- struct{}]
}

func newPackets(a account) *Packets {
	p := &Packets{log: newLog[media.Packet](), account: a}
	p.index[media.Video] = make(packetIndex, videoIndexSize)
	p.index[media.Audio] = make(packetIndex, audioIndexSize)
	p.watchers.Store(&[]chan<- struct{}{})
	return p
}

// Head is the position behind the newest packet.
func (p *Packets) Head() int64 { return p.log.head.Load() }

// NewestKey is the position of the first packet of the newest access unit that
// decoding can start at, or -1 when the log holds none. It may equal Head for
// the moment in which that unit is appended.
func (p *Packets) NewestKey() int64 {
	if key := p.log.key.Load(); key >= p.log.tail.Load() {
		return key
	}
	return -1
}

// Start is where a new reader begins: NewestKey, or Head where there is none.
// Asking for the two one after the other can miss a key frame in between.
func (p *Packets) Start() int64 { return p.log.start() }

// At returns the packet at pos, or nil when the log does not hold it.
func (p *Packets) At(pos int64) *media.Packet { return p.log.at(pos) }

// BySeq returns the packet of a kind with the given sequence number, or nil
// when it is no longer held.
func (p *Packets) BySeq(kind media.Kind, seq int64) *media.Packet {
	if seq < 0 {
		return nil
	}
	index := p.indexOf(kind, seq)
	if index == nil {
		return nil
	}
	if pk := index[seq&int64(len(index)-1)].Load(); pk != nil && pk.Seq == seq {
		return pk
	}
	return nil
}

// Watch makes every append put a token into c, never blocking. c should have
// a capacity of 1.
func (p *Packets) Watch(c chan<- struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	more := append(slices.Clone(*p.watchers.Load()), c)
	p.watchers.Store(&more)
}

// Unwatch undoes one Watch of c.
func (p *Packets) Unwatch(c chan<- struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	less := slices.Clone(*p.watchers.Load())
	if i := slices.Index(less, c); i >= 0 {
		less = slices.Delete(less, i, i+1)
	}
	p.watchers.Store(&less)
}

// appendCut appends what a Packetizer made of one frame. Only the stream calls it.
func (p *Packets) appendCut(run []media.Packet, now int64) {
	for i := range run {
		run[i].Seq += p.base[run[i].Kind]
	}
	p.append(run, now)
}

// rebase makes the numbers of a new Packetizer follow those of the log.
func (p *Packets) rebase() { p.base = p.next }

// append adds a run of packets and wakes each watcher once. Only the stream
// calls it.
func (p *Packets) append(run []media.Packet, now int64) {
	head := p.log.head.Load()
	key := int64(-1)
	for i := range run {
		if p.put(head, &run[i]) {
			key = head
		}
		head++
	}
	p.log.publish(head, key)
	p.wake()
	p.trim(now)
}

// appendOne appends a publisher's packet.
func (p *Packets) appendOne(pk *media.Packet) {
	head := p.log.head.Load()
	key := int64(-1)
	if p.put(head, pk) {
		key = head
	}
	p.log.publish(head+1, key)
	p.wake()
	p.trim(pk.Arrived)
}

// put stores pk at head, unpublished, and says whether decoding can start there.
func (p *Packets) put(head int64, pk *media.Packet) bool {
	p.log.put(head, pk)
	index := p.indexOf(pk.Kind, pk.Seq)
	index[pk.Seq&int64(len(index)-1)].Store(pk)
	at := lane(pk.Kind, pk.Layer)
	p.next[at] = max(p.next[at], pk.Seq+1)
	p.account.add(pk.Payload)
	if pk.Layer != 0 {
		if pk.Key && pk.Start {
			p.layers.keys[pk.Layer].Store(head + 1)
		}
		return false
	}
	return pk.Key && pk.Start
}

// place says whether a packet with the given number can still be appended, and
// if not why: two packets of one number would be sealed under one nonce.
func (p *Packets) place(pk *media.Packet) (reason.Reason, bool) {
	switch {
	case pk.Seq <= p.next[lane(pk.Kind, pk.Layer)]-int64(len(p.indexOf(pk.Kind, pk.Seq))):
		return reason.Late, false
	case p.BySeq(pk.Kind, pk.Seq) != nil:
		return reason.Duplicate, false
	}
	return "", true
}

func (p *Packets) wake() {
	for _, w := range *p.watchers.Load() {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

func (p *Packets) trim(now int64) {
	for {
		tail := p.log.tail.Load()
		oldest := p.log.at(tail)
		if oldest == nil || !p.account.drops(now, oldest.Arrived, tail < p.log.key.Load()) {
			return
		}
		p.log.drop()
		p.account.remove(oldest.Payload)
		index := p.indexOf(oldest.Kind, oldest.Seq)
		index[oldest.Seq&int64(len(index)-1)].CompareAndSwap(oldest, nil)
	}
}
