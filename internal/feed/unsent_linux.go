package feed

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// unsentLimit is how many bytes may wait in the kernel without having been
// sent. What waits there can not be skipped any more, and by default it is
// megabytes: many seconds for a viewer on a slow link.
const unsentLimit = 128 << 10

func limitUnsent(c net.Conn) {
	s, ok := rawConn(c).(syscall.Conn)
	if !ok {
		return
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return
	}
	// Without the option everything works, only later skips.
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit)
	})
}
