package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/rtmp"
)

const (
	dialTimeout  = 5 * time.Second
	firstBackoff = 250 * time.Millisecond
	lastBackoff  = 15 * time.Second
)

// Publisher publishes the loop. It holds no state between calls of Run.
type Publisher struct {
	loop *Loop
	log  *slog.Logger
}

// NewPublisher reads the loop. It starts nothing.
func NewPublisher(log *slog.Logger) (*Publisher, error) {
	loop, err := Load()
	if err != nil {
		return nil, err
	}
	return &Publisher{loop: loop, log: log}, nil
}

// Run publishes the loop to rtmpURL, rtmp://host[:port]/app/stream[?query],
// until ctx ends, and connects again when the connection is lost or refused. It
// blocks. It returns nil when ctx has ended, and rtmp.ErrURL at once when
// rtmpURL is no such URL.
func (p *Publisher) Run(ctx context.Context, rtmpURL string) error {
	backoff := firstBackoff
	for {
		s := session{loop: p.loop, schedule: schedule{loop: p.loop}}
		err := s.run(ctx, rtmpURL)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, rtmp.ErrURL) {
			return fmt.Errorf("publish demo loop: %w", err)
		}
		if s.sent > 0 {
			backoff = firstBackoff
		}
		stream, peer := place(rtmpURL)
		p.log.Warn("demo publisher lost its connection", "stream", stream, "proto", "rtmp", "peer", peer,
			"reason", why(err), "err", err, "frames", s.sent, "jumps", s.schedule.jumps, "retry_in", backoff)
		if !pause(ctx, backoff) {
			return nil
		}
		backoff = min(2*backoff, lastBackoff)
	}
}

// place is what of a URL may be logged: not its signature.
func place(rtmpURL string) (stream, peer string) {
	u, err := url.Parse(rtmpURL)
	if err != nil {
		return "", ""
	}
	return u.Path, u.Host
}

// why is the reason for the end of a connection.
func why(err error) reason.Reason {
	if told := (*rtmp.StatusError)(nil); errors.As(err, &told) {
		return reason.ClosedByPeer
	}
	return reason.PeerGone
}

// pause waits and says whether ctx still lives.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// session is one connection.
type session struct {
	loop     *Loop
	schedule schedule
	sent     int
}

// run connects and sends each frame when it is due, until ctx ends or the
// connection fails.
func (s *session) run(ctx context.Context, rtmpURL string) error {
	dialing, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := rtmp.Dial(dialing, rtmpURL)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // what was sent is all that counts
	if err := c.Announce(s.loop.Video, s.loop.Audio); err != nil {
		return fmt.Errorf("announce tracks: %w", err)
	}
	for began := time.Now(); ; {
		now := time.Now()
		wait, at := s.schedule.peek(now.UnixNano(), now.Sub(began))
		if wait > 0 {
			if !pause(ctx, wait) {
				return context.Cause(ctx)
			}
			continue
		}
		f := *s.loop.frames[s.schedule.next]
		f.DTS, f.PTS = media.Time(at), media.Time(at)
		if err := c.Write(&f); err != nil {
			return fmt.Errorf("write frame: %w", err)
		}
		s.sent++
		s.schedule.advance()
	}
}
