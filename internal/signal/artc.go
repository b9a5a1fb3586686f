package signal

import (
	"context"
	"encoding/json"
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
		w.Header().Set("Accept-Post", typeSDP+", "+typeJSON)
		preflight(w)
		return
	}
	q := request{Request: catalog.Request{Protocol: catalog.ARTC, Host: r.Host, RemoteAddr: r.RemoteAddr, Referer: r.Referer()}}
	path := r.URL.EscapedPath()
	_ = setPath(&q.Request, path) // for the log, until the body names the stream
	if r.Method != http.MethodPost {
		s.refused(q, notAllowed(w.Header(), "POST, OPTIONS")).artc(w)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.config.Timeout)
	defer cancel()
	body, leave, err := s.read(w, r)
	if isDescription(r, body) { // its type tells even when the body did not come
		q.Protocol, q.publish = catalog.WHIP, true
		if err == nil {
			defer leave()
			err = s.whip(ctx, w, r, &q, path, body)
		}
		if err != nil {
			s.refused(q, err).problem(w)
		}
		return
	}
	var g granted
	if err == nil {
		defer leave()
		g, err = s.artc(ctx, &q, body)
	}
	if err != nil {
		s.refused(q, err).artc(w)
		return
	}
	// Status 200 exactly: the players take no other for a success.
	send(w, http.StatusOK, typeJSON, encode(artcAnswer{http.StatusOK, "OK", g.id, artcJSEP{"answer", g.answer}}))
}

// artc does what the body asks for, and fills in q as it learns of it.
func (s *Server) artc(ctx context.Context, q *request, body string) (granted, error) {
	o, err := parseARTC(body)
	q.publish = o.publish
	if err != nil {
		return granted{}, err
	}
	q.Host, q.App, q.Stream, q.Path, q.AuthKey = o.target.Host, o.target.App, o.target.Stream, o.target.Path, o.target.AuthKey
	q.Query, q.Track = o.target.Query, o.target.Track
	if q.publish {
		return s.publish(ctx, *q, o.offer, sdp.Ingest{})
	}
	return s.play(ctx, *q, o.offer, o.wish)
}

// isDescription tells WHIP from ARTC. The official players send their JSON as a
// web form, so only application/sdp says anything.
func isDescription(r *http.Request, body string) bool {
	return isType(r, typeSDP) || strings.HasPrefix(strings.TrimSpace(body), "v=0")
}

// artcOrder is what the body of an ARTC request asks for.
type artcOrder struct {
	publish bool // known even where the rest is wrong
	target  catalog.Request
	offer   *sdp.Offer
	wish    wish // of a viewer
}

// parseARTC reads the body of a request to play or to publish. Which of them it
// is says its field, not its offer: a player's version 2.2 publishes sendrecv.
func parseARTC(body string) (o artcOrder, err error) {
	var a artcRequest
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		return o, badRequest("the body is not the JSON of an ARTC request: " + err.Error())
	}
	o.publish = present(a.PushStream)
	var field, url string
	switch {
	case o.publish && len(a.PullStreams) > 0:
		return o, badRequest("the request has both push_stream and pull_streams")
	case o.publish:
		field = "push_stream"
		if json.Unmarshal(a.PushStream, &url) != nil {
			return o, badRequest("push_stream is not a string")
		}
	case len(a.PullStreams) != 1:
		return o, badRequest("the request has neither push_stream nor exactly one element of pull_streams")
	default:
		field, url = "pull_streams[0].url", a.PullStreams[0].URL
		o.wish = wish{video: present(a.PullStreams[0].Video), audio: present(a.PullStreams[0].Audio)}
		if o.wish == (wish{}) { // a client that leaves the choice to its offer
			o.wish = wish{video: true, audio: true}
		}
	}
	if a.JSEP.Type != "offer" || a.JSEP.SDP == "" {
		return o, badRequest("jsep is not an offer")
	}
	if o.target, err = parseURL(url); err != nil {
		return o, badRequest(field + ": " + err.Error())
	}
	if o.offer, err = sdp.ParseOffer(a.JSEP.SDP); err != nil {
		return o, badRequest("jsep.sdp: " + err.Error())
	}
	return o, nil
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
