package signal

import (
	"net/http"
	"strings"

	"millrace/internal/reason"
)

// resource serves the URL of one WHEP session.
func (s *Server) resource(w http.ResponseWriter, r *http.Request, sealed string) error {
	if r.Method != http.MethodDelete && r.Method != http.MethodPatch {
		return notAllowed(w.Header(), "DELETE, PATCH, OPTIONS")
	}
	t, ok := s.seal.read(sealed)
	if !ok {
		return noSuchSession()
	}
	if r.Method == http.MethodPatch {
		return s.patch(w, r, t)
	}
	if !s.peers.Close(t.session, reason.ClosedByPeer) {
		return noSuchSession()
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func noSuchSession() error {
	return &fault{http.StatusNotFound, reason.NotFound, "there is no such session"}
}

// patch takes candidates that a viewer found later. They are not needed: the
// viewer's checks arrive from them all the same. New ICE credentials, which
// mean a restart, are refused with the status for servers that do only one of
// the two (draft-ietf-wish-whep section 4.4); viewers then make a new session.
func (s *Server) patch(w http.ResponseWriter, r *http.Request, t ticket) error {
	if !isType(r, typeFragment) {
		return &fault{http.StatusUnsupportedMediaType, reason.BadRequest, "the body must be " + typeFragment}
	}
	match := r.Header.Get("If-Match")
	if match != "" && match != "*" && match != t.etag() {
		return &fault{http.StatusPreconditionFailed, reason.BadRequest, "If-Match does not name this ICE session"}
	}
	body, err := s.receive(w, r)
	if err != nil {
		return err
	}
	ufrags, ok := readFragment(body)
	if !ok {
		return badRequest("the body is no SDP fragment")
	}
	for _, u := range ufrags {
		if iceTag(u) == t.ice {
			continue
		}
		return &fault{http.StatusUnprocessableEntity, reason.UnsupportedMsg, "ICE restarts are not possible here: make a new session"}
	}
	w.Header().Set("ETag", t.etag())
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// readFragment finds the ICE user names in an SDP fragment (RFC 8840 section 9).
func readFragment(body string) (ufrags []string, ok bool) {
	for line := range strings.SplitSeq(body, "\n") {
		line = strings.TrimRight(line, "\r")
		switch {
		case line == "":
		case len(line) < 2 || line[1] != '=':
			return nil, false
		default:
			ok = true
		}
		if v, found := strings.CutPrefix(line, "a=ice-ufrag:"); found {
			ufrags = append(ufrags, v)
		}
	}
	return ufrags, ok
}
