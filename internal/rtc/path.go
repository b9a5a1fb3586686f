package rtc

import (
	"encoding/binary"
	"net/netip"
)

// path is where a session's packets go: a UDP address or a TCP connection. It
// is immutable.
type path struct {
	addr   netip.AddrPort // unmapped
	stream *tcpStream     // nil: UDP
	// raw is the sockaddr in the form that the socket's family takes.
	raw    [28]byte
	rawLen uint32
}

// Values of Linux's address families; other systems do not use raw.
const (
	afINET  = 2
	afINET6 = 10
)

// newPath describes addr for a socket of the given family.
func newPath(addr netip.AddrPort, sixth bool) *path {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	p := &path{addr: addr}
	binary.BigEndian.PutUint16(p.raw[2:], addr.Port())
	if !sixth && addr.Addr().Is4() {
		binary.NativeEndian.PutUint16(p.raw[0:], afINET)
		ip := addr.Addr().As4()
		copy(p.raw[4:], ip[:])
		p.rawLen = 16
		return p
	}
	binary.NativeEndian.PutUint16(p.raw[0:], afINET6)
	ip := addr.Addr().As16() // IPv4 becomes ::ffff:a.b.c.d
	copy(p.raw[8:], ip[:])
	p.rawLen = 28
	return p
}
