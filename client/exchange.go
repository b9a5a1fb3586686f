package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 256 << 10

// removeTimeout bounds the goodbye of WHIP and WHEP. The transport's own comes
// after it in any case.
const removeTimeout = 2 * time.Second

// exchange is the signaling with one server.
type exchange struct {
	address address
	publish bool
	token   string
	timeout time.Duration
	http    *http.Client
}

// newExchange makes no connection yet. Connections are not kept: there is one
// request to begin a session and one to end it.
func newExchange(a address, publish bool, c *Connection) *exchange {
	dialer := net.Dialer{Timeout: c.timeout()}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, DisableKeepAlives: true,
		TLSHandshakeTimeout: c.timeout(), ResponseHeaderTimeout: c.timeout(), ForceAttemptHTTP2: true,
		MaxResponseHeaderBytes: 64 << 10,
	}
	if c.TLS != nil {
		transport.TLSClientConfig = c.TLS.Clone()
	}
	return &exchange{
		address: a, publish: publish, token: c.Token, timeout: c.timeout(),
		http: &http.Client{Transport: transport},
	}
}

// offer sends an offer and returns the answer, and the URL of the session in
// protocols that have one. A refusal is a *StatusError.
func (x *exchange) offer(ctx context.Context, sdp string) (answer string, session *url.URL, err error) {
	ctx, cancel := context.WithTimeout(ctx, x.timeout)
	defer cancel()
	body, contentType, want := sdp, "application/sdp", http.StatusCreated
	if x.address.artc != "" {
		body, contentType, want = artcOffer(x.address.artc, x.publish, sdp), "application/json", http.StatusOK
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.address.endpoint.String(), strings.NewReader(body))
	if err != nil {
		return "", nil, &answerError{"the URL cannot be asked"}
	}
	req.Header.Set("Content-Type", contentType)
	if x.token != "" && x.address.artc == "" {
		req.Header.Set("Authorization", "Bearer "+x.token)
	}
	res, err := x.http.Do(req)
	if err != nil {
		return "", nil, fmt.Errorf("ask %s: %w", x.address.endpoint.Host, bare(err))
	}
	defer res.Body.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("read answer: %w", err)
	case res.StatusCode >= 300:
		return "", nil, refusal(res.StatusCode, text)
	case res.StatusCode != want:
		return "", nil, &answerError{fmt.Sprintf("status %s, not %d", res.Status, want)}
	case x.address.artc != "":
		answer, err = artcAnswer(text)
		return answer, nil, err
	}
	return string(text), resource(res.Request.URL, res.Header.Get("Location")), nil
}

// bare drops the URL from an error of net/http: it may hold a key.
func bare(err error) error {
	if u, ok := err.(*url.Error); ok { //nolint:errorlint // the outermost one
		return u.Err
	}
	return err
}

// remove ends a session with DELETE (RFC 9725 section 4.2). The token is for
// the server that it was given for.
func (x *exchange) remove(ctx context.Context, session *url.URL) {
	if session == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, session.String(), nil)
	if err != nil {
		return
	}
	if x.token != "" && session.Host == x.address.endpoint.Host {
		req.Header.Set("Authorization", "Bearer "+x.token)
	}
	if res, err := x.http.Do(req); err == nil {
		_ = res.Body.Close()
	}
}

// artcOffer is the body of an ARTC request.
func artcOffer(stream string, publish bool, sdp string) string {
	type pull struct {
		URL   string   `json:"url"`
		Audio []string `json:"amsid"`
		Video []string `json:"vmsid"`
	}
	body := struct {
		Version int               `json:"version"`
		SDK     string            `json:"sdk_version"`
		Mode    string            `json:"mode"`
		Pull    []pull            `json:"pull_streams,omitempty"`
		Push    string            `json:"push_stream,omitempty"`
		JSEP    map[string]string `json:"jsep"`
	}{Version: 2, SDK: "0.0.1", Mode: "live", JSEP: map[string]string{"type": "offer", "sdp": sdp}}
	if publish {
		body.Mode, body.Push = "rtc", stream
	} else {
		body.Pull = []pull{{stream, []string{"rts audio"}, []string{"rts video"}}}
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // strings and numbers are always JSON
	}
	return string(b)
}

// artcAnswer reads the body of a success.
func artcAnswer(body []byte) (string, error) {
	var a struct {
		JSEP struct {
			Type string `json:"type"`
			SDP  string `json:"sdp"`
		} `json:"jsep"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return "", &answerError{"it is no JSON"}
	}
	if a.JSEP.Type != "answer" || a.JSEP.SDP == "" {
		return "", &answerError{"jsep is no answer"}
	}
	return a.JSEP.SDP, nil
}
