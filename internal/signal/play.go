package signal

import (
	"context"
	"time"

	"millrace/internal/wire/sdp"
)

// wish says which media a viewer asks for besides what its offer says.
type wish struct{ video, audio bool }

// stale is how long after Config.Ready has let a viewer in it is asked again.
const stale = time.Second

// play makes a session for a viewer's offer.
func (s *Server) play(ctx context.Context, q request, offer *sdp.Offer, w wish) (granted, error) {
	began := time.Now()
	if err := s.config.Ready(ctx); err != nil {
		return granted{}, notReady(ctx, err)
	}
	let := time.Now()
	r, mode, err := s.admission.Play(ctx, q.Request, "")
	if err != nil {
		return granted{}, err
	}
	r, sel, err := s.choose(ctx, q.Request, offer, w, r, mode)
	if err != nil {
		return granted{}, err
	}
	if time.Since(let) > stale { // others have waited for the stream too, and all go on at once
		if err := s.config.Ready(ctx); err != nil {
			r.Close()
			return granted{}, notReady(ctx, err)
		}
	}
	id, transport, err := s.peers.Play(offer, sel, r, mode)
	if err != nil {
		r.Close()
		return granted{}, noSession(err)
	}
	s.answered(q, id, r.Name().String(), began)
	return granted{id, offer.Answer(sel, transport)}, nil
}
