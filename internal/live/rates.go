package live

import (
	"time"

	"millrace/internal/media"
)

// rateWindow is the least time that rates are measured over.
const rateWindow = 2 * time.Second

// Rate is how much of one kind of media comes now.
type Rate struct {
	Frames float64 // access units per second
	Bits   float64 // of payload, per second
}

// meter measures one kind of a publisher's media, in windows that follow each
// other. Its owner holds the stream's mu.
type meter struct {
	began         int64 // Unix ns; 0: nothing has come
	frames, bytes int64 // since then
	newest        media.Time
	last          Rate // of the window before
}

// add counts bytes that arrived, of an access unit at a time. Of those that come
// in several pieces, or late, the one at the latest time is counted once.
func (m *meter) add(bytes int, at media.Time, arrived int64) {
	if m.began == 0 {
		m.began, m.newest = arrived, at-1
	} else if passed := arrived - m.began; passed >= int64(rateWindow) {
		m.last = m.since(arrived)
		m.began, m.frames, m.bytes = arrived, 0, 0
	}
	m.bytes += int64(bytes)
	if at > m.newest {
		m.newest = at
		m.frames++
	}
}

// since is the rate from the window's begin to now.
func (m *meter) since(now int64) Rate {
	seconds := float64(now-m.began) / 1e9
	return Rate{Frames: float64(m.frames) / seconds, Bits: float64(m.bytes) * 8 / seconds}
}

// now is the rate at a time: that of the window before, or, where that is not
// there or long over, what this one has so far.
func (m *meter) now(now int64) Rate {
	passed := time.Duration(now - m.began)
	switch {
	case m.began == 0:
		return Rate{}
	case passed >= rateWindow:
		return m.since(now)
	case m.last == Rate{} && passed >= rateWindow/4:
		return m.since(now)
	}
	return m.last
}

// Rates returns how much video and audio the publisher has sent lately: within
// the last two to four seconds. Of simulcast it is the best layer alone. Any
// goroutine may call it.
func (p *Publisher) Rates() (video, audio Rate) {
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	return p.rates(media.Now())
}

// rates is Rates for a caller that holds the stream's mu.
func (p *Publisher) rates(now int64) (video, audio Rate) {
	return p.meters[media.Video].now(now), p.meters[media.Audio].now(now)
}
