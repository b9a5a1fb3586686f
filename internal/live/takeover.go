package live

import (
	"context"
	"errors"
	"time"

	"millrace/internal/media"
)

// grace is how long what a dead publisher had sent may still be under way.
const grace = 250 * time.Millisecond

// AwaitPublish is Publish for a caller that has time, as ctx says: where
// another publisher holds the name it waits until that one has been silent for
// two seconds, and fails with ErrTaken as soon as it shows a sign of life. A
// publisher whose network or process died can so be back at once, and cannot
// be pushed aside while it lives.
func (h *Hub) AwaitPublish(ctx context.Context, n Name, proto, remote string) (*Publisher, error) {
	asked := media.Now()
	for {
		p, err := h.Publish(n, proto, remote)
		if !errors.Is(err, ErrTaken) {
			return p, err
		}
		rest, gone, lives := h.silenceLeft(n, asked)
		if lives {
			return nil, err
		}
		t := time.NewTimer(rest)
		select {
		case <-t.C:
		case <-gone:
		case <-ctx.Done():
			t.Stop()
			return nil, err
		}
		t.Stop()
	}
}

// lookAgain is how often a publisher is looked at for signs of life.
const lookAgain = 50 * time.Millisecond

// silenceLeft returns how long to wait before n is worth another try, which is no
// time where its publisher has gone meanwhile, and what is closed when it is
// before. lives says that its publisher has shown that it does.
func (h *Hub) silenceLeft(n Name, asked int64) (rest time.Duration, gone <-chan struct{}, lives bool) {
	h.mu.Lock()
	s := h.streams[n]
	h.mu.Unlock()
	if s == nil {
		return 0, nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publisher == nil {
		return 0, nil, false
	}
	if s.publisher.heard > asked+int64(grace) {
		return 0, nil, true
	}
	return lookAgain, s.publisher.done, false
}
