package client

import (
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// relay is a network between a client and a server, on which datagrams get
// lost: a proxy of the signaling that puts itself into the answers, and of the
// media.
type relay struct {
	t    testing.TB
	conn *net.UDPConn // faces the client
	wg   sync.WaitGroup

	mu     sync.Mutex
	loss   float64
	random *rand.Rand
	server netip.AddrPort
	ups    map[netip.AddrPort]*net.UDPConn
	passed [2]int
	lost   [2]int
}

// lossy returns a relay with its URL instead of the server's.
func lossy(t testing.TB, s *server, loss float64, seed uint64) (r *relay, url func(string) string) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	r = &relay{t: t, conn: conn, loss: loss, random: rand.New(rand.NewPCG(seed, 1)), ups: map[netip.AddrPort]*net.UDPConn{}}
	r.wg.Go(r.run)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.proxy(w, req, s.http) }))
	t.Cleanup(func() {
		web.Close()
		_ = conn.Close()
		r.mu.Lock()
		for _, up := range r.ups {
			_ = up.Close()
		}
		r.mu.Unlock()
		r.wg.Wait()
	})
	host := strings.TrimPrefix(web.URL, "http://")
	return r, func(url string) string { return strings.Replace(url, s.http, host, 1) }
}

var (
	overUDP = regexp.MustCompile(`(a=candidate:\S+ \d (?i:udp) \d+ 127\.0\.0\.1) (\d+) `)
	overTCP = regexp.MustCompile(`a=candidate:\S+ \d (?i:tcp) [^\r\n]*\r\n`)
)

func (r *relay) proxy(w http.ResponseWriter, req *http.Request, to string) {
	out := req.Clone(req.Context())
	out.URL.Scheme, out.URL.Host, out.RequestURI = "http", to, ""
	res, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	text := overTCP.ReplaceAllString(string(body), "")
	if m := overUDP.FindStringSubmatch(text); m != nil {
		port, _ := strconv.Atoi(m[2])
		r.mu.Lock()
		r.server = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))
		r.mu.Unlock()
		text = overUDP.ReplaceAllString(text, "$1 "+strconv.Itoa(r.conn.LocalAddr().(*net.UDPAddr).Port)+" ")
	}
	for k, v := range res.Header {
		if k != "Content-Length" {
			w.Header()[k] = v
		}
	}
	w.WriteHeader(res.StatusCode)
	_, _ = io.WriteString(w, text)
}

// lose sets the share of datagrams that get lost.
func (r *relay) lose(share float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loss = share
}

// passes decides about one datagram.
func (r *relay) passes(way int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.random.Float64() < r.loss {
		r.lost[way]++
		return false
	}
	r.passed[way]++
	return true
}

func (r *relay) run() {
	buf := make([]byte, 4096)
	for {
		n, from, err := r.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if !r.passes(0) {
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
		_, _ = up.Write(buf[:n])
	}
}

func (r *relay) back(up *net.UDPConn, to netip.AddrPort) {
	buf := make([]byte, 4096)
	for {
		n, err := up.Read(buf)
		if err != nil {
			return
		}
		if r.passes(1) {
			_, _ = r.conn.WriteToUDPAddrPort(buf[:n], to)
		}
	}
}
