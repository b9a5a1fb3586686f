package srt

import (
	"sync"
	"time"

	gosrt "github.com/datarhei/gosrt"
)

// peers notes what the library tells of peers nobody but its logger: which of them
// have ended their connection themselves, and how their clocks run. It keeps what
// belongs to open sessions alone.
type peers struct {
	mu    sync.Mutex
	bound map[uint32]*peer // by socket
}

// peer is that of one session.
type peer struct {
	bye   bool       // it has said goodbye
	clock *peerClock // nil: it sends nothing that is held back
}

// bind notes that a socket has a session.
func (p *peers) bind(socket uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bound == nil {
		p.bound = map[uint32]*peer{}
	}
	p.bound[socket] = &peer{}
}

// follow has the clock of a session's peer followed.
func (p *peers) follow(c gosrt.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.bound[c.SocketId()]; known != nil {
		known.clock = newPeerClock(c)
	}
}

// release forgets a socket, and reports whether its peer has said goodbye.
func (p *peers) release(socket uint32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.bound[socket]
	delete(p.bound, socket)
	return known != nil && known.bye
}

// shutdownTopic is what the library logs a received SHUTDOWN under.
const shutdownTopic = "control:recv:shutdown:dump"

// HasTopic implements gosrt.Logger.
func (p *peers) HasTopic(topic string) bool { return topic == shutdownTopic || topic == confirmTopic }

// Print implements gosrt.Logger.
func (p *peers) Print(topic string, socket uint32, _ int, message func() string) {
	if !p.HasTopic(topic) {
		return
	}
	var clock *peerClock
	p.mu.Lock()
	if known := p.bound[socket]; known != nil {
		known.bye = known.bye || topic == shutdownTopic
		clock = known.clock
	}
	p.mu.Unlock()
	if topic == confirmTopic && clock != nil {
		clock.confirmed(time.Now(), message)
	}
}

// Listen implements gosrt.Logger; there is nothing to listen to.
func (p *peers) Listen() <-chan gosrt.Log { return nil }

// Close implements gosrt.Logger.
func (p *peers) Close() {}
