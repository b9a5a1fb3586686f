package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"millrace/internal/media"
)

// Player receives one stream from a server. Its methods may be called by
// several goroutines.
type Player struct {
	options PlayOptions
	began   time.Time
	count   counters
	queue   *queue
	cancel  context.CancelFunc
	ended   chan struct{}
	err     error // why; set before ended is closed

	mu     sync.Mutex
	tracks [2]*Track

	// The scale. Only the connection that is being served uses it.
	scaled bool
	zero   int64 // Unix ns, of time 0
	fresh  bool  // the connection has delivered nothing yet
	video  bool  // the connection has pictures
	shift  int64 // ns, of the connection
	last   [2]int64
	seen   [2]bool // last is set
	marked [2]bool // the connection has delivered this kind
	source [2]*media.Track
	skew   int64 // ns from the server's clock to the publisher's
	skewed bool
}

// Play connects to a server and plays a stream. The URL is an ARTC one,
// artc://host/app/stream, or that of a WHEP endpoint, as in
// https://host/whep/app/stream, with its signature.
//
// It blocks until media can flow. ctx bounds that and nothing else: Close ends
// playing. A refusal is a *StatusError.
func Play(ctx context.Context, url string, o PlayOptions) (*Player, error) {
	if o.NoVideo && o.NoAudio {
		return nil, errors.New("play: neither video nor audio is wanted")
	}
	a, err := parseAddress(url, o.HTTPS)
	if err != nil {
		return nil, fmt.Errorf("play: %w", err)
	}
	p := &Player{options: o, began: time.Now(), queue: newQueue(o.queue()), ended: make(chan struct{})}
	x := newExchange(a, false, &o.Connection)
	k := &keeper{policy: o.Reconnect, count: &p.count, connect: func(ctx context.Context) (connection, error) {
		r, err := newReceiving(ctx, x, p)
		if err != nil {
			return nil, err
		}
		p.fresh, p.video, p.marked, p.skewed = true, r.step.expects[media.Video], [2]bool{}, false
		return r, nil
	}}
	c, err := k.first(ctx)
	if err != nil {
		return nil, fmt.Errorf("play: %w", err)
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel = cancel
	go func() {
		defer cancel()
		p.err = k.run(running, c)
		p.count.note(Ended, p.err)
		p.queue.end(fmt.Errorf("play: %w", p.err), errors.Is(p.err, ErrClosed))
		close(p.ended)
	}()
	return p, nil
}

// Tracks returns the tracks that have been received, as described last. After
// the first Next it has all tracks of the stream, but one that begins later.
func (p *Player) Tracks() []*Track {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*Track
	for _, t := range p.tracks {
		if t != nil {
			all = append(all, t)
		}
	}
	return all
}

// Next waits for the next access unit. Units of one kind come in decode order;
// sound and pictures come as they arrive, nearly in order of DTS.
//
// The error is that of ctx, ErrClosed after Close, or why the stream has ended.
func (p *Player) Next(ctx context.Context) (AccessUnit, error) {
	u, err := p.queue.pop(ctx)
	if err == nil {
		p.count.units.Add(1)
	}
	return u, err
}

// Stats returns the figures so far.
func (p *Player) Stats() Stats {
	s := p.count.stats()
	s.Dropped += p.queue.lost()
	return s
}

// Close says goodbye, ends playing and waits for all that runs for it. It
// returns nil, or why the stream had ended before.
func (p *Player) Close() error {
	p.cancel()
	<-p.ended
	if errors.Is(p.err, ErrClosed) {
		return nil
	}
	return p.err
}

// clockNoise is how far a capture time may be in the future of clocks that agree.
const clockNoise = 20 * time.Millisecond

// deliver queues units of the present connection.
func (p *Player) deliver(units []unit, now time.Time) {
	if len(units) > 0 && p.fresh {
		p.join(units)
	}
	for i := range units {
		p.push(&units[i], now)
	}
}

// join places a connection's first units on the scale: by the server's clock,
// but not before what went out from another one.
func (p *Player) join(units []unit) {
	p.fresh, p.shift = false, 0
	if !p.scaled {
		p.scaled, p.zero = true, units[0].wall // the earliest
	}
	for _, u := range units {
		k := u.frame.Track.Kind
		if at := u.wall - p.zero; p.seen[k] && at+p.shift <= p.last[k] {
			p.shift = p.last[k] - at + int64(time.Millisecond)
		}
	}
}

func (p *Player) push(u *unit, now time.Time) {
	f := u.frame
	k := f.Track.Kind
	at := u.wall - p.zero + p.shift
	if p.seen[k] && at <= p.last[k] {
		return // sent once more, up to where a loss was
	}
	p.last[k], p.seen[k] = at, true
	shown := u.wall + int64(f.PTS-f.DTS)
	if f.Capture != 0 {
		p.skew, p.skewed = f.Capture-shown, true
		delay := now.Sub(time.Unix(0, f.Capture))
		p.count.delayKnown.Store(delay > -clockNoise && delay < time.Minute)
		p.count.delay.Store(int64(max(delay, 0)))
	}
	out := AccessUnit{
		Kind: Kind(k), Track: p.describe(f.Track), DTS: time.Duration(at), PTS: time.Duration(at + int64(f.PTS-f.DTS)),
		Key: f.Key, Discontinuity: u.broken || !p.marked[k], Data: f.Data,
	}
	p.marked[k] = true
	if p.skewed {
		out.Capture = time.Unix(0, shown+p.skew) // as told, or from the last one told
	}
	if f.Track.Codec == media.H264 {
		var params [][]byte
		if f.Key {
			params = f.Track.Params
		}
		out.Data = joinAnnexB(params, f.Data)
	}
	if k == media.Video || !p.video {
		p.count.firstFrame.CompareAndSwap(0, int64(now.Sub(p.began)))
	}
	p.queue.push(out)
}

// describe returns the public form of a track, the same for the same.
func (p *Player) describe(t *media.Track) *Track {
	if p.source[t.Kind] == t {
		return p.tracks[t.Kind]
	}
	p.source[t.Kind] = t
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tracks[t.Kind] = trackOf(t)
	return p.tracks[t.Kind]
}
