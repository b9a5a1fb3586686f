package feed

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// canTry says that sockets can be written to without blocking.
const canTry = true

// tryWrite writes as much of b as goes without waiting, and says how much that
// was. It does not tell the scheduler: it takes microseconds. c's connection
// must be open.
func (c *Conn) tryWrite(b []byte) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, c.fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EAGAIN, unix.EINTR:
		return 0, nil
	}
	return 0, fmt.Errorf("%w: %w", ErrGone, errno)
}
