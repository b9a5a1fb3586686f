package srt

import (
	"sync"

	gosrt "github.com/datarhei/gosrt"
)

// goodbyes notes which peers have ended their connection themselves. The library
// tells nobody but its logger. It keeps what belongs to open sessions alone.
type goodbyes struct {
	mu    sync.Mutex
	bound map[uint32]bool // by socket: whether its peer has said goodbye
}

// bind notes that a socket has a session.
func (g *goodbyes) bind(socket uint32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.bound == nil {
		g.bound = map[uint32]bool{}
	}
	g.bound[socket] = false
}

// release forgets a socket, and reports whether its peer has said goodbye.
func (g *goodbyes) release(socket uint32) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	said := g.bound[socket]
	delete(g.bound, socket)
	return said
}

// shutdownTopic is what the library logs a received SHUTDOWN under.
const shutdownTopic = "control:recv:shutdown:dump"

// HasTopic implements gosrt.Logger.
func (g *goodbyes) HasTopic(topic string) bool { return topic == shutdownTopic }

// Print implements gosrt.Logger.
func (g *goodbyes) Print(topic string, socket uint32, _ int, _ func() string) {
	if topic != shutdownTopic {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.bound[socket]; ok {
		g.bound[socket] = true
	}
}

// Listen implements gosrt.Logger; there is nothing to listen to.
func (g *goodbyes) Listen() <-chan gosrt.Log { return nil }

// Close implements gosrt.Logger.
func (g *goodbyes) Close() {}
