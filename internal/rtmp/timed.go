package rtmp

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// writeTimeout is how long a write may wait for the peer to read.
const writeTimeout = 5 * time.Second

// timedConn bounds each read and write in time.
type timedConn struct {
	net.Conn
	limit       time.Duration // per read; 0: due holds for all
	due         time.Time     // of the read that goes on; 0: it has all the time
	armed       time.Time     // the deadline that is set, if it is ours
	batches     *batches      // nil: what comes is read at once
	stirs       atomic.Bool   // there are batches
	interrupted atomic.Bool
}

// until sets one deadline for all that follows.
func (t *timedConn) until(at time.Time) {
	t.batches.end()
	t.limit, t.due, t.armed, t.batches = 0, at, at, nil
	_ = t.SetReadDeadline(at)
}

// idle gives each read d from its beginning.
func (t *timedConn) idle(d time.Duration) { t.limit, t.due, t.armed = d, time.Time{}, time.Time{} }

// batch makes reads wait for more than the next bytes while unread, which is
// called by who reads, says that nothing is urgent; stir says that this may have
// changed. Behind TLS all stays as it is. idle was called before.
func (t *timedConn) batch(unread func() bool) {
	t.batches = newBatches(t.Conn, unread)
	t.stirs.Store(t.batches != nil)
}

// past is a deadline that is over.
var past = time.Unix(1, 0) //nolint:gochecknoglobals // a constant

// interrupt ends a read that is going on and all later ones. Any goroutine may
// call it.
func (t *timedConn) interrupt() {
	t.interrupted.Store(true)
	_ = t.SetReadDeadline(past)
}

// release makes reads possible again.
func (t *timedConn) release() { t.interrupted.Store(false) }

// stir ends the waiting for a batch, at whatever moment it is called. Any
// goroutine may call it.
func (t *timedConn) stir() {
	if t.stirs.Load() {
		_ = t.SetReadDeadline(past)
	}
}

func (t *timedConn) Read(b []byte) (int, error) {
	if t.limit > 0 {
		t.due = time.Now().Add(t.limit)
	}
	for {
		n, err := t.read(b)
		if !errors.Is(err, os.ErrDeadlineExceeded) || t.interrupted.Load() || !time.Now().Before(t.due) {
			return n, err
		}
		t.armed = time.Time{} // it was stirred
	}
}

// read may fail before its time.
func (t *timedConn) read(b []byte) (int, error) {
	if t.batches != nil {
		if n, err := t.batches.read(t, b); n > 0 || err != nil {
			return n, err
		}
	}
	if t.armed.Before(t.due) {
		// A bit more, so that the deadline is not moved for each read.
		if err := t.arm(t.due.Add(t.limit / 16)); err != nil {
			return 0, err
		}
	}
	// An interrupt between the two leaves its own deadline in force.
	if t.interrupted.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	return t.Conn.Read(b)
}

func (t *timedConn) arm(at time.Time) error {
	t.armed = at
	return t.SetReadDeadline(at)
}

func (t *timedConn) Write(b []byte) (int, error) {
	if err := t.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return t.Conn.Write(b)
}
