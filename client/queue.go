package client

import (
	"context"
	"sync"
	"time"
)

// maxQueue bounds what waits for Next, in bytes.
const maxQueue = 64 << 20

// queue holds access units until they are asked for. When it holds more than
// span of media, what is older than the newest key frame goes; without one all
// pictures go, and more until the next key frame.
type queue struct {
	span time.Duration

	mu      sync.Mutex
	units   []AccessUnit
	bytes   int
	skip    bool    // pictures until a key frame
	gap     [2]bool // the next unit of the kind follows dropped ones
	dropped uint64
	err     error         // after the end
	changed chan struct{} // closed by the next change
}

func newQueue(span time.Duration) *queue { return &queue{span: span, changed: make(chan struct{})} }

func (q *queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// push appends a unit.
func (q *queue) push(u AccessUnit) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return
	}
	if q.skip && u.Kind == Video {
		if !u.Key {
			q.drop(&u)
			return
		}
		q.skip = false
	}
	q.units, q.bytes = append(q.units, u), q.bytes+len(u.Data)
	if u.DTS-q.units[0].DTS > q.span || q.bytes > maxQueue {
		q.trim()
	}
	if len(q.units) > 0 {
		q.wake()
	}
}

func (q *queue) drop(u *AccessUnit) {
	q.dropped++
	q.gap[u.Kind] = true
}

// trim drops the old part of the queue.
func (q *queue) trim() {
	from, video := len(q.units), false
	for i := range q.units {
		video = video || q.units[i].Kind == Video
		if q.units[i].Kind == Video && q.units[i].Key {
			from = i
		}
	}
	switch {
	case from == 0: // one group of pictures fills it all
		from = len(q.units)
		q.skip = true
	case from == len(q.units) && video:
		q.skip = true
	case from == len(q.units):
		from /= 2 // sound alone
	}
	for i := range q.units[:from] {
		q.drop(&q.units[i])
		q.bytes -= len(q.units[i].Data)
	}
	rest := make([]AccessUnit, len(q.units)-from)
	copy(rest, q.units[from:])
	q.units = rest
}

// end makes pop return err once the queue is empty, or at once.
func (q *queue) end(err error, atOnce bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err = err; atOnce {
		q.units, q.bytes = nil, 0
	}
	q.wake()
}

// pop waits for a unit.
func (q *queue) pop(ctx context.Context) (AccessUnit, error) {
	for {
		q.mu.Lock()
		if len(q.units) > 0 {
			u := q.units[0]
			q.units[0] = AccessUnit{}
			q.units = q.units[1:]
			q.bytes -= len(u.Data)
			u.Discontinuity = u.Discontinuity || q.gap[u.Kind]
			q.gap[u.Kind] = false
			q.mu.Unlock()
			return u, nil
		}
		err, changed := q.err, q.changed
		q.mu.Unlock()
		if err != nil {
			return AccessUnit{}, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return AccessUnit{}, ctx.Err()
		}
	}
}

func (q *queue) lost() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}
