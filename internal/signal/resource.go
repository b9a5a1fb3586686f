package signal

import (
	"net/http"
	"strings"

	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

// resource serves the URL of one session.
func (s *Server) resource(w http.ResponseWriter, r *http.Request, q request, sealed string) error {
	if r.Method != http.MethodDelete && r.Method != http.MethodPatch {
		return notAllowed(w.Header(), "DELETE, PATCH, OPTIONS")
	}
	t, ok := s.seal.read(sealed)
	if !ok {
		return errNoSession
	}
	if r.Method == http.MethodPatch {
		return s.patch(w, r, q, t)
	}
	ended := s.peers.Close(t.session, reason.ClosedByPeer)
	s.ended.note(t.session, "")
	if !ended {
		return errNoSession
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

var errNoSession = &fault{http.StatusNotFound, reason.NotFound, "there is no such session"}

// patch takes candidates that the peer found later, or its new ICE credentials
// (RFC 9725 section 4.3; the WHEP draft has the same). Candidates are not
// needed: checks arrive from them all the same.
func (s *Server) patch(w http.ResponseWriter, r *http.Request, q request, t ticket) error {
	if !isType(r, typeFragment) {
		return &fault{http.StatusUnsupportedMediaType, reason.BadRequest, "the body must be " + typeFragment}
	}
	body, err := s.receive(w, r)
	if err != nil {
		return err
	}
	f, err := sdp.ParseFragment(body)
	if err != nil {
		return badRequest(err.Error())
	}
	ours, ice, err := s.renew(t, f, r.Header.Values("If-Match"))
	if err != nil {
		return err
	}
	if ours == nil { // without an ETag (section 4.3.2)
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	w.Header().Set("ETag", etag(ice))
	s.metrics.restarts.WithLabelValues(string(q.Protocol)).Inc()
	s.log.Info("ICE restarted", "stream", q.App+"/"+q.Stream, "session", t.session, "proto", string(q.Protocol), "peer", q.RemoteAddr)
	send(w, http.StatusOK, typeFragment, []byte(sdp.Restarted(t.mid, *ours)))
	return nil
}

// renew answers new ICE credentials with ours (section 4.3.3), which are nil
// where f has none.
func (s *Server) renew(t ticket, f sdp.Fragment, conditions []string) (ours *sdp.Transport, ice string, err error) {
	if _, ended := s.ended.of(t.session); ended {
		return nil, "", errNoSession
	}
	// Of two restarts at once, the second knows of the first.
	s.ice.mu.Lock()
	defer s.ice.mu.Unlock()
	now, restarted := s.ice.words[t.session]
	if !restarted {
		now = t.ice
	}
	switch {
	case len(conditions) == 0:
		return nil, "", &fault{http.StatusPreconditionRequired, reason.BadRequest, "If-Match must name the ICE session, or be * for a restart"}
	case !matches(conditions, etag(now)):
		return nil, "", &fault{http.StatusPreconditionFailed, reason.BadRequest, "If-Match does not name this ICE session"}
	case f.Ufrag == "" || iceTag(f.Ufrag) == now:
		return nil, now, nil
	case f.Pwd == "":
		return nil, "", badRequest("the fragment has a new ice-ufrag and no ice-pwd")
	}
	made, err := s.peers.Restart(t.session, f.Ufrag, f.Pwd)
	if err != nil {
		return nil, "", errNoSession
	}
	ice = iceTag(f.Ufrag)
	s.ice.set(t.session, ice)
	return &made, ice, nil
}

// matches compares entity tags strongly (RFC 9110 section 13.1.1).
func matches(conditions []string, tag string) bool {
	for _, list := range conditions {
		for one := range strings.SplitSeq(list, ",") {
			if one = strings.TrimSpace(one); one == "*" || one == tag {
				return true
			}
		}
	}
	return false
}
