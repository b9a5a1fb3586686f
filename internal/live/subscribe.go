package live

import (
	"context"
	"errors"
	"fmt"
)

// Subscribe returns a reader of n. It waits, as long as ctx lets it, until the
// stream's tracks are known; a stream that nobody publishes is asked of the
// suppliers once. It fails with ErrNotFound when there is none.
func (h *Hub) Subscribe(ctx context.Context, n Name) (*Reader, error) {
	r, err := h.join(n)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", n, err)
	}
	if err := r.stream.awaitTracks(ctx); err != nil {
		r.Close()
		return nil, fmt.Errorf("subscribe to %s: %w", n, err)
	}
	return r, nil
}

// join attaches a reader to n, starting a supply where one is possible.
func (h *Hub) join(n Name) (*Reader, error) {
	for {
		h.mu.Lock()
		s, err := h.open(n, false)
		h.mu.Unlock()
		if err != nil {
			return nil, err
		}
		var r *Reader
		if s != nil {
			r, err = s.attach()
		} else if sup := h.supplier(n); sup != nil {
			r, err = h.supply(sup, n)
		} else {
			return nil, ErrNotFound
		}
		if !errors.Is(err, errGone) {
			return r, err
		}
		if s != nil {
			h.forget(s)
		}
	}
}

// awaitTracks waits for the first Announce.
func (s *stream) awaitTracks(ctx context.Context) error {
	select {
	case <-s.ready:
		return nil // whatever else has happened since
	default:
	}
	select {
	case <-s.ready:
		return nil
	case <-s.ended:
		return s.cause()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
