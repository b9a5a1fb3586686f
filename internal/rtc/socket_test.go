package rtc

import (
	"bytes"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
)

var sendMethods = []SendMethod{SendGSO, SendBatch, SendPlain}

// sinkOf opens a socket that takes what is sent.
func sinkOf(t testing.TB, network, ip string) (*net.UDPConn, netip.AddrPort) {
	t.Helper()
	sink, err := net.ListenUDP(network, &net.UDPAddr{IP: net.ParseIP(ip)})
	must(t, err)
	t.Cleanup(func() { _ = sink.Close() })
	_ = sink.SetReadBuffer(socketBuffer)
	return sink, sink.LocalAddr().(*net.UDPAddr).AddrPort()
}

func socketOf(t testing.TB, addr string, method SendMethod) *socket {
	t.Helper()
	s, err := listenSockets(addr, 1, method)
	must(t, err)
	t.Cleanup(func() { _ = s[0].conn.Close() })
	return s[0]
}

func expectDatagrams(t testing.TB, sink *net.UDPConn, want [][]byte) {
	t.Helper()
	b := make([]byte, 1<<16)
	for i, w := range want {
		must(t, sink.SetReadDeadline(time.Now().Add(patience)))
		n, err := sink.Read(b)
		if err != nil {
			t.Fatalf("datagram %d of %d: %v", i, len(want), err)
		}
		if !bytes.Equal(b[:n], w) {
			t.Fatalf("datagram %d has %d bytes, want %d", i, n, len(w))
		}
	}
}

// All ways to send deliver the same datagrams in the same order, over both
// families and from a socket that has both.
func TestSendMethods(t *testing.T) {
	for _, at := range []struct{ listen, network, sink string }{
		{"127.0.0.1:0", "udp4", "127.0.0.1"},
		{"[::]:0", "udp4", "127.0.0.1"},
		{"[::]:0", "udp6", "::1"},
	} {
		for _, method := range sendMethods {
			t.Run(string(method)+" "+at.listen+" to "+at.sink, func(t *testing.T) {
				sock := socketOf(t, at.listen, method)
				sink, to := sinkOf(t, at.network, at.sink)
				p := newPath(to, sock.sixth)
				rnd := rand.New(rand.NewPCG(3, 4))
				o := newOutbox(sock)
				var want [][]byte
				run := func(segment int, sizes ...int) {
					total := 0
					for _, n := range sizes {
						total += n
					}
					from := o.begin(total)
					for _, n := range sizes {
						piece := make([]byte, n)
						for i := range piece {
							piece[i] = byte(rnd.Uint32())
						}
						o.arena = append(o.arena, piece...)
						want = append(want, piece)
					}
					o.end(p, from, segment)
				}
				run(1178, 1178, 1178, 1178, 30) // the last is shorter
				run(90, 90)                     // alone
				run(500, 500, 500)              // all the same
				for i := range 70 {             // more than one call takes
					run(100+i, 100+i)
				}
				full := make([]int, maxRunPackets)
				for i := range full {
					full[i] = maxRunBytes / maxRunPackets
				}
				run(full[0], full...)
				o.flush()
				expectDatagrams(t, sink, want)
				bytes := 0
				for _, w := range want {
					bytes += len(w)
				}
				if o.sent.packets != uint64(len(want)) || o.sent.bytes != uint64(bytes) || len(o.sent.dropped) != 0 || sock.method != method {
					t.Fatalf("counted %+v, sends by %s", o.sent, sock.method)
				}
			})
		}
	}
}

// A datagram that the kernel refuses costs itself, and not the way to send.
func TestRefusedDatagrams(t *testing.T) {
	for _, method := range sendMethods {
		t.Run(string(method), func(t *testing.T) {
			sock := socketOf(t, "127.0.0.1:0", method)
			sink, to := sinkOf(t, "udp4", "127.0.0.1")
			good, nowhere := newPath(to, false), newPath(netip.AddrPortFrom(to.Addr(), 0), false)
			arena := bytes.Repeat([]byte{7}, 200_000)
			want := [][]byte{arena[:100], arena[:100], arena[:50], arena[:300]}
			_, failed := sock.send(arena, []run{
				{good, 0, 100, 100},
				{good, 0, 70_000, 70_000}, // longer than any datagram
				{nowhere, 0, 400, 100},    // four to a port that there is not
				{good, 0, 150, 100},
				{good, 0, 300, 300},
			})
			expectDatagrams(t, sink, want)
			if failed != 5 || sock.method != method {
				t.Fatalf("%d failures, want 5; sends by %s", failed, sock.method)
			}
		})
	}
}

// Viewers get the same stream whatever the way to send is.
func TestPlayBySendMethod(t *testing.T) {
	t.Parallel()
	for _, method := range sendMethods {
		t.Run(string(method), func(t *testing.T) {
			r := newRoom(t, Config{Send: method})
			r.broadcast(testName, ordinary)
			c := r.watch(wish{})
			shown := pursuit{t: t, was: c.see()}
			for range 30 {
				shown.check(c.see())
			}
			if got := r.server.sockets[0].method; got != method {
				t.Fatalf("the server sends by %s", got)
			}
		})
	}
}

// Several addresses are announced, and each of them works.
func TestSeveralAddresses(t *testing.T) {
	t.Parallel()
	first, second := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")
	for _, only := range []netip.Addr{first, second} {
		r := newRoom(t, Config{Addr: "0.0.0.0:0", IPs: []netip.Addr{first, second}})
		r.broadcast(testName, ordinary)
		c := r.watch(wish{reply: func(answer string) string {
			var kept []byte
			for _, line := range bytes.SplitAfter([]byte(answer), []byte("\r\n")) {
				if !bytes.HasPrefix(line, []byte("a=candidate:")) || bytes.Contains(line, []byte(" "+only.String()+" ")) {
					kept = append(kept, line...)
				}
			}
			return string(kept)
		}})
		c.see()
	}
}

// A port that is taken by another program is an error, not half a server.
func TestPortIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = l.Close() }()
	if _, err := Listen(Config{Addr: l.Addr().String()}, nil, nil); err == nil {
		t.Fatal("listens on a port that is taken")
	}
}

// Many viewers of two streams on two shards, all at once.
func TestManyViewers(t *testing.T) {
	r := newRoom(t, Config{Shards: 2})
	pr := ordinary
	pr.key, pr.delta = 6000, 1500
	r.broadcast(testName, pr)
	other := testName
	other.Stream = "other"
	r.broadcast(other, pr)
	const n = 50
	var clients []*client
	for i := range n {
		name := testName
		if i%3 == 0 {
			name = other
		}
		clients = append(clients, r.watch(wish{name: name}))
	}
	for _, c := range clients {
		shown := pursuit{t: t, was: c.see()}
		if !shown.was.key {
			t.Fatal("begins without a key frame")
		}
		for range 5 {
			shown.check(c.see())
		}
	}
	for i, c := range clients {
		if i%2 == 0 {
			r.server.Close(c.id, reason.Kicked)
		}
	}
	for i, c := range clients {
		if i%2 == 0 {
			r.ledger.awaitReason(t, c.id, reason.Kicked)
		}
	}
	for i, c := range clients {
		if i%2 == 1 {
			c.takes(media.Video, 20)
		}
	}
}
