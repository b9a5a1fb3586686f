package load

import (
	"context"
	"fmt"
	"sync"
	"time"

	"millrace/internal/media"
	"millrace/internal/rtmp"
)

// joinRTMP plays over RTMP, in a goroutine of its own. A frame counts as a packet.
func (a *audience) joinRTMP(ctx context.Context, raw string) (*member, error) {
	s := newSeen()
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	p, err := rtmp.Dialer{}.Play(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("play: %w", err)
	}
	s.connected = time.Now().UnixNano()
	left := make(chan struct{})
	leave := sync.OnceFunc(func() { close(left) })
	a.running.Go(func() {
		select {
		case <-a.ended:
		case <-left:
		}
		_ = p.Close()
	})
	a.running.Go(func() {
		defer leave()
		for {
			f, err := p.Next()
			if err != nil {
				return
			}
			at := time.Now().UnixNano()
			s.packet(len(f.Data), at)
			if f.Track.Kind != media.Video {
				continue
			}
			if st, _, ok := findStamp(f.Data); ok {
				s.frame(st, at)
			}
		}
	})
	return &member{s, nil, func(context.Context, bool) error { leave(); return nil }}, nil
}
