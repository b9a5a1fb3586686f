package rtc

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"millrace/internal/reason"
)

// WebRTC over TCP, for networks that block UDP: the same datagrams behind a
// two-byte length (RFC 4571), on passive candidates (RFC 6544).

const (
	tcpFirstByte    = 10 * time.Second // from accept to an authentic check
	tcpWriteTimeout = 5 * time.Second
	// tcpQueue bounds what waits for a slow connection, in bytes. Pictures are
	// left out from half of it on, until the next key frame finds it short;
	// that leaves room for the sound.
	tcpQueue     = 1 << 20
	tcpLong      = tcpQueue / 2
	tcpShort     = tcpQueue / 16
	tcpMaxConns  = 4096
	acceptPause  = 50 * time.Millisecond // where descriptors have run out
	tcpReadQuiet = 40 * time.Second      // longer than consent can last
	tcpGoodbye   = 3 * time.Second       // for the peer to close after our last word
)

// tcpStream is one accepted connection.
type tcpStream struct {
	conn    net.Conn
	session atomic.Pointer[session]
	slow    atomic.Bool // it did not take what was written in time

	mu     sync.Mutex
	queue  []byte // framed packets
	spare  []byte // the other half of a double buffer
	closed bool
	wake   chan struct{}
	gone   chan struct{} // closed when nothing comes any more
}

// accept accepts connections until the listener is closed.
func (s *Server) accept(wg *sync.WaitGroup) {
	for {
		conn, err := s.listener.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			<-time.After(acceptPause)
			continue
		}
		t := &tcpStream{conn: conn, wake: make(chan struct{}, 1), gone: make(chan struct{})}
		s.mu.Lock()
		full := s.closing || len(s.streams) >= tcpMaxConns
		if !full {
			s.streams[t] = struct{}{}
		}
		s.mu.Unlock()
		if full {
			_ = conn.Close()
			continue
		}
		_ = conn.SetNoDelay(true)
		wg.Go(t.write)
		wg.Go(func() {
			s.readStream(t)
			close(t.gone)
			t.finish()
			s.mu.Lock()
			delete(s.streams, t)
			s.mu.Unlock()
			if ses := t.session.Load(); ses != nil {
				if p := ses.path.Load(); p != nil && p.stream == t {
					s.end(ses, t.why())
				}
			}
		})
	}
}

func (s *Server) closeStreams() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range s.streams {
		t.finish()
	}
}

// readStream reads frames until the connection ends or misbehaves.
func (s *Server) readStream(t *tcpStream) {
	from, err := netip.ParseAddrPort(t.conn.RemoteAddr().String())
	if err != nil {
		return
	}
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	r := bufio.NewReaderSize(t.conn, 4096)
	deadline := time.Now().Add(tcpFirstByte)
	var length [2]byte
	buf := make([]byte, maxDatagram)
	for {
		if t.session.Load() != nil {
			deadline = time.Now().Add(tcpReadQuiet)
		}
		_ = t.conn.SetReadDeadline(deadline)
		if _, err := io.ReadFull(r, length[:]); err != nil {
			return
		}
		n := int(binary.BigEndian.Uint16(length[:]))
		if n == 0 || n > len(buf) {
			return
		}
		if _, err := io.ReadFull(r, buf[:n]); err != nil {
			return
		}
		s.dispatch(buf[:n], from, t, s.sockets[0])
	}
}

// enqueue takes one packet to send. It never blocks, and reports whether there
// was room.
func (t *tcpStream) enqueue(packet []byte) bool {
	t.mu.Lock()
	ok := !t.closed && len(t.queue)+2+len(packet) <= tcpQueue
	if ok {
		t.queue = binary.BigEndian.AppendUint16(t.queue, uint16(len(packet)))
		t.queue = append(t.queue, packet...)
	}
	t.mu.Unlock()
	if ok {
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
	return ok
}

// queued is how many bytes wait.
func (t *tcpStream) queued() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.queue)
}

// write writes what is queued until the stream is finished and drained.
func (t *tcpStream) write() {
	defer t.conn.Close() //nolint:errcheck // nothing is left to lose
	for {
		t.mu.Lock()
		out, closed := t.queue, t.closed
		t.queue, t.spare = t.spare[:0], nil
		t.mu.Unlock()
		if len(out) > 0 {
			_ = t.conn.SetWriteDeadline(time.Now().Add(tcpWriteTimeout))
			if _, err := t.conn.Write(out); err != nil {
				t.slow.Store(errors.Is(err, os.ErrDeadlineExceeded))
				t.finish()
				return
			}
		} else if closed {
			t.hearOut()
			return
		}
		t.mu.Lock()
		if t.spare = out[:0]; cap(out) > tcpShort {
			t.spare = nil // a burst's memory is not kept for the quiet after it
		}
		more := len(t.queue) > 0 || t.closed
		t.mu.Unlock()
		if !more {
			<-t.wake
		}
	}
}

// hearOut says that nothing more is written, and waits until the peer has closed
// its side, too: what comes to a closed connection resets it, and the peer loses
// what it has not read yet.
func (t *tcpStream) hearOut() {
	c, ok := t.conn.(*net.TCPConn)
	if !ok || c.CloseWrite() != nil {
		return
	}
	select {
	case <-t.gone:
	case <-time.After(tcpGoodbye):
	}
}

// why is the reason for the end of a session whose connection has ended.
func (t *tcpStream) why() reason.Reason {
	if t.slow.Load() {
		return reason.Slow
	}
	return reason.PeerGone
}

// finish lets the writer drain and close the connection.
func (t *tcpStream) finish() {
	t.mu.Lock()
	was := t.closed
	t.closed = true
	t.mu.Unlock()
	if was {
		return
	}
	select {
	case t.wake <- struct{}{}:
	default: // a token waits already
	}
}
