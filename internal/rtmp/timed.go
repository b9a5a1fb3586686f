package rtmp

import (
	"net"
	"os"
	"sync/atomic"
	"time"
)

// writeTimeout is how long a write may wait for the peer to read.
const writeTimeout = 5 * time.Second

// timedConn sets a deadline before each read and write.
type timedConn struct {
	net.Conn
	limit       time.Duration // per read; 0: the deadline that is set
	interrupted atomic.Bool
}

// until sets one deadline for all that follows.
func (t *timedConn) until(at time.Time) {
	t.limit = 0
	_ = t.SetReadDeadline(at)
}

// idle gives each read d from its beginning.
func (t *timedConn) idle(d time.Duration) { t.limit = d }

// interrupt ends a read that is going on and all later ones. Any goroutine may
// call it.
func (t *timedConn) interrupt() {
	t.interrupted.Store(true)
	_ = t.SetReadDeadline(time.Unix(1, 0))
}

// release makes reads possible again.
func (t *timedConn) release() { t.interrupted.Store(false) }

func (t *timedConn) Read(b []byte) (int, error) {
	if t.limit > 0 {
		if err := t.SetReadDeadline(time.Now().Add(t.limit)); err != nil {
			return 0, err
		}
	}
	// An interrupt between the two leaves its own deadline in force.
	if t.interrupted.Load() {
		return 0, os.ErrDeadlineExceeded
	}
	return t.Conn.Read(b)
}

func (t *timedConn) Write(b []byte) (int, error) {
	if err := t.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return t.Conn.Write(b)
}
