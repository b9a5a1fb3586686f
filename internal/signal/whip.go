package signal

import (
	"context"
	"net/http"

	"millrace/internal/catalog"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

// whipPrefix is where the sessions are, and a second way to the endpoints: the
// first is the stream's own path, as the vendor has it. Signatures are made over
// the path without it.
const whipPrefix = "/whip"

// ServeWHIP answers POST /whip/{app}/{stream} (RFC 9725 section 4.2), and DELETE
// and PATCH of all WHIP sessions, /whip/{app}/{stream}/{id}. It blocks until the
// request is answered.
func (s *Server) ServeWHIP(w http.ResponseWriter, r *http.Request) {
	s.serveHTTPOffers(w, r, whipPrefix, request{Request: catalog.Request{Protocol: catalog.WHIP}, publish: true}, s.whip)
}

// whip answers the offer of a WHIP publisher.
func (s *Server) whip(ctx context.Context, w http.ResponseWriter, r *http.Request, q *request, path, body string) error {
	offer, err := readOffer(r, q, path, body)
	if err != nil {
		return err
	}
	g, err := s.publish(ctx, *q, offer, sdp.Ingest{Carried: true})
	if err != nil {
		return err
	}
	s.created(w, whipPrefix+path, offer, g)
	return nil
}

// readOffer takes what WHIP and WHEP have in common from a request.
func readOffer(r *http.Request, q *request, path, body string) (*sdp.Offer, error) {
	if err := setPath(&q.Request, path); err != nil {
		return nil, badRequest(err.Error())
	}
	q.AuthKey, q.Query = token(r), r.URL.RawQuery
	offer, err := sdp.ParseOffer(body)
	if err != nil {
		return nil, badRequest(err.Error())
	}
	return offer, nil
}

// created tells of a new session, whose URL begins with endpoint.
func (s *Server) created(w http.ResponseWriter, endpoint string, offer *sdp.Offer, g granted) {
	t := ticket{session: g.id, ice: iceTag(offer.Ufrag), mid: firstMID(offer)}
	h := w.Header()
	h.Set("Location", endpoint+"/"+s.seal.write(t))
	h.Set("ETag", etag(t.ice))
	h.Set("Accept-Patch", typeFragment) // RFC 5789 section 3.1
	send(w, http.StatusCreated, typeSDP, []byte(g.answer))
}

// firstMID names the m-line whose transport all others use.
func firstMID(o *sdp.Offer) string {
	for i := range o.Media {
		if m := &o.Media[i]; m.Bundled {
			return m.MID
		}
	}
	return ""
}

// errNoSDP is the refusal of a body of another type.
var errNoSDP = &fault{http.StatusUnsupportedMediaType, reason.BadRequest, "the body must be " + typeSDP}
