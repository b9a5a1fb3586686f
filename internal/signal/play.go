package signal

import (
	"context"
	"time"

	"millrace/internal/wire/sdp"
)

// wish says which media a viewer asks for besides what its offer says.
type wish struct{ video, audio bool }

// play makes a session for a viewer's offer.
func (s *Server) play(ctx context.Context, q request, offer *sdp.Offer, w wish) (granted, error) {
	began := time.Now()
	if err := s.config.Ready(ctx); err != nil {
		return granted{}, notReady(ctx, err)
	}
	r, mode, err := s.admission.Play(ctx, q.Request, "")
	if err != nil {
		return granted{}, err
	}
	r, sel, err := s.choose(ctx, q.Request, offer, w, r, mode)
	if err != nil {
		return granted{}, err
	}
	id, transport, err := s.peers.Play(offer, sel, r, mode)
	if err != nil {
		r.Close()
		return granted{}, noSession(err)
	}
	s.answered(q, id, r.Name().String(), began)
	return granted{id, offer.Answer(sel, transport)}, nil
}
