package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// endpoint is where offers go: a WHIP or WHEP resource, or the host of an ARTC
// URL.
type endpoint struct {
	url     string
	artc    bool
	publish bool
	client  *http.Client
}

const maxAnswer = 256 << 10

func newEndpoint(raw string, publish bool, client *http.Client) endpoint {
	return endpoint{url: raw, artc: strings.HasPrefix(raw, "artc://"), publish: publish, client: client}
}

// newHTTPClient keeps connections for joins that come one after the other, and
// not for longer.
func newHTTPClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, 256
	return &http.Client{Transport: t}
}

// offer has an offer answered.
func (e endpoint) offer(ctx context.Context, sdp string) (*answer, error) {
	at, contentType, body := e.url, "application/sdp", sdp
	if e.artc {
		at, contentType, body = "http"+strings.TrimPrefix(e.url, "artc"), "application/json", artcOffer(e.url, e.publish, sdp)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("offer: %w", err)
	}
	req.Header.Set("Content-Type", contentType)
	res, err := e.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("offer: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // only read from
	got, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if res.StatusCode != http.StatusCreated && res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("refused: %s: %.300s", res.Status, bytes.TrimSpace(got))
	}
	if e.artc {
		if got, err = artcAnswer(got); err != nil {
			return nil, err
		}
	}
	a, err := readAnswer(string(got), req.URL.Hostname())
	if err != nil {
		return nil, err
	}
	if where, err := res.Request.URL.Parse(res.Header.Get("Location")); err == nil && res.Header.Get("Location") != "" {
		a.session = where.String()
	}
	return a, nil
}

// remove ends a session that is a resource.
func (e endpoint) remove(ctx context.Context, session string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, session, http.NoBody)
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	res, err := e.client.Do(req)
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer))
	_ = res.Body.Close()
	if res.StatusCode >= 300 {
		return fmt.Errorf("end session: %s", res.Status)
	}
	return nil
}

// artcOffer is the body of an ARTC request.
func artcOffer(stream string, publish bool, sdp string) string {
	body := map[string]any{
		"version": 2, "sdk_version": "0.0.1", "mode": "live",
		"jsep": map[string]string{"type": "offer", "sdp": sdp},
	}
	if publish {
		body["mode"], body["push_stream"] = "rtc", stream
	} else {
		body["pull_streams"] = []any{map[string]any{"url": stream, "amsid": []string{"rts audio"}, "vmsid": []string{"rts video"}}}
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // strings and numbers are always JSON
	}
	return string(b)
}

func artcAnswer(body []byte) ([]byte, error) {
	var a struct {
		JSEP struct {
			SDP string `json:"sdp"`
		} `json:"jsep"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if a.JSEP.SDP == "" {
		return nil, errors.New("the answer has no SDP")
	}
	return []byte(a.JSEP.SDP), nil
}

// bareURL drops the query, which may hold a key.
func bareURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "the URL"
	}
	u.RawQuery = ""
	return u.String()
}
