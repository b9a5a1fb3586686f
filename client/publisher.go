package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"millrace/internal/media"
)

// Publisher sends one stream to a server. Its methods may be called by several
// goroutines.
type Publisher struct {
	count   counters
	current atomic.Pointer[sending] // nil while there is no connection
	asked   chan struct{}
	cancel  context.CancelFunc
	ended   chan struct{}
	err     error // why; set before ended is closed

	mu       sync.Mutex
	tracks   [2]*media.Track // by Kind; nil: not announced
	on       *sending        // what the units so far went to
	needsKey bool
}

// Publish connects to a server and announces the tracks of a stream. The URL is
// an ARTC one, artc://host/app/stream, or that of a WHIP endpoint, http:// or
// https://, with its signature.
//
// It blocks until media can flow. ctx bounds that and nothing else: Close ends
// the stream. A refusal is a *StatusError, a track that cannot be sent a
// *TrackError.
func Publish(ctx context.Context, url string, o PublishOptions) (*Publisher, error) {
	p := &Publisher{asked: make(chan struct{}, 1), ended: make(chan struct{})}
	for i, t := range []*Track{o.Video, o.Audio} {
		if t == nil {
			continue
		}
		if t.Kind != Kind(i) {
			return nil, fmt.Errorf("publish: the %s track is %s", Kind(i), t.Kind)
		}
		var err error
		if p.tracks[i], err = t.track(); err != nil {
			return nil, fmt.Errorf("publish: %w", err)
		}
	}
	if p.tracks[Video] == nil && p.tracks[Audio] == nil {
		return nil, errors.New("publish: no track")
	}
	a, err := parseAddress(url, o.HTTPS)
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	x := newExchange(a, true, &o.Connection)
	k := &keeper{policy: o.Reconnect, count: &p.count, connect: func(ctx context.Context) (connection, error) {
		video, audio := p.announced()
		s, err := newSending(ctx, x, video, audio, o.LATM, &p.count, p.ask)
		if err != nil {
			return nil, err
		}
		return &published{s, p}, nil
	}}
	c, err := k.first(ctx)
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel = cancel
	c.(*published).begin()
	go func() {
		defer cancel()
		p.err = k.run(running, c)
		p.current.Store(nil)
		p.count.note(Ended, p.err)
		close(p.ended)
	}()
	return p, nil
}

// published is a sending that its Publisher writes to while it lasts.
type published struct {
	*sending
	p *Publisher
}

func (c *published) begin() {
	if c.p.current.Swap(c.sending) != c.sending {
		c.p.ask()
	}
}

func (c *published) serve(ctx context.Context) error {
	c.begin()
	defer c.p.current.Store(nil)
	return c.sending.serve(ctx)
}

func (p *Publisher) announced() (video, audio *media.Track) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tracks[Video], p.tracks[Audio]
}

// ask passes on that somebody wants a key frame.
func (p *Publisher) ask() {
	select {
	case p.asked <- struct{}{}:
	default:
	}
}

// KeyFrameRequested receives a value when the next picture should be a key
// frame: viewers have joined or lost pictures, or the connection is new.
// Requests that nobody has read yet are one.
func (p *Publisher) KeyFrameRequested() <-chan struct{} { return p.asked }

// Write sends an access unit and keeps its Data. Units of one kind come in
// decode order, at the pace of their DTS; nothing here waits for their time.
//
// It blocks while the transport is a second behind. While there is no
// connection units are dropped and counted, and video begins again with a key
// frame. The error is ErrClosed after Close, or why the stream has ended.
func (p *Publisher) Write(ctx context.Context, u AccessUnit) error {
	s, f, err := p.take(&u)
	if err != nil || f == nil {
		return err
	}
	select {
	case s.units[f.Track.Kind] <- f:
		p.count.units.Add(1)
		return nil
	case <-s.peer.down:
		p.count.dropped.Add(1)
		return nil
	case <-p.ended:
		return p.cause()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take makes a frame of u for the present connection; nil without an error when
// it is dropped.
func (p *Publisher) take(u *AccessUnit) (*sending, *media.Frame, error) {
	select {
	case <-p.ended:
		return nil, nil, p.cause()
	default:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if u.Kind > Audio || p.tracks[u.Kind] == nil {
		return nil, nil, fmt.Errorf("write: no %s track was announced", u.Kind)
	}
	f, err := u.frame(p.tracks[u.Kind])
	if err != nil {
		return nil, nil, fmt.Errorf("write: %w", err)
	}
	p.tracks[u.Kind] = f.Track
	s := p.current.Load()
	if s != p.on {
		p.on, p.needsKey = s, true
	}
	if s == nil || u.Kind == Video && p.needsKey && !f.Key {
		p.count.dropped.Add(1)
		return nil, nil, nil
	}
	if u.Kind == Video {
		p.needsKey = false
	}
	return s, f, nil
}

// cause is the error of calls after the end.
func (p *Publisher) cause() error { return fmt.Errorf("publish: %w", p.err) }

// Stats returns the figures so far.
func (p *Publisher) Stats() Stats { return p.count.stats() }

// Done is closed when the stream has ended: after Close, or when no attempt to
// connect again was left. Err says which.
func (p *Publisher) Done() <-chan struct{} { return p.ended }

// Err is nil until Done is closed, and ErrClosed after Close.
func (p *Publisher) Err() error {
	select {
	case <-p.ended:
		return p.err
	default:
		return nil
	}
}

// Close says goodbye, ends the stream and waits for all that runs for it. Units
// that still wait to be sent are dropped. It returns nil, or why the stream had
// ended before.
func (p *Publisher) Close() error {
	p.cancel()
	<-p.ended
	if errors.Is(p.err, ErrClosed) {
		return nil
	}
	return p.err
}
