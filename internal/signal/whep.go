package signal

import (
	"context"
	"net/http"

	"millrace/internal/catalog"
)

// whepPrefix is where the endpoints are. The rest of the path is that of the
// stream's ARTC URL, and so is the path that a signature is made over: one
// auth_key is good for both.
const whepPrefix = "/whep"

// ServeWHEP answers POST /whep/{app}/{stream}, and DELETE and PATCH of the
// sessions that it makes, /whep/{app}/{stream}/{id}. It blocks until the
// request is answered.
func (s *Server) ServeWHEP(w http.ResponseWriter, r *http.Request) {
	s.serveHTTPOffers(w, r, whepPrefix, request{Request: catalog.Request{Protocol: catalog.WHEP}}, s.whep)
}

// whep answers the offer of a WHEP viewer.
func (s *Server) whep(ctx context.Context, w http.ResponseWriter, r *http.Request, q *request, path, body string) error {
	offer, err := readOffer(r, q, path, body)
	if err != nil {
		return err
	}
	g, err := s.play(ctx, *q, offer, wish{video: true, audio: true})
	if err != nil {
		return err
	}
	s.created(w, whepPrefix+path, offer, g)
	return nil
}
