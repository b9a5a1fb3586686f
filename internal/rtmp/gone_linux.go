package rtmp

import (
	"context"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"millrace/internal/feed"
)

// whileThere returns a context that ends, with feed.ErrGone, when the peer hangs up.
// Nothing is read, and nobody else may read until end, which waits, was called. Behind
// TLS nobody is watched.
func (t *timedConn) whileThere(ctx context.Context) (there context.Context, end func()) {
	there, cancel := context.WithCancelCause(ctx)
	tcp, ok := t.Conn.(*net.TCPConn)
	if !ok {
		return there, func() { cancel(nil) }
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return there, func() { cancel(nil) }
	}
	_ = t.SetReadDeadline(time.Time{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if raw.Read(hungUp) == nil {
			cancel(feed.ErrGone)
		}
	}()
	return there, func() {
		_ = t.SetReadDeadline(past)
		<-watched
		cancel(nil)
		t.armed = time.Time{} // reads have their own deadline again
	}
}

// hungUp says whether a socket's peer sends no more. What it has sent may wait.
func hungUp(fd uintptr) bool {
	state := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(state, 0)
	return err == nil && n > 0
}
