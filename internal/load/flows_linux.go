package load

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// flows receive for all viewers over TCP in one goroutine, as a pool does for
// those of WebRTC: sockets are polled, so that no sender pays for waking it. A
// moment is when the kernel got the newest packet of what is read at a time,
// which is a picture or less, unless the tool is late.
type flows struct {
	mu    sync.Mutex
	fresh []*flow
	over  bool
}

const flowRead = 256 << 10 // bytes at a time

// add hands a connection over. It says whether it was taken.
func (p *flows) add(f *flow, conn *net.TCPConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	fd := -1
	err = raw.Control(func(d uintptr) {
		if fd, err = unix.Dup(int(d)); err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		}
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil || fd < 0 || p.over {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
		return false
	}
	_ = conn.Close() // the runtime's poller forgets the socket; the copy of the descriptor lives on
	f.fd = fd
	p.fresh = append(p.fresh, f)
	return true
}

// run receives until ctx ends and then closes all.
func (p *flows) run(ctx context.Context) {
	r := newFlowReader()
	var all []*flow
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		over := false
		select {
		case <-ctx.Done():
			over = true
		case <-timer.C:
		}
		all = append(all, p.take(over)...)
		kept := all[:0]
		for _, f := range all {
			if over || f.left.Load() || !r.receive(f) {
				_ = unix.Close(f.fd)
			} else {
				kept = append(kept, f)
			}
		}
		clear(all[len(kept):])
		if all = kept; over {
			return
		}
		timer.Reset(min(pollMost, max(pollLeast, time.Duration(len(all))*pollPerViewer)))
	}
}

// take returns those that came; over says that none may come any more.
func (p *flows) take(over bool) []*flow {
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh := p.fresh
	p.fresh, p.over = nil, over
	return fresh
}

// flowReader is the memory of one read.
type flowReader struct {
	hdr     unix.Msghdr
	iov     unix.Iovec
	data    [flowRead]byte
	control [controlSize]byte
}

func newFlowReader() *flowReader {
	r := &flowReader{}
	r.iov.Base = &r.data[0]
	r.iov.SetLen(len(r.data))
	r.hdr.Iov = &r.iov
	r.hdr.SetIovlen(1)
	r.hdr.Control = &r.control[0]
	return r
}

// receive takes what waits for f, and says whether there may be more.
func (r *flowReader) receive(f *flow) bool {
	for {
		r.hdr.SetControllen(len(r.control))
		n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(f.fd), uintptr(unsafe.Pointer(&r.hdr)), unix.MSG_DONTWAIT)
		if errno == unix.EAGAIN || errno == unix.EINTR {
			return true
		}
		if errno != 0 || n == 0 {
			return false
		}
		now := time.Now().UnixNano()
		at := r.stamped(now)
		f.readLate.add(now - at)
		if f.receive(r.data[:n], at) != nil {
			return false
		}
		if int(n) < len(r.data) {
			return true
		}
	}
}

// stamped is when the kernel got what was read.
func (r *flowReader) stamped(now int64) int64 {
	c := r.control[:min(len(r.control), int(r.hdr.Controllen))]
	if len(c) >= unix.SizeofCmsghdr+16 && binary.NativeEndian.Uint32(c[8:]) == unix.SOL_SOCKET && binary.NativeEndian.Uint32(c[12:]) == unix.SCM_TIMESTAMPNS {
		c = c[unix.SizeofCmsghdr:]
		return int64(binary.NativeEndian.Uint64(c))*1e9 + int64(binary.NativeEndian.Uint64(c[8:]))
	}
	return now
}
