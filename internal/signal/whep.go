package signal

import (
	"context"
	"mime"
	"net/http"
	"strings"

	"millrace/internal/catalog"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

// whepPrefix is where the endpoints are. The rest of the path is that of the
// stream's ARTC URL, and so is the path that a signature is made over: one
// auth_key is good for both.
const whepPrefix = "/whep"

// ServeWHEP answers POST /whep/{app}/{stream}, and DELETE and PATCH of the
// sessions that it makes, /whep/{app}/{stream}/{id}. It blocks until the
// request is answered.
func (s *Server) ServeWHEP(w http.ResponseWriter, r *http.Request) {
	openToAll(w.Header())
	w.Header().Set("Accept-Post", typeSDP)
	if r.Method == http.MethodOptions {
		preflight(w)
		return
	}
	q := catalog.Request{Protocol: catalog.WHEP, Host: r.Host, RemoteAddr: r.RemoteAddr}
	path := strings.TrimPrefix(r.URL.EscapedPath(), whepPrefix)
	var err error
	if endpoint, id, ok := cutSession(path); ok {
		if err = setPath(&q, endpoint); err == nil {
			err = s.resource(w, r, id)
		} else {
			err = badRequest(err.Error())
		}
	} else {
		err = s.whep(w, r, &q, path)
	}
	if err != nil {
		s.refused(q, err).problem(w)
	}
}

// cutSession splits "/app/stream/id".
func cutSession(path string) (endpoint, id string, ok bool) {
	if strings.Count(path, "/") != 3 {
		return "", "", false
	}
	at := strings.LastIndexByte(path, '/')
	return path[:at], path[at+1:], true
}

// whep answers an offer. An error is a refusal: nothing was answered yet.
func (s *Server) whep(w http.ResponseWriter, r *http.Request, q *catalog.Request, path string) error {
	if err := setPath(q, path); err != nil {
		return badRequest(err.Error())
	}
	if r.Method != http.MethodPost {
		return notAllowed(w.Header(), "POST, OPTIONS")
	}
	q.AuthKey = token(r)
	if !isType(r, typeSDP) {
		return &fault{http.StatusUnsupportedMediaType, reason.BadRequest, "the body must be " + typeSDP}
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.config.Timeout)
	defer cancel()
	body, leave, err := s.read(w, r)
	if err != nil {
		return err
	}
	defer leave()
	offer, err := sdp.ParseOffer(body)
	if err != nil {
		return badRequest(err.Error())
	}
	id, answer, err := s.play(ctx, *q, offer, wish{video: true, audio: true})
	if err != nil {
		return err
	}
	t := ticket{session: id, ice: iceTag(offer.Ufrag)}
	h := w.Header()
	h.Set("Location", r.URL.EscapedPath()+"/"+s.seal.write(t))
	h.Set("ETag", t.etag())
	h.Set("Accept-Patch", typeFragment)
	send(w, http.StatusCreated, typeSDP, []byte(answer))
	return nil
}

// token returns the auth_key of the query or, for clients that have a field for
// a bearer token and none for a query, that.
func token(r *http.Request) string {
	if key := authKey(r.URL.RawQuery); key != "" {
		return key
	}
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(key)
}

func isType(r *http.Request, want string) bool {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && t == want
}
