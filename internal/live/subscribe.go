package live

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// StartWait is how long a viewer is let wait for a stream that is being started.
// An origin that speaks HLS, and has nobody to make segments for until it is asked,
// needs two of them, of up to 6 s; those who wait for longer than this at a player
// have gone.
const StartWait = 15 * time.Second

// Subscribe returns a reader of n. It waits, as long as ctx lets it, until the
// stream's tracks are known; a stream that nobody publishes is asked of the
// suppliers once. It fails with ErrNotFound when there is none, and with ErrLate
// where ctx's time was too short.
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

// Variant is Hub.Subscribe for a variant of r's stream, or of what that is a
// variant of; "" is what was published.
func (r *Reader) Variant(ctx context.Context, variant string) (*Reader, error) {
	n := r.stream.name
	n.Variant = variant
	return r.stream.hub.Subscribe(ctx, n)
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

// anewWait is how long a reader waits for the tracks of a publisher that goes on
// with another's stream; after it, those of the other have to do.
const anewWait = 2 * time.Second

// awaitTracks waits for the first Announce, and of a stream that goes on for
// that of its new publisher, who may bring other tracks.
func (s *stream) awaitTracks(ctx context.Context) error {
	select {
	case <-s.ready:
		s.awaitAnew(ctx)
		return nil // whatever else has happened since
	default:
	}
	select {
	case <-s.ready:
		return nil
	case <-s.ended:
		return s.cause()
	case <-ctx.Done():
		if err := context.Cause(ctx); !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return ErrLate
	}
}

// awaitAnew waits for what the present publisher announces first.
func (s *stream) awaitAnew(ctx context.Context) {
	s.mu.Lock()
	p := s.publisher
	s.mu.Unlock()
	if p == nil {
		return
	}
	late := time.NewTimer(anewWait)
	defer late.Stop()
	select {
	case <-p.known:
	case <-p.done:
	case <-s.ended:
	case <-ctx.Done():
	case <-late.C:
	}
}
