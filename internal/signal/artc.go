package signal

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"strings"

	"millrace/internal/catalog"
	"millrace/internal/wire/sdp"
)

// artcRequest is the body of an ARTC request, as far as it is looked at.
type artcRequest struct {
	PullStreams []struct {
		URL string `json:"url"`
		// Wanted tracks; an absent one means that the medium is not wanted.
		Audio json.RawMessage `json:"amsid"`
		Video json.RawMessage `json:"vmsid"`
	} `json:"pull_streams"`
	PushStream json.RawMessage `json:"push_stream"`
	JSEP       struct {
		Type string `json:"type"`
		SDP  string `json:"sdp"`
	} `json:"jsep"`
}

type artcAnswer struct {
	Code    int      `json:"code"`
	Message string   `json:"message"`
	Trace   string   `json:"trace_id"`
	JSEP    artcJSEP `json:"jsep"`
}

type artcJSEP struct {
	Type string `json:"type"`
	SDP  string `json:"sdp"`
}

// ServeARTC answers POST /{app}/{stream}: JSON of any media type is ARTC, whose
// stream is named in the body; a session description is WHIP. It blocks until
// the request is answered.
func (s *Server) ServeARTC(w http.ResponseWriter, r *http.Request) {
	openToAll(w.Header())
	if r.Method == http.MethodOptions {
		preflight(w)
		return
	}
	q := catalog.Request{Protocol: catalog.ARTC, Host: r.Host, RemoteAddr: r.RemoteAddr}
	_ = setPath(&q, r.URL.EscapedPath()) // for the log, until the body names the stream
	id, answer, isSDP, err := s.artc(w, r, &q)
	switch {
	case err == nil:
		// Status 200 exactly: the players take no other for a success.
		send(w, http.StatusOK, typeJSON, encode(artcAnswer{http.StatusOK, "OK", id, artcJSEP{"answer", answer}}))
	case isSDP:
		s.refused(q, err).problem(w)
	default:
		s.refused(q, err).artc(w)
	}
}

// artc does the work of ServeARTC, and fills in q as it learns of it.
func (s *Server) artc(w http.ResponseWriter, r *http.Request, q *catalog.Request) (id, answer string, isSDP bool, err error) {
	if r.Method != http.MethodPost {
		return "", "", false, notAllowed(w.Header(), "POST, OPTIONS")
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.config.Timeout)
	defer cancel()
	body, leave, err := s.read(w, r)
	if err != nil {
		return "", "", false, err
	}
	defer leave()
	if isDescription(r, body) {
		return "", "", true, noPublishing()
	}
	target, offer, want, err := parseARTC(body)
	if err != nil {
		return "", "", false, err
	}
	target.RemoteAddr = q.RemoteAddr
	*q = target
	id, answer, err = s.play(ctx, target, offer, want)
	return id, answer, false, err
}

// isDescription tells WHIP from ARTC. The official players send their JSON as a
// web form, so only application/sdp says anything.
func isDescription(r *http.Request, body string) bool {
	t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return t == typeSDP || strings.HasPrefix(strings.TrimSpace(body), "v=0")
}

// parseARTC reads the body of a request to play.
func parseARTC(body string) (catalog.Request, *sdp.Offer, wish, error) {
	var a artcRequest
	no := func(err error) (catalog.Request, *sdp.Offer, wish, error) {
		return catalog.Request{Protocol: catalog.ARTC}, nil, wish{}, err
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		return no(badRequest("the body is not the JSON of an ARTC request: " + err.Error()))
	}
	switch {
	case present(a.PushStream):
		return no(noPublishing())
	case len(a.PullStreams) != 1:
		return no(badRequest("pull_streams has not exactly one element"))
	case a.JSEP.Type != "offer" || a.JSEP.SDP == "":
		return no(badRequest("jsep is not an offer"))
	}
	q, err := parseURL(a.PullStreams[0].URL)
	if err != nil {
		return no(badRequest("pull_streams[0].url: " + err.Error()))
	}
	offer, err := sdp.ParseOffer(a.JSEP.SDP)
	if err != nil {
		return no(badRequest("jsep.sdp: " + err.Error()))
	}
	want := wish{video: present(a.PullStreams[0].Video), audio: present(a.PullStreams[0].Audio)}
	if !want.video && !want.audio { // a client that leaves the choice to its offer
		want = wish{video: true, audio: true}
	}
	return q, offer, want, nil
}

// present says whether a field is there and not empty.
func present(v json.RawMessage) bool {
	switch strings.Join(strings.Fields(string(v)), "") {
	case "", "null", "[]", `""`:
		return false
	}
	return true
}

// artc tells a refusal in the players' own words. They show the status.
func (f refusal) artc(w http.ResponseWriter) {
	f.prepare(w.Header())
	send(w, f.status, typeJSON, encode(struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Trace   string `json:"trace_id"`
		Reason  string `json:"reason"`
	}{f.status, f.detail, f.trace, string(f.reason)}))
}
