package rtc

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// relay is a network between clients and the server, on which datagrams get
// lost as a test wants.
type relay struct {
	conn   *net.UDPConn // faces the clients
	server netip.AddrPort
	wg     sync.WaitGroup

	mu   sync.Mutex
	pass func(toServer bool, b []byte) bool
	ups  map[netip.AddrPort]*net.UDPConn
	// Every everyth RTP datagram is held until the next one has passed.
	every, count int
	held         []byte
}

func newRelay(t testing.TB, server netip.AddrPort) *relay {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	r := &relay{conn: conn, server: server, ups: map[netip.AddrPort]*net.UDPConn{}}
	r.wg.Go(r.run)
	t.Cleanup(func() {
		_ = conn.Close()
		r.mu.Lock()
		for _, up := range r.ups {
			_ = up.Close()
		}
		r.mu.Unlock()
		r.wg.Wait()
	})
	return r
}

// let makes pass decide what gets through; nil: all.
func (r *relay) let(pass func(toServer bool, b []byte) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pass = pass
}

func (r *relay) passes(toServer bool, b []byte) bool {
	r.mu.Lock()
	pass := r.pass
	r.mu.Unlock()
	return pass == nil || pass(toServer, b)
}

func (r *relay) run() {
	buf := make([]byte, 4096)
	for {
		n, from, err := r.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if !r.passes(true, buf[:n]) {
			continue
		}
		r.mu.Lock()
		up := r.ups[from]
		if up == nil {
			if up, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(r.server)); err != nil {
				r.mu.Unlock()
				return
			}
			r.ups[from] = up
			r.wg.Go(func() { r.back(up, from) })
		}
		r.mu.Unlock()
		r.deliver(up, buf[:n])
	}
}

// deliver writes b towards the server, now or after the next one.
func (r *relay) deliver(up *net.UDPConn, b []byte) {
	r.mu.Lock()
	held := r.held
	r.held = nil
	if r.every > 0 && isRTP(b) {
		if r.count++; held == nil && r.count%r.every == 0 {
			r.held = append([]byte(nil), b...)
			r.mu.Unlock()
			return
		}
	}
	r.mu.Unlock()
	_, _ = up.Write(b)
	if held != nil {
		_, _ = up.Write(held)
	}
}

func (r *relay) back(up *net.UDPConn, to netip.AddrPort) {
	buf := make([]byte, 4096)
	for {
		n, err := up.Read(buf)
		if err != nil {
			return
		}
		if r.passes(false, buf[:n]) {
			_, _ = r.conn.WriteToUDPAddrPort(buf[:n], to)
		}
	}
}

// serial makes pass safe for both directions at once.
func serial(pass func(bool, []byte) bool) func(bool, []byte) bool {
	var mu sync.Mutex
	return func(toServer bool, b []byte) bool {
		mu.Lock()
		defer mu.Unlock()
		return pass(toServer, b)
	}
}

// instead edits an answer so that its UDP candidates lead through the relay.
func (r *relay) instead(answer string) string {
	return strings.ReplaceAll(answer, r.candidate(r.server.Port()), r.candidate(r.port()))
}

func (r *relay) port() uint16 { return r.conn.LocalAddr().(*net.UDPAddr).AddrPort().Port() }

func (r *relay) candidate(port uint16) string {
	return r.server.Addr().String() + " " + strconv.Itoa(int(port)) + " typ host\r\n"
}

// Kinds of datagrams (RFC 7983).
func isDTLS(b []byte) bool { return b[0] >= 20 && b[0] <= 63 }
func isRTP(b []byte) bool  { return b[0]>>6 == 2 && (b[1] < 192 || b[1] > 223) }

// shuffle makes every nth RTP datagram towards the server arrive after the one
// that follows it.
func (r *relay) shuffle(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.every = n
}
