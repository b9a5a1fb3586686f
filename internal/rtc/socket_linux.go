//go:build !386 && !arm && !mips && !mipsle

package rtc

import (
	"encoding/binary"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socketGroups says that several sockets can share one port.
const socketGroups = true

func reusePort(_, _ string, c syscall.RawConn) error {
	var err error
	if cerr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}); cerr != nil {
		return cerr
	}
	return err
}

// mmsghdr is the kernel's struct mmsghdr on 64-bit systems, as is the layout of
// control messages here; others send the plain way.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

// controlLen is CMSG_SPACE of a 16-bit value.
const controlLen = 24

// batch is the memory of one sendmmsg, used again and again.
type batch struct {
	msgs    [maxRuns]mmsghdr
	iovs    [maxRuns]unix.Iovec
	control [maxRuns][controlLen]byte
}

// setup finds the raw descriptor and the way to send.
func (s *socket) setup(method SendMethod) error {
	rc, err := s.conn.SyscallConn()
	if err != nil {
		return err
	}
	gso := false
	if err := rc.Control(func(fd uintptr) {
		s.fd = int(fd)
		_, gerr := unix.GetsockoptInt(s.fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT)
		gso = gerr == nil
	}); err != nil {
		return err
	}
	if s.method = method; method == SendAuto {
		if s.method = SendBatch; gso {
			s.method = SendGSO
		}
	}
	if s.method == SendGSO && !gso {
		return fmt.Errorf("this kernel has no UDP_SEGMENT")
	}
	s.batch = &batch{}
	for i := range s.batch.msgs {
		h := &s.batch.msgs[i].hdr
		h.Iov = &s.batch.iovs[i]
		h.SetIovlen(1)
		c := s.batch.control[i][:]
		binary.NativeEndian.PutUint64(c[0:], unix.SizeofCmsghdr+2)
		binary.NativeEndian.PutUint32(c[8:], unix.IPPROTO_UDP)
		binary.NativeEndian.PutUint32(c[12:], unix.UDP_SEGMENT)
	}
	return nil
}

// send sends runs (at most maxRuns) and returns how many system calls it made
// and how many datagrams the kernel refused.
func (s *socket) send(arena []byte, runs []run) (calls, failed int) {
	switch s.method {
	case SendPlain:
		return s.sendPlain(arena, runs)
	case SendBatch:
		return s.sendSplit(arena, runs)
	}
	for i := range runs {
		s.prepare(i, &runs[i], arena)
	}
	for from := 0; from < len(runs); {
		n, errno := s.sendmmsg(from, len(runs))
		calls++
		from += n
		if errno == 0 {
			continue
		}
		if errno == unix.EINTR {
			continue
		}
		r := runs[from : from+1]
		if pieces := r[0].pieces(); pieces == 1 || !refusesSegments(errno) {
			failed += pieces
			from++
			continue
		}
		// This path cannot segment, or takes no datagram at all. Which of them it
		// is shows when the pieces go by themselves.
		c, f := s.sendSplit(arena, r)
		calls, failed = calls+c, failed+f
		from++
		if errno == unix.EIO { // the device cannot: do not ask it again
			s.method = SendBatch
			c, f := s.sendSplit(arena, runs[from:])
			return calls + c, failed + f
		}
		for i := from; i < len(runs); i++ { // sendSplit has used the messages
			s.prepare(i, &runs[i], arena)
		}
	}
	return calls, failed
}

// refusesSegments says whether an error can be about UDP_SEGMENT.
func refusesSegments(errno syscall.Errno) bool {
	return errno == unix.EIO || errno == unix.EINVAL || errno == unix.EMSGSIZE
}

// sendSplit sends each packet as a message of its own.
func (s *socket) sendSplit(arena []byte, runs []run) (calls, failed int) {
	n := 0
	flush := func() {
		for from := 0; from < n; {
			sent, errno := s.sendmmsg(from, n)
			calls++
			from += sent
			if errno != 0 && errno != unix.EINTR {
				failed++
				from++
			}
		}
		n = 0
	}
	for i := range runs {
		r := &runs[i]
		for at := r.from; at < r.to; at += r.segment {
			if n == maxRuns {
				flush()
			}
			s.prepare(n, &run{r.path, at, min(at+r.segment, r.to), r.segment}, arena)
			n++
		}
	}
	flush()
	return calls, failed
}

// prepare fills message i with r.
func (s *socket) prepare(i int, r *run, arena []byte) {
	m := &s.batch.msgs[i].hdr
	m.Name = &r.path.raw[0]
	m.Namelen = r.path.rawLen
	iov := &s.batch.iovs[i]
	iov.Base = &arena[r.from]
	iov.SetLen(r.to - r.from)
	if r.to-r.from <= r.segment {
		m.Control = nil
		m.SetControllen(0)
		return
	}
	c := &s.batch.control[i]
	binary.NativeEndian.PutUint16(c[16:], uint16(r.segment))
	m.Control = &c[0]
	m.SetControllen(controlLen)
}

// sendmmsg sends messages [from, to) and returns how many went.
//
// The raw form of the system call is deliberate: the descriptor does not block,
// and the scheduler's bookkeeping around a blocking call costs a third of it.
func (s *socket) sendmmsg(from, to int) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(s.fd),
		uintptr(unsafe.Pointer(&s.batch.msgs[from])), uintptr(to-from), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
