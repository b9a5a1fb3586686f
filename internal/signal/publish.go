package signal

import (
	"context"
	"time"

	"millrace/internal/wire/sdp"
)

// publish makes a session for a publisher's offer. What could not be received
// is refused before admission: it must not take a name from anybody.
func (s *Server) publish(ctx context.Context, q request, offer *sdp.Offer, in sdp.Ingest) (granted, error) {
	began := time.Now()
	rec, err := offer.SelectPublish(in)
	if err != nil {
		return granted{}, err
	}
	p, err := s.admission.Publish(ctx, q.Request)
	if err != nil {
		return granted{}, err
	}
	id, transport, err := s.peers.Publish(offer, rec, p)
	if err != nil {
		err = noSession(err)
		p.Close(explain(err).reason)
		return granted{}, err
	}
	s.answered(q, id, q.App+"/"+q.Stream, began)
	return granted{id, offer.AnswerPublish(rec, transport)}, nil
}
