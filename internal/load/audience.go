package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// audience makes viewers of any protocol and owns what they need.
type audience struct {
	feedback Feedback
	network  Network
	verify   bool // all that comes
	id       *identity
	client   *http.Client
	pool     *pool
	flows    flows
	running  sync.WaitGroup
	seed     atomic.Uint64
	ended    <-chan struct{}
	stop     context.CancelFunc
}

// member is one viewer of an audience.
type member struct {
	*seen
	viewer *viewer                                       // nil unless it is one of WebRTC
	leave  func(ctx context.Context, goodbye bool) error // once
}

// openAudience starts what receives; close ends it. Viewers end with ctx. whole
// has the sockets of WebRTC viewers take the runs of a segmented send whole.
func openAudience(ctx context.Context, f Feedback, n Network, whole bool) (*audience, error) {
	if whole && !takesRuns {
		return nil, errors.New("taking the runs of a segmented send whole needs Linux")
	}
	id, err := newIdentity()
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	a := &audience{feedback: f, network: n, id: id, client: newHTTPClient(), pool: &pool{whole: whole}, ended: running.Done(), stop: stop}
	if n.bad() {
		a.pool.every = time.Millisecond
	}
	a.running.Go(func() { a.pool.run(running) })
	a.running.Go(func() { a.flows.run(running) })
	return a, nil
}

// close ends all viewers and waits for them. It may be called again.
func (a *audience) close() {
	a.stop()
	a.running.Wait()
	a.client.CloseIdleConnections()
}

// join makes a viewer of a URL and blocks until media can flow.
func (a *audience) join(ctx context.Context, raw string) (*member, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("read URL: %w", err)
	}
	switch {
	case u.Scheme == "artc", (u.Scheme == "http" || u.Scheme == "https") && !strings.HasSuffix(u.Path, ".flv"):
		return a.joinWebRTC(ctx, raw)
	case u.Scheme == "http" || u.Scheme == "https":
		return a.joinFLV(ctx, raw)
	case u.Scheme == "rtmp":
		return a.joinRTMP(ctx, raw)
	}
	return nil, fmt.Errorf("no viewer for %s: want WHEP (http://), artc://, http://….flv or rtmp://", bareURL(raw))
}

func (a *audience) joinWebRTC(ctx context.Context, raw string) (*member, error) {
	to := newEndpoint(raw, false, a.client)
	v, err := dialViewer(ctx, to, a.id, a.feedback)
	if err != nil {
		return nil, err
	}
	v.video.verify.on = a.verify
	if a.network.bad() {
		v.behind(a.network, a.seed.Add(1))
	}
	for _, d := range v.early {
		v.receive(d.b, d.due)
	}
	v.early = nil
	if err := a.pool.add(v); err != nil {
		return nil, fmt.Errorf("keep viewer: %w", err)
	}
	return &member{v.seen, v, func(ctx context.Context, goodbye bool) error {
		defer v.leave()
		if !goodbye || v.answer.session == "" {
			return nil
		}
		return to.remove(ctx, v.answer.session)
	}}, nil
}
