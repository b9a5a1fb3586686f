package srt

import (
	"context"
	"net"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"millrace/internal/live"
	"millrace/internal/wire/ts"
)

// message is the size of what SRT carries of MPEG-TS at a time, in bytes: seven
// packets, the usual message.
const message = 7 * ts.PacketSize

// SRT sends what it is given at once, and gives up what it could not get across
// within a second. So it is given no more than the peer takes.
const (
	// pace is how many messages go out per tick at most: 67 Mbit/s. A group of
	// pictures at once would overrun the peer's socket.
	pace = 64
	tick = 10 * time.Millisecond
	// look is how often it is looked at how the peer keeps up.
	look = 200 * time.Millisecond
	// longest is the age of what is on its way at which a peer has fallen behind.
	longest = 800 * time.Millisecond
	// torn is the part of what was sent in a second that, being sent again, says
	// that the way is too narrow.
	torn = 0.3
	// fewest is how many messages in a second tell anything about that.
	fewest = 50
	// rest is how long nothing is sent to a peer whose way is too narrow: longer
	// than the feed's patience with old media, so that it goes on at a key frame.
	rest = maxAge + time.Second
	// maxRests is how often, without good seconds between, before it is closed.
	maxRests = 3
)

// sink carries a feed's bytes to one viewer. One goroutine uses it.
type sink struct {
	conn  gosrt.Conn
	limit time.Duration // of a wait for the peer

	sent   int // messages in this tick
	looked time.Time
	mark   gosrt.StatisticsAccumulated // at the last full second
	marked time.Time
	rests  int
}

// Send implements feed.Sink. Pieces are whole packets.
func (s *sink) Send(ctx context.Context, batch net.Buffers) error {
	for _, b := range batch {
		for len(b) > 0 {
			n := min(len(b), message)
			if err := s.ready(ctx); err != nil {
				return err
			}
			if _, err := s.conn.Write(b[:n]); err != nil {
				return errGone // or its queue is full, which ready prevents
			}
			b = b[n:]
		}
	}
	return nil
}

// ready waits until the peer can take another message.
func (s *sink) ready(ctx context.Context) error {
	if s.sent++; s.sent >= pace {
		s.sent = 0
		if err := pause(ctx, tick); err != nil {
			return err
		}
	}
	now := time.Now()
	if now.Sub(s.looked) < look {
		return nil
	}
	s.looked = now
	var all gosrt.Statistics
	s.conn.Stats(&all)
	if s.narrow(all.Accumulated, now) {
		if s.rests++; s.rests > maxRests {
			return live.ErrSlow
		}
		return pause(ctx, rest)
	}
	for since := now; all.Instantaneous.MsSendBuf > uint64(longest.Milliseconds()); s.conn.Stats(&all) {
		if time.Since(since) > s.limit {
			return live.ErrSlow
		}
		if err := pause(ctx, tick); err != nil {
			return err
		}
	}
	return nil
}

// narrow judges a full second of what was sent.
func (s *sink) narrow(a gosrt.StatisticsAccumulated, now time.Time) bool {
	if now.Sub(s.marked) < time.Second {
		return false
	}
	sent, again := a.PktSent-s.mark.PktSent, a.PktRetrans-s.mark.PktRetrans
	first := s.marked.IsZero()
	s.mark, s.marked = a, now
	if first || sent < fewest {
		return false
	}
	if float64(again) > torn*float64(sent) {
		return true
	}
	s.rests = max(0, s.rests-1)
	return false
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
