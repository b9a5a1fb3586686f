package live

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"millrace/internal/media"
)

// stream is one name's media: both logs, the publisher of the moment and the
// readers. Publisher and Reader are its public faces.
type stream struct {
	name Name
	hub  *Hub

	frames *log[media.Frame]
	wake   chan struct{} // one token: the frames log grew
	bell   atomic.Pointer[chan struct{}]
	asleep atomic.Int64 // readers that wait on bell

	ended chan struct{} // closed once; err says why
	ready chan struct{} // closed at the first Announce

	mu            sync.Mutex
	err           error
	announced     bool
	video, audio  *media.Track
	publisher     *Publisher
	last          media.Time // latest decode time of any track
	lastOf        [2]media.Time
	lastArrived   int64
	account       account
	packets       *Packets // nil while nobody reads packets
	packetizer    Packetizer
	packetReaders int
	readers       int
	timer         *time.Timer        // linger of the source or of the supply
	cancelSupply  context.CancelFunc // of a supplied stream
}

func newStream(h *Hub, n Name) *stream {
	s := &stream{
		name: n, hub: h, frames: newLog[media.Frame](),
		wake: make(chan struct{}, 1), ended: make(chan struct{}), ready: make(chan struct{}),
	}
	bell := make(chan struct{})
	s.bell.Store(&bell)
	return s
}

// herald wakes sleeping frame readers after appends, so that a publisher's
// append costs the same however many there are. It ends with the stream.
func (s *stream) herald() {
	for {
		select {
		case <-s.ended:
			return
		case <-s.wake:
			if s.asleep.Load() > 0 {
				next := make(chan struct{})
				close(*s.bell.Swap(&next))
			}
		}
	}
}

// append adds f to the frames log and, when somebody reads packets, its pieces
// to the packets log. The caller holds s.mu.
func (s *stream) append(f *media.Frame) {
	head := s.frames.head.Load()
	s.frames.put(head, f)
	s.frames.publish(head + 1)
	if f.Key && (f.Track.Kind == media.Video || s.video == nil) {
		s.frames.key.Store(head)
	}
	s.account.bytes += len(f.Data)
	for {
		tail := s.frames.tail.Load()
		oldest := s.frames.at(tail)
		if oldest == nil || !s.account.drops(f.Arrived, oldest.Arrived, tail < s.frames.key.Load()) {
			break
		}
		s.frames.drop()
		s.account.bytes -= len(oldest.Data)
	}
	if s.packets != nil {
		s.packets.append(s.packetizer.Packetize(f), f.Arrived)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// derivePackets starts the packets log, beginning with the newest key frame.
// The caller holds s.mu.
func (s *stream) derivePackets() {
	s.packets, s.packetizer = newPackets(), s.hub.options.NewPacketizer()
	at := s.frames.key.Load()
	if at < 0 {
		return
	}
	for head := s.frames.head.Load(); at < head; at++ {
		if f := s.frames.at(at); f != nil {
			s.packets.append(s.packetizer.Packetize(f), f.Arrived)
		}
	}
}

// end closes the stream for good. Ending twice is harmless.
func (s *stream) end(err error) {
	s.hub.forget(s)
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	s.err = err
	p, packets, cancel := s.publisher, s.packets, s.cancelSupply
	s.publisher = nil
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	close(s.ended)
	if p != nil {
		p.finish(err)
	}
	if cancel != nil {
		cancel()
	}
	if packets != nil {
		packets.wake()
	}
}

// supplied says whether a Supplier makes the stream. The caller holds s.mu.
func (s *stream) supplied() bool { return s.cancelSupply != nil }

// attach counts a reader in. It fails when the stream has ended meanwhile.
func (s *stream) attach() (*Reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	s.readers++
	if s.supplied() && s.timer != nil {
		s.timer.Stop()
	}
	return &Reader{stream: s, pos: -1}, nil
}

// detach counts a reader out and lets an unwanted supply linger to its end.
func (s *stream) detach(readsPackets bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers--
	if readsPackets {
		if s.packetReaders--; s.packetReaders == 0 {
			s.packets, s.packetizer = nil, nil
		}
	}
	if s.readers == 0 && s.supplied() && s.err == nil {
		s.timer = time.AfterFunc(s.hub.options.SupplyLinger, s.unwanted)
	}
}

// unwanted ends a supply that nobody has read for the linger time.
func (s *stream) unwanted() {
	s.mu.Lock()
	idle := s.readers == 0
	s.mu.Unlock()
	if idle {
		s.end(ErrEnded)
	}
}
