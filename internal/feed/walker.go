package feed

import (
	"bytes"
	"context"
	"net"
	"runtime"
	"slices"
	"sync"
	"time"

	"millrace/internal/reason"
)

// walker writes to the viewers that have got all there was, one after the other
// and without blocking: one wake-up a frame for all of them. A viewer that a
// write blocks for, or that something else is the matter with, goes back to its
// own goroutine.
type walker struct {
	log *frameLog

	mu      sync.Mutex // held during a walk
	viewers []*Viewer
	ended   bool
	shares  []*share // of which the first so many are of this walk
	made    int
}

// maxShares is how many shares a walk keeps: viewers that are with a walker have all
// there was, and differ in what they want alone.
const maxShares = 8

// share is what the viewers at one place are sent next.
type share struct {
	from, to place
	framing  Framing
	fine     bool // there is nothing but bytes to be sent
	batch    net.Buffers
	pieces   net.Buffers // framed
	scratch  Scratch
	bytes    []byte // in one piece: to copy them once costs less than to list them for each write
	size     int    // before framing
}

// park lets w write to v until v is woken. It fails when there is something for
// v already, or w has ended.
func (w *walker) park(v *Viewer) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || v.cursor.pos < w.log.end() {
		return false
	}
	w.viewers = append(w.viewers, v)
	return true
}

// remove takes v back, if w still has it.
func (w *walker) remove(v *Viewer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at := slices.Index(w.viewers, v); at >= 0 {
		w.viewers = slices.Delete(w.viewers, at, at+1)
	}
}

// run walks until the log or ctx ends.
func (w *walker) run(ctx context.Context) {
	defer w.finish()
	for pos := int64(-1); w.log.wait(ctx, pos, nil) == nil; {
		pos = w.log.end()
		w.walk(time.Now())
		if w.log.ended() {
			return
		}
	}
}

// finish wakes everybody.
func (w *walker) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	for _, v := range w.viewers {
		v.wake <- struct{}{}
	}
	w.viewers = nil
}

// walkFor is how many viewers are written to before others may use the processor.
const walkFor = 16

// walk writes to each viewer what is new.
func (w *walker) walk(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	kept := w.viewers[:0]
	var s *share
	for i, v := range w.viewers {
		if i%walkFor == walkFor-1 {
			runtime.Gosched() // a walk over hundreds takes milliseconds
		}
		if s == nil || !s.isFor(v) {
			s = w.shareFor(v, now)
		}
		if s.fine && v.offer(s) {
			kept = append(kept, v)
		} else {
			v.wake <- struct{}{} // it has room: nobody else fills it
		}
	}
	clear(w.viewers[len(kept):])
	w.viewers = kept
	for _, s := range w.shares[:w.made] {
		s.bytes, s.framing = nil, nil
	}
	w.made = 0
}

// shareFor returns what v is sent next, which is made once a walk for all who are
// sent the same.
func (w *walker) shareFor(v *Viewer, now time.Time) *share {
	for _, s := range w.shares[:w.made] {
		if s.isFor(v) {
			return s
		}
	}
	at := min(w.made, maxShares-1)
	if at == len(w.shares) {
		w.shares = append(w.shares, &share{})
	}
	w.made = at + 1
	w.shares[at].prepare(v, now)
	return w.shares[at]
}

// isFor says whether v is sent s.
func (s *share) isFor(v *Viewer) bool { return v.cursor.place == s.from && v.conn.framing == s.framing }

// prepare makes s what v, and all at the same place, are sent next.
func (s *share) prepare(v *Viewer, now time.Time) {
	c := v.cursor // a copy: it moves only once its bytes are written
	skipped := false
	c.onSkip = func(reason.Reason, uint64) { skipped = true }
	batch, err := c.take(s.batch[:0], now)
	s.from, s.to, s.framing = v.cursor.place, c.place, v.conn.framing
	s.fine = err == nil && !skipped && c.late.IsZero()
	if s.size = Length(batch); s.size >= maxBatch {
		s.fine = false // there may be more
	}
	if s.pieces = s.pieces[:0]; len(batch) > 0 {
		s.pieces = s.framing.Frame(s.pieces, batch, s.size)
	}
	s.bytes = s.scratch.Gather(s.pieces)
	clear(batch)
	clear(s.pieces)
	s.batch = batch
}

// offer writes s to v, and moves v on. It says whether all of it was taken.
func (v *Viewer) offer(s *share) bool {
	if len(s.bytes) == 0 {
		v.cursor.place = s.to
		return true
	}
	n, err := v.conn.tryWrite(s.bytes)
	if err != nil {
		v.failed = err
		return false
	}
	if n == 0 {
		return false
	}
	v.cursor.place = s.to
	v.bytes += uint64(s.size)
	v.sent.Add(float64(s.size))
	if n < len(s.bytes) {
		v.rest = net.Buffers{bytes.Clone(s.bytes[n:])}
		return false
	}
	return true
}

// walkers are those of one Feed; they start as viewers come.
type walkers struct {
	mu      sync.Mutex
	all     []*walker
	next    int
	closed  bool
	running sync.WaitGroup
}

// walker returns that of one viewer more; nil when the feed has ended.
func (f *Feed) walker() *walker {
	ws := &f.walkers
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.closed || !canTry {
		return nil
	}
	if len(ws.all) < runtime.GOMAXPROCS(0) {
		w := &walker{log: f.log}
		ws.all = append(ws.all, w)
		ws.running.Go(func() { w.run(context.Background()) }) // the log's end is the walkers'
		return w
	}
	ws.next++
	return ws.all[ws.next%len(ws.all)]
}

// close waits for the walkers, whose log has ended.
func (ws *walkers) close() {
	ws.mu.Lock()
	ws.closed = true
	ws.mu.Unlock()
	ws.running.Wait()
}
