package rtc

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// SendMethod is how datagrams reach the kernel.
type SendMethod string

// The ways to send, from the best to the one that works everywhere.
const (
	SendAuto  SendMethod = ""         // the best that the kernel offers
	SendGSO   SendMethod = "gso"      // sendmmsg of segmented sends (UDP_SEGMENT)
	SendBatch SendMethod = "sendmmsg" // sendmmsg of single datagrams
	SendPlain SendMethod = "plain"    // one system call per datagram
)

// socketBuffer is the wanted size of the kernel's buffers, in bytes.
const socketBuffer = 4 << 20

// socket is one UDP socket of the port's SO_REUSEPORT group. Any goroutine may
// send with write; send belongs to the socket's shard.
type socket struct {
	conn   *net.UDPConn
	sixth  bool // an AF_INET6 socket
	method SendMethod
	fd     int // valid while conn is open; Linux only
	batch  *batch
}

// listenSockets opens n sockets on one address; port 0 picks a free one.
func listenSockets(addr string, n int, method SendMethod) ([]*socket, error) {
	var sockets []*socket
	closeAll := func() {
		for _, s := range sockets {
			_ = s.conn.Close()
		}
	}
	lc := net.ListenConfig{Control: reusePort}
	for range n {
		pc, err := lc.ListenPacket(context.Background(), "udp", addr)
		if err != nil {
			closeAll()
			return nil, fmt.Errorf("listen on UDP %s: %w", addr, err)
		}
		conn := pc.(*net.UDPConn)
		_ = conn.SetReadBuffer(socketBuffer) // as much as the system allows
		_ = conn.SetWriteBuffer(socketBuffer)
		local := conn.LocalAddr().(*net.UDPAddr)
		s := &socket{conn: conn, sixth: local.IP.To4() == nil}
		if err := s.setup(method); err != nil {
			_ = conn.Close()
			closeAll()
			return nil, fmt.Errorf("set up UDP %s: %w", addr, err)
		}
		sockets = append(sockets, s)
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			closeAll()
			return nil, fmt.Errorf("listen on UDP %s: %w", addr, err)
		}
		addr = net.JoinHostPort(host, strconv.Itoa(local.Port))
	}
	return sockets, nil
}

// write sends one datagram.
func (s *socket) write(b []byte, to netip.AddrPort) error {
	_, err := s.conn.WriteToUDPAddrPort(b, to)
	return err
}

// sendPlain sends each packet of runs by itself and counts calls and failures.
func (s *socket) sendPlain(arena []byte, runs []run) (calls, failed int) {
	for _, r := range runs {
		for at := r.from; at < r.to; at += r.segment {
			calls++
			if s.write(arena[at:min(at+r.segment, r.to)], r.path.addr) != nil {
				failed++
			}
		}
	}
	return calls, failed
}
