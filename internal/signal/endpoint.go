package signal

import (
	"context"
	"mime"
	"net/http"
	"strings"
	"time"

	"millrace/internal/catalog"
)

// take answers an offer that was read. An error is a refusal: nothing was
// answered yet.
type take func(ctx context.Context, w http.ResponseWriter, r *http.Request, q *request, path, body string) error

// serveHTTPOffers serves the endpoints and the sessions of WHIP or WHEP, which
// are below prefix. q tells the two apart.
func (s *Server) serveHTTPOffers(w http.ResponseWriter, r *http.Request, prefix string, q request, offers take) {
	openToAll(w.Header())
	w.Header().Set("Accept-Post", typeSDP)
	w.Header().Set("Accept-Patch", typeFragment)
	if r.Method == http.MethodOptions {
		preflight(w)
		return
	}
	q.Host, q.RemoteAddr, q.Referer = r.Host, r.RemoteAddr, r.Referer()
	if !q.publish {
		q.Track = catalog.Tracks(r.URL.RawQuery)
	}
	path := strings.TrimPrefix(r.URL.EscapedPath(), prefix)
	var err error
	if endpoint, id, ok := cutSession(path); ok {
		if err = setPath(&q.Request, endpoint); err == nil {
			err = s.resource(w, r, q, id)
		} else {
			err = badRequest(err.Error())
		}
	} else {
		err = s.endpoint(w, r, &q, path, offers)
	}
	if err != nil {
		s.refused(q, err).problem(w)
	}
}

// endpoint serves the URL of a stream.
func (s *Server) endpoint(w http.ResponseWriter, r *http.Request, q *request, path string, offers take) error {
	if err := setPath(&q.Request, path); err != nil {
		return badRequest(err.Error())
	}
	if r.Method != http.MethodPost {
		return notAllowed(w.Header(), "POST, OPTIONS")
	}
	if !isType(r, typeSDP) {
		return errNoSDP
	}
	ctx, cancel := s.inTime(r.Context(), q)
	defer cancel()
	body, leave, err := s.read(w, r)
	if err != nil {
		return err
	}
	defer leave()
	return offers(ctx, w, r, q, path, body)
}

// inTime bounds the answering of q. Who plays may wait for its stream to begin, but
// where places run short no longer than others need.
func (s *Server) inTime(ctx context.Context, q *request) (context.Context, context.CancelFunc) {
	if q.publish {
		return context.WithTimeout(ctx, s.config.Timeout)
	}
	ctx, giveUp := context.WithCancelCause(ctx)
	crowded := time.AfterFunc(s.config.Timeout, func() {
		if len(s.pending) > cap(s.pending)/2 {
			giveUp(errBusy)
		}
	})
	ctx, cancel := context.WithTimeout(ctx, s.config.StartTimeout)
	return ctx, func() {
		crowded.Stop()
		cancel()
		giveUp(nil)
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

// token returns the auth_key of the query or, for clients that have a field for
// a bearer token and none for a query, that.
func token(r *http.Request) string {
	if key := catalog.Argument(r.URL.RawQuery, "auth_key"); key != "" {
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
