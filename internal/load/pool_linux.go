package load

import (
	"context"
	"encoding/binary"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A pool receives for all viewers of a load. It polls their sockets instead of
// sleeping on each: over loopback the sender pays for waking a receiver, which
// over a network it does not. When a packet came is what the kernel stamped.

// pollEvery is far below what a socket's buffer holds.
const pollEvery = 4 * time.Millisecond

const stampLen = 64 // room for one SCM_TIMESTAMPNS

type pool struct {
	mu      sync.Mutex
	viewers []*Viewer
}

// mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

// batch is the memory of one recvmmsg.
type batch struct {
	msgs   [batchSize]mmsghdr
	iovs   [batchSize]unix.Iovec
	data   [batchSize][datagramSize]byte
	stamps [batchSize][stampLen]byte
}

// add hands a connected viewer over to the pool, which closes it.
func (p *pool) add(v *Viewer) error {
	rc, err := v.conn.SyscallConn()
	if err != nil {
		return err
	}
	var derr error
	if err := rc.Control(func(fd uintptr) {
		if v.fd, derr = unix.Dup(int(fd)); derr == nil {
			derr = unix.SetsockoptInt(v.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		}
	}); err != nil {
		return err
	}
	if derr != nil {
		return derr
	}
	// The runtime's poller forgets the socket with its connection; the copy of
	// the descriptor lives on.
	_ = v.conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.viewers = append(p.viewers, v)
	return nil
}

// run receives until ctx ends and then closes all viewers.
func (p *pool) run(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	b := &batch{}
	for i := range b.msgs {
		h := &b.msgs[i].hdr
		b.iovs[i].Base = &b.data[i][0]
		b.iovs[i].SetLen(datagramSize)
		h.Iov = &b.iovs[i]
		h.SetIovlen(1)
		h.Control = &b.stamps[i][0]
	}
	for {
		select {
		case <-ctx.Done():
			p.mu.Lock()
			defer p.mu.Unlock()
			for _, v := range p.viewers {
				_ = unix.Close(v.fd)
			}
			return
		case now := <-tick.C:
			p.mu.Lock()
			viewers := p.viewers
			p.mu.Unlock()
			for _, v := range viewers {
				b.receive(v)
				v.keepAlive(now)
			}
		}
	}
}

// receive takes what waits for one viewer.
func (b *batch) receive(v *Viewer) {
	for !v.over {
		for i := range b.msgs {
			b.msgs[i].hdr.SetControllen(stampLen)
		}
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(v.fd), uintptr(unsafe.Pointer(&b.msgs[0])),
			batchSize, unix.MSG_DONTWAIT, 0, 0)
		if errno != 0 {
			return
		}
		for i := range b.msgs[:n] {
			if !v.take(b.data[i][:b.msgs[i].n], b.stamp(i)) {
				v.over = true
			}
		}
		if n < batchSize {
			return
		}
	}
}

// stamp reads when message i came.
func (b *batch) stamp(i int) time.Time {
	c := b.stamps[i][:]
	if b.msgs[i].hdr.Controllen < unix.SizeofCmsghdr+16 {
		return time.Now()
	}
	return time.Unix(int64(binary.NativeEndian.Uint64(c[unix.SizeofCmsghdr:])), int64(binary.NativeEndian.Uint64(c[unix.SizeofCmsghdr+8:])))
}

// write sends one datagram.
func (v *Viewer) write(b []byte) {
	if v.fd != 0 {
		_, _ = unix.Write(v.fd, b) // what is lost is sent again
		return
	}
	_, _ = v.conn.Write(b)
}
