package rtmp

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"millrace/internal/media"
)

// What a stream costs that nobody watches is for the most part that its publisher
// wakes the server for each picture and each piece of sound, 77 times a second.
// Such a publisher is read every batchTime instead. The kernel wakes nobody for
// less than batchMark bytes (SO_RCVLOWAT), and the deadlines of all connections
// are on one grid, so that one waking of the process serves many of them.
const (
	batchTime = 60 * time.Millisecond
	batchGrid = 5 * time.Millisecond
	batchMark = 32 << 10 // half of the receive window that a connection begins with
)

// batches is how a connection's bytes are waited for while nobody wants them at
// once. The goroutine that reads uses it.
type batches struct {
	raw    syscall.RawConn
	unread func() bool
	every  time.Duration
	marked bool // batchMark is set
	full   bool // the last read may have left something
	turn   bool // of next
	waited bool // of wait
	// Of take: where to, and what it gave.
	into []byte
	n    int
	err  error
}

// newBatches returns nil where there is no socket to tell, such as behind TLS.
func newBatches(c net.Conn, unread func() bool) *batches {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return &batches{raw: raw, unread: unread, every: batchTime}
}

// read reads what has come by the time of the next batch. It reads nothing, and
// does not fail, when somebody wants the bytes at once.
func (s *batches) read(t *timedConn, b []byte) (int, error) {
	for s.unread() {
		// The read below heeds no deadline, and may find bytes for ever.
		if t.interrupted.Load() {
			return 0, os.ErrDeadlineExceeded
		}
		if !s.full {
			s.mark(batchMark)
			if err := t.arm(earlier(s.next(time.Now()), t.due)); err != nil {
				return 0, err
			}
			// What ends the waiting from now on leaves its own deadline in force.
			if !s.unread() {
				break
			}
			if t.interrupted.Load() {
				return 0, os.ErrDeadlineExceeded
			}
			s.waited = false
			if err := s.raw.Read(s.wait); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				return 0, err
			}
			if t.interrupted.Load() {
				return 0, os.ErrDeadlineExceeded
			}
		}
		n, err := s.now(b)
		if s.full = n == len(b); !errors.Is(err, unix.EAGAIN) {
			return n, err
		}
		if !time.Now().Before(t.due) {
			return 0, os.ErrDeadlineExceeded
		}
	}
	if s.marked {
		s.end()
		t.armed = time.Time{}
	}
	return 0, nil
}

// next is when the batch after now is due. The moments wander over the grid:
// pictures that come just as often would else always be found at the same age,
// and capture times are told by the promptest.
func (s *batches) next(now time.Time) time.Time {
	wait := s.every - time.Duration(media.Nanos(now)%int64(batchGrid))
	if s.turn = !s.turn; s.turn {
		wait -= batchGrid
	}
	return now.Add(wait)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// end makes the kernel tell of each byte again.
func (s *batches) end() {
	if s == nil {
		return
	}
	s.full = false
	s.mark(1)
}

// mark sets how many bytes make the socket readable. Where that fails, each
// byte does.
func (s *batches) mark(bytes int) {
	if high := bytes > 1; high != s.marked {
		s.marked = high
		_ = s.raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVLOWAT, bytes) })
	}
}

// wait is false once: whether there are some bytes does not matter.
func (s *batches) wait(uintptr) (over bool) {
	over, s.waited = s.waited, true
	return over
}

// now reads what is there; EAGAIN is nothing.
func (s *batches) now(b []byte) (int, error) {
	s.into = b
	if err := s.raw.Control(s.take); err != nil {
		return 0, err
	}
	s.into = nil
	switch {
	case s.err != nil:
		return 0, os.NewSyscallError("read", s.err)
	case s.n == 0:
		return 0, io.EOF
	}
	return s.n, nil
}

func (s *batches) take(fd uintptr) {
	for {
		s.n, s.err = unix.Read(int(fd), s.into)
		if !errors.Is(s.err, unix.EINTR) {
			return
		}
	}
}
