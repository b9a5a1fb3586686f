package live

import (
	"context"
	"errors"
)

// Supplier makes streams that nobody publishes, while somebody reads them.
type Supplier interface {
	// Supplies says, without blocking, whether Supply can be tried for n.
	Supplies(n Name) bool
	// Supply publishes n on the hub until ctx ends, which happens when the
	// last reader has been gone for a while, or until it cannot go on. It
	// closes its Publisher before it returns. Its error is what waiting and
	// attached readers get; nil means ErrEnded. Returning ErrTaken or
	// ErrReplaced leaves the stream to whoever publishes it instead. Supply is
	// not called again for n before it has returned.
	Supply(ctx context.Context, n Name) error
}

// supplier returns who can make n, or nil.
func (h *Hub) supplier(n Name) Supplier {
	for _, sup := range h.suppliers {
		if sup.Supplies(n) {
			return sup
		}
	}
	return nil
}

// supply starts a supply of n and returns its first reader, or errGone when n
// has come to be meanwhile.
func (h *Hub) supply(sup Supplier, n Name) (*Reader, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.streams[n] != nil {
		return nil, errGone
	}
	s, err := h.open(n, true)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancelSupply = cancel
	r, err := s.attach() // before a Supply that fails at once ends the stream
	before, returned := h.supplying[n], make(chan struct{})
	h.supplying[n] = returned
	h.running.Go(func() {
		if before != nil {
			<-before
		}
		s.supplyWith(ctx, sup)
		cancel()
		h.mu.Lock()
		if h.supplying[n] == returned {
			delete(h.supplying, n)
		}
		h.mu.Unlock()
		close(returned)
	})
	return r, err
}

// supplyWith runs the supply of a stream and ends the stream after it.
func (s *stream) supplyWith(ctx context.Context, sup Supplier) {
	if ctx.Err() != nil {
		return // unwanted before its turn came; the stream has ended
	}
	err := sup.Supply(ctx, s.name)
	if err == nil || ctx.Err() != nil {
		err = ErrEnded
	}
	lost := errors.Is(err, ErrTaken) || errors.Is(err, ErrReplaced)
	s.endIf(err, func() bool {
		if lost && s.publisher != nil {
			s.cancelSupply = nil
			s.stay()
			return false
		}
		return true
	})
}

// supplied says whether a Supplier makes the stream. The caller holds s.mu.
func (s *stream) supplied() bool { return s.cancelSupply != nil }
