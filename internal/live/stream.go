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

	wake   chan struct{} // one token: the frames log grew
	bell   atomic.Pointer[chan struct{}]
	asleep atomic.Int64 // readers that wait on bell

	ended chan struct{} // closed once; err says why
	ready chan struct{} // closed at the first Announce

	mu            sync.Mutex
	err           error
	announced     bool
	video, audio  *media.Track
	description   media.Metadata
	publisher     *Publisher
	last          media.Time // latest decode time of any track
	lastOf        [2]media.Time
	lastArrived   int64
	brings        view // what the newest publisher brings
	frames        *log[media.Frame]
	account       account    // of frames
	assembler     Assembler  // makes frames of packets while somebody reads them
	frameReaders  int        // readers that have asked for a frame
	packets       *Packets   // nil while nobody brings or reads packets
	packetizer    Packetizer // makes packets of frames while somebody reads them
	packetReaders int
	readers       int
	layerAsked    [MaxLayers]int64   // the same for layers beside the best
	keyAsked      int64              // Unix ns of when the publisher was last asked for a key frame
	timer         *time.Timer        // running linger of the source or of the supply
	cancelSupply  context.CancelFunc // of a supplied stream
}

func newStream(h *Hub, n Name) *stream {
	s := &stream{
		name: n, hub: h, frames: newLog[media.Frame](), account: h.options.account(),
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
	key := int64(-1)
	if f.Key && (f.Track.Kind == media.Video || s.video == nil) {
		key = head
	}
	s.frames.publish(head+1, key)
	s.account.add(f.Data)
	for {
		tail := s.frames.tail.Load()
		oldest := s.frames.at(tail)
		if oldest == nil || !s.account.drops(f.Arrived, oldest.Arrived, tail < s.frames.key.Load()) {
			break
		}
		s.frames.drop()
		s.account.remove(oldest.Data)
	}
	if s.packetizer != nil {
		s.packets.appendCut(s.packetizer.Packetize(f), f.Arrived)
	}
	// A reader counts itself in before it looks at the head for the last time,
	// so one that is not counted yet sees f by itself.
	if s.asleep.Load() > 0 {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// end closes the stream for good. Ending twice is harmless.
func (s *stream) end(err error) { s.endIf(err, func() bool { return true }) }

// endIf ends the stream if it lives and due, which is called under the lock,
// still says so: nobody can come back between the answer and the end.
func (s *stream) endIf(err error, due func() bool) {
	s.mu.Lock()
	if s.err != nil || !due() {
		s.mu.Unlock()
		return
	}
	s.err = err
	p, packets, cancel := s.publisher, s.packets, s.cancelSupply
	s.publisher = nil
	s.stay()
	s.mu.Unlock()
	s.hub.forget(s)
	close(s.ended)
	if p != nil {
		p.finish(err, ReasonOf(err))
	}
	if cancel != nil {
		cancel()
	}
	if packets != nil {
		packets.wake()
	}
}

// linger ends the stream after d, unless stay is called before. The caller
// holds s.mu.
func (s *stream) linger(d time.Duration) {
	s.stay()
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		// Stop comes too late for a timer that has fired already.
		s.endIf(ErrEnded, func() bool { return s.timer == t })
	})
	s.timer = t
}

// stay undoes linger. The caller holds s.mu.
func (s *stream) stay() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

// attach counts a reader in. It fails with errGone when the stream has ended
// meanwhile.
func (s *stream) attach() (*Reader, error) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return nil, errGone
	}
	s.readers++
	if s.supplied() {
		s.stay()
	}
	var wake func()
	if s.readers == 1 && s.publisher != nil {
		wake = s.publisher.wake
	}
	s.mu.Unlock()
	if wake != nil {
		wake()
	}
	return &Reader{stream: s, pos: -1}, nil
}

// detach counts a reader out and lets an unwanted supply linger to its end.
func (s *stream) detach(readsPackets, readsFrames bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers--
	if readsPackets {
		s.packetReaders--
	}
	if readsFrames {
		s.frameReaders--
	}
	s.forgetUnread()
	if s.readers == 0 && s.supplied() && s.err == nil {
		d := s.hub.options.SupplyLinger
		if !s.announced {
			d = max(d, StartWait) // players that wait for less ask again
		}
		s.linger(d)
	}
}
