package relay

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"sync"
	"time"

	"millrace/internal/reason"
	"millrace/internal/wire/flv"
)

// Web plays HTTP-FLV and HLS. One serves any number of origins.
type Web struct{ client *http.Client }

// answerTimeout is how long an answer may take: HLS servers hold some back.
const answerTimeout = 15 * time.Second

// NewWeb returns a Web that reaches servers through g.
func NewWeb(g *Guard) *Web {
	return &Web{&http.Client{Transport: &http.Transport{
		DialContext: g.DialContext, TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: answerTimeout,
		MaxResponseHeaderBytes: 64 << 10, IdleConnTimeout: 5 * time.Second, MaxIdleConnsPerHost: 2, ForceAttemptHTTP2: true,
	}}}
}

// Close ends the connections that are kept for later.
func (w *Web) Close() { w.client.CloseIdleConnections() }

// Play opens http(s)://…/….flv, or …/….m3u8.
func (w *Web) Play(ctx context.Context, raw string) (Origin, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("play over HTTP: %w", err)
	}
	if isHLS(u) {
		return w.playHLS(ctx, raw)
	}
	return w.playFLV(ctx, raw)
}

func isHLS(u *url.URL) bool { return path.Ext(u.Path) == ".m3u8" }

// flvOrigin is an HTTP-FLV stream.
type flvOrigin struct {
	*flv.Reader
	cancel context.CancelFunc

	once sync.Once
}

func (w *Web) playFLV(ctx context.Context, raw string) (Origin, error) {
	playing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel) // ctx bounds the opening alone
	res, err := w.get(playing, raw)
	if !stop() && err == nil {
		_ = res.Body.Close()
		err = context.Cause(ctx)
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return &flvOrigin{Reader: flv.NewReader(res.Body), cancel: cancel}, nil
}

// get makes a request that must be answered with 200.
func (w *Web) get(ctx context.Context, raw string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, raw, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("play over HTTP: %w", err)
	}
	res, err := w.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("play over HTTP: %w", bare(err))
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close()
		return nil, &failure{ofStatus(res.StatusCode), fmt.Errorf("play over HTTP: answered %s", res.Status)}
	}
	return res, nil
}

// ofStatus is the word for an answer that is not 200.
func ofStatus(code int) reason.Reason {
	switch code {
	case http.StatusNotFound, http.StatusGone:
		return reason.NotFound
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return reason.Timeout
	}
	return reason.Refused
}

// Close ends the request, and with it Next: a body that is being read cannot be
// closed itself.
func (o *flvOrigin) Close() error {
	o.once.Do(o.cancel)
	return nil
}
