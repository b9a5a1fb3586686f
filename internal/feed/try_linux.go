package feed

import (
	"fmt"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// canTry says that sockets can be written to without blocking.
const canTry = true

// maxVector is how many pieces one write takes, with room for framing.
const maxVector = 1000

// vector is pieces as the kernel takes them.
type vector []unix.Iovec

// of makes v that of pieces.
func (v vector) of(pieces net.Buffers) vector {
	v = v[:0]
	for _, b := range pieces {
		if len(b) > 0 {
			one := unix.Iovec{Base: &b[0]}
			one.SetLen(len(b))
			v = append(v, one)
		}
	}
	return v
}

// writev writes without blocking and without telling the scheduler: it takes
// microseconds.
func writev(fd uintptr, v vector) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&v[0])), uintptr(len(v)))
	return int(n), errno
}

// tryWrite writes as much of v as goes without waiting, and says how much that
// was.
func (c *Conn) tryWrite(v vector) (n int, err error) {
	if len(v) == 0 {
		return 0, nil
	}
	if c.try == nil {
		c.try = func(fd uintptr) bool {
			c.tried, c.errno = writev(fd, c.trying)
			return true // whatever it was
		}
	}
	c.trying = v
	if err := c.raw.Write(c.try); err != nil {
		return 0, nil // closed, or out of time: its own goroutine finds out
	}
	c.trying = nil
	switch c.errno {
	case 0:
		return c.tried, nil
	case unix.EAGAIN, unix.EINTR:
		return 0, nil
	}
	return 0, fmt.Errorf("%w: %w", ErrGone, c.errno)
}

// attempt is the state of tryWrite, kept so that it allocates nothing.
type attempt struct {
	try    func(fd uintptr) bool
	trying vector
	tried  int
	errno  unix.Errno
}
