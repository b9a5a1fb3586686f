package live

import "time"

// keyApart is the least time between two requests for a key frame of one
// stream: what several viewers ask for within it is one request.
const keyApart = 500 * time.Millisecond

// OnKeyRequest makes ask the way to ask the publisher for a key frame. It is
// called by any goroutine, also from within WritePacket, at most every 500 ms:
// it must not block, nor take a lock that is held while the publisher writes.
// OnKeyRequest is called before Announce.
func (p *Publisher) OnKeyRequest(ask func()) {
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	p.ask = ask
}

// RequestKey asks the stream's publisher for a key frame. It reports whether
// the publisher can be asked; requests within 500 ms are one. It does not block.
func (r *Reader) RequestKey() bool {
	s := r.stream
	s.mu.Lock()
	ask, due := s.keyRequest(time.Now().UnixNano())
	s.mu.Unlock()
	if due {
		ask()
	}
	return ask != nil
}

// keyRequest returns how to ask the publisher for a key frame, nil where it
// cannot be asked, and whether it is time to. The caller holds s.mu, and asks
// after it has let go of it.
func (s *stream) keyRequest(now int64) (ask func(), due bool) {
	if !s.askable() {
		return nil, false
	}
	// A wall clock that is set back does not silence the asking.
	if past := now - s.keyAsked; past >= 0 && past < int64(keyApart) {
		return s.publisher.ask, false
	}
	s.keyAsked = now
	return s.publisher.ask, true
}

// Alive notes a sign of life of a publisher that may have no media to send now.
func (p *Publisher) Alive() {
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	p.heard = max(p.heard, time.Now().UnixNano())
}
