package load

import (
	"context"
	"encoding/binary"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// takesRuns says that sockets can take the runs of a segmented send whole.
const takesRuns = true

// A pool receives for all viewers of a load in one goroutine. It polls their
// sockets instead of sleeping on each: over loopback the sender pays for waking a
// receiver, which over a network it does not. When a packet came is what the
// kernel stamped.
type pool struct {
	every time.Duration // how often sockets are polled; 0: as their number allows
	whole bool          // sockets take the runs of a segmented send whole

	mu    sync.Mutex
	fresh []*viewer
}

// Sockets are polled far more often than their buffers fill. With many viewers
// an empty look at each would be most of the work.
const (
	pollLeast     = 4 * time.Millisecond
	pollMost      = 30 * time.Millisecond
	pollPerViewer = 20 * time.Microsecond
)

// runSize is more than one segmented send holds, in bytes.
const runSize = 1 << 16

const controlSize = 96 // room for SCM_TIMESTAMPNS, SO_RXQ_OVFL and UDP_GRO

// mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

// batch is the memory of one recvmmsg.
type batch struct {
	msgs    [batchSize]mmsghdr
	iovs    [batchSize]unix.Iovec
	data    [batchSize][]byte
	control [batchSize][controlSize]byte
}

// newBatch makes a batch of messages of at most size bytes.
func newBatch(size int) *batch {
	b := &batch{}
	for i := range b.msgs {
		h := &b.msgs[i].hdr
		b.data[i] = make([]byte, size)
		b.iovs[i].Base = &b.data[i][0]
		b.iovs[i].SetLen(size)
		h.Iov = &b.iovs[i]
		h.SetIovlen(1)
		h.Control = &b.control[i][0]
	}
	return b
}

// add hands a connected viewer over to the pool, which closes it.
func (p *pool) add(v *viewer) error {
	rc, err := v.conn.SyscallConn()
	if err != nil {
		return err
	}
	var derr error
	if err := rc.Control(func(fd uintptr) {
		if v.fd, derr = unix.Dup(int(fd)); derr != nil {
			return
		}
		if derr = unix.SetsockoptInt(v.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); derr == nil {
			derr = unix.SetsockoptInt(v.fd, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1)
		}
		if derr == nil && p.whole {
			derr = unix.SetsockoptInt(v.fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1)
		}
	}); err != nil {
		return err
	}
	// The runtime's poller forgets the socket with its connection; the copy of
	// the descriptor lives on.
	_ = v.conn.Close()
	if derr != nil {
		return derr
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fresh = append(p.fresh, v)
	return nil
}

// run receives until ctx ends and then closes all viewers.
func (p *pool) run(ctx context.Context) {
	size := datagramSize
	if p.whole {
		size = runSize
	}
	b := newBatch(size)
	var viewers []*viewer
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			for _, v := range append(viewers, p.take()...) {
				_ = unix.Close(v.fd)
			}
			return
		case <-timer.C:
			viewers = append(viewers, p.take()...)
			viewers = b.round(viewers)
			every := p.every
			if every == 0 {
				every = min(pollMost, max(pollLeast, time.Duration(len(viewers))*pollPerViewer))
			}
			timer.Reset(every)
		}
	}
}

func (p *pool) take() []*viewer {
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh := p.fresh
	p.fresh = nil
	return fresh
}

// round takes what waits for all viewers, and returns those that stay.
func (b *batch) round(viewers []*viewer) []*viewer {
	kept := viewers[:0]
	for _, v := range viewers {
		now := time.Now().UnixNano()
		b.receive(v, now)
		if v.left.Load() {
			_ = unix.Close(v.fd)
			continue
		}
		v.step(time.Now().UnixNano())
		kept = append(kept, v)
	}
	clear(viewers[len(kept):])
	return kept
}

// receive takes what waits for one viewer.
func (b *batch) receive(v *viewer, now int64) {
	for !v.over {
		n := b.read(v.fd)
		for i := range n {
			t := b.told(i, now)
			if t.dropped > 0 {
				v.dropped.Store(uint64(t.dropped))
			}
			v.readLate.add(now - t.at)
			for d := range datagrams(b.data[i][:b.msgs[i].n], t.segment) {
				if !v.receive(d, t.at) {
					v.over = true
					return
				}
			}
		}
		if n < batchSize {
			return
		}
	}
}

// read reads what waits and returns how many messages it is.
func (b *batch) read(fd int) int {
	for i := range b.msgs {
		b.msgs[i].hdr.SetControllen(controlSize)
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.msgs[0])),
		batchSize, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// told is what the kernel says of a message.
type told struct {
	at      int64  // when it came
	dropped uint32 // how many the socket had dropped by then
	segment int    // length of each datagram in it but the last; 0: it is one
}

// told reads what the kernel says of message i.
func (b *batch) told(i int, now int64) told {
	t := told{at: now}
	c := b.control[i][:min(controlSize, int(b.msgs[i].hdr.Controllen))]
	for len(c) >= unix.SizeofCmsghdr {
		size := int(binary.NativeEndian.Uint64(c))
		if size < unix.SizeofCmsghdr || size > len(c) {
			return t
		}
		data := c[unix.SizeofCmsghdr:size]
		switch level, kind := binary.NativeEndian.Uint32(c[8:]), binary.NativeEndian.Uint32(c[12:]); {
		case level == unix.SOL_SOCKET && kind == unix.SCM_TIMESTAMPNS:
			t.at = int64(binary.NativeEndian.Uint64(data))*1e9 + int64(binary.NativeEndian.Uint64(data[8:]))
		case level == unix.SOL_SOCKET && kind == unix.SO_RXQ_OVFL:
			t.dropped = binary.NativeEndian.Uint32(data)
		case level == unix.IPPROTO_UDP && kind == unix.UDP_GRO:
			t.segment = int(binary.NativeEndian.Uint32(data))
		}
		c = c[min(len(c), (size+7)&^7):]
	}
	return t
}

// put sends one datagram.
func (l *leg) put(b []byte) {
	if l.fd != 0 {
		_, _ = unix.Write(l.fd, b)
		return
	}
	_, _ = l.conn.Write(b)
}
