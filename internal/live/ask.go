package live

import (
	"time"

	"millrace/internal/media"
)

// keyApart is the least time between two requests for a key frame of one
// stream: what several viewers ask for within it is one request.
const keyApart = 500 * time.Millisecond

// keyPatience is how long after a request a key frame still counts as its
// answer: the request or the answer may be lost once.
const keyPatience = 1500 * time.Millisecond

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

// MadeOf says that what p publishes is made of what source reads: it is on the same
// scale of time, and requests for key frames go to source's publisher, and are to
// be expected to be heeded as long as that one heeds them. MadeOf is called before
// Announce.
func (p *Publisher) MadeOf(source *Reader) {
	p.OnKeyRequest(func() { source.RequestKey() })
	p.stream.mu.Lock()
	defer p.stream.mu.Unlock()
	p.made = source.stream
	p.timeline = timeline{started: true}
}

// RequestKey asks the stream's publisher for a key frame. It reports whether one
// is to be expected: the publisher can be asked, and has not shown that it does
// not listen. Requests within 500 ms are one. It does not block.
func (r *Reader) RequestKey() bool {
	s := r.stream
	s.mu.Lock()
	ask, due := s.keyRequest(media.Now())
	heeds := s.heeds()
	made := s.madeOf()
	s.mu.Unlock()
	if due {
		ask()
	}
	if made != nil { // no two streams are locked at a time
		made.mu.Lock()
		defer made.mu.Unlock()
		return heeds && made.heeds()
	}
	return heeds
}

// madeOf returns the stream that this one is made of, or nil. The caller holds
// s.mu.
func (s *stream) madeOf() *stream {
	if s.publisher == nil {
		return nil
	}
	return s.publisher.made
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
	if s.publisher.unanswered == 0 {
		s.publisher.unanswered = now
	}
	return s.publisher.ask, true
}

// answer notes what pk, which was appended, says of how the publisher treats
// requests. Some agree to PLI and ignore it (OBS): viewers that wait for what
// they asked for would wait for the next key frame in turn.
func (p *Publisher) answer(pk *media.Packet) {
	if pk.Kind != media.Video || pk.Layer != 0 {
		return
	}
	pause := pk.Arrived - p.pictured
	p.pictured = pk.Arrived
	if p.unanswered == 0 {
		return
	}
	if pause > int64(keyPatience) { // it had nothing to answer with
		p.unanswered = pk.Arrived
	}
	late := pk.Arrived-p.unanswered > int64(keyPatience)
	switch {
	case pk.Key && pk.Start:
		p.heedless, p.unanswered = late, 0
	case late:
		p.heedless = true
	}
}

// Alive notes a sign of life of a publisher that may have no media to send now.
func (p *Publisher) Alive() {
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	p.heard = max(p.heard, media.Now())
}
