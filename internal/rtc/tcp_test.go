package rtc

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// Where UDP is blocked, everything goes over TCP.
func TestPlayOverTCP(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{tcp: true})
	p := pursuit{t: t, was: c.see()}
	for range 40 {
		p.check(c.see())
	}
	c.takes(media.Audio, 20)
	if r.session(c.id).path.Load().stream == nil {
		t.Fatal("it is not TCP")
	}
	must(t, c.pc.Close())
	// A connection that is closed with bytes unread is reset, which may overtake
	// the goodbye.
	why := reason.Reason(r.ledger.await(t, c.id)["reason"].String())
	if why != reason.ClosedByPeer && why != reason.PeerGone {
		t.Fatalf("session ended with %q", why)
	}
}

// valve is a TCP connection's way that a test can close: it then takes no more.
type valve struct {
	l      net.Listener
	server netip.AddrPort
	wg     sync.WaitGroup
	shut   chan struct{}
	done   chan struct{}
}

func newValve(t testing.TB, server netip.AddrPort) *valve {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	v := &valve{l: l, server: server, shut: make(chan struct{}), done: make(chan struct{})}
	v.wg.Go(v.run)
	t.Cleanup(func() {
		close(v.done)
		_ = l.Close()
		v.wg.Wait()
	})
	return v
}

func (v *valve) run() {
	for {
		down, err := v.l.Accept()
		if err != nil {
			return
		}
		up, err := net.Dial("tcp4", v.server.String())
		if err != nil {
			_ = down.Close()
			return
		}
		_ = up.(*net.TCPConn).SetReadBuffer(4096)
		v.wg.Go(func() { _, _ = io.Copy(up, down) })
		v.wg.Go(func() {
			defer func() { _ = down.Close(); _ = up.Close() }()
			b := make([]byte, 2048)
			for {
				select {
				case <-v.shut: // holds the connection and reads nothing
					<-v.done
					return
				default:
				}
				n, err := up.Read(b)
				if err != nil {
					return
				}
				if _, err := down.Write(b[:n]); err != nil {
					return
				}
			}
		})
	}
}

func (v *valve) instead(answer string) string {
	port := v.l.Addr().(*net.TCPAddr).Port
	of := func(p int) string {
		return v.server.Addr().String() + " " + strconv.Itoa(p) + " typ host tcptype passive"
	}
	return strings.ReplaceAll(answer, of(int(v.server.Port())), of(port))
}

// A connection that takes nothing any more costs its own viewer pictures, then
// the session; nobody else notices.
func TestSlowTCP(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{Shards: 1})
	pr := ordinary
	pr.key, pr.delta = 100_000, 100_000
	r.broadcast(testName, pr)
	v := newValve(t, r.server.Addr())
	slow, other := r.watch(wish{tcp: true, reply: v.instead}), r.watch(wish{})
	slow.see()
	close(v.shut)
	line := r.ledger.awaitReason(t, slow.id, reason.Slow)
	if drops := line["drops"].Any().(map[reason.Reason]uint64); drops[reason.QueueFull] == 0 {
		t.Fatalf("drops %v", drops)
	}
	brought := r.session(other.id).viewer.packets.Head()
	r.server.Close(other.id, reason.Kicked)
	line = r.ledger.awaitReason(t, other.id, reason.Kicked)
	drops := line["drops"].Any().(map[reason.Reason]uint64)
	delete(drops, reason.SkipAge)     // of a busy machine's: a shard that waits drops most,
	delete(drops, reason.SkipKeyWait) // and what follows up to the next key frame
	if len(drops) != 0 {
		t.Fatalf("the other viewer's drops: %v", drops)
	}
	if got := line["packets"].Uint64(); got < uint64(brought)/2 {
		t.Fatalf("the other viewer was sent %d packets of %d", got, brought)
	}
}

// dial opens a connection and returns it with a function that writes a frame.
func dial4571(t testing.TB, r *room) (net.Conn, func([]byte)) {
	t.Helper()
	conn, err := net.Dial("tcp4", r.server.Addr().String())
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn, func(b []byte) {
		t.Helper()
		_, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
		must(t, err)
	}
}

func readFrame(t testing.TB, conn net.Conn) []byte {
	t.Helper()
	must(t, conn.SetReadDeadline(time.Now().Add(patience)))
	var length [2]byte
	_, err := io.ReadFull(conn, length[:])
	must(t, err)
	b := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err = io.ReadFull(conn, b)
	must(t, err)
	return b
}

// Checks over TCP are answered on the connection. Its end ends the session
// that uses it; that of another connection does not.
func TestConnectionEnds(t *testing.T) {
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{dontComplete: true})
	ses := r.session(c.id)
	first, write := dial4571(t, r)
	write(checkOf(t, ses, false, ses.pwd))
	if b := readFrame(t, first); !stun.IsMessage(b) {
		t.Fatalf("a frame that is not STUN: %x", b)
	}
	await(t, func() bool { return ses.path.Load() != nil })
	second, write2 := dial4571(t, r)
	write2(checkOf(t, ses, true, ses.pwd))
	readFrame(t, second)
	await(t, func() bool { return ses.path.Load().addr.String() == second.LocalAddr().String() })
	must(t, first.Close())
	await(t, func() bool {
		r.server.mu.Lock()
		defer r.server.mu.Unlock()
		return len(r.server.streams) == 1
	})
	if r.server.Sessions() != 1 {
		t.Fatal("the end of an unused connection ended the session")
	}
	must(t, second.Close())
	r.ledger.awaitReason(t, c.id, reason.PeerGone)
}

// checkOf is a check that a session's peer sends, right if pwd is.
func checkOf(t testing.TB, ses *session, nominate bool, pwd string) []byte {
	t.Helper()
	setters := []stun.Setter{stun.TransactionID, stun.BindingRequest, stun.NewUsername(ses.ufrag + ":" + ses.remoteUfrag)}
	if nominate {
		setters = append(setters, stun.RawAttribute{Type: attrUseCandidate})
	}
	m, err := stun.Build(append(setters, stun.NewShortTermIntegrity(pwd), stun.Fingerprint)...)
	must(t, err)
	return m.Raw
}

// Browsers nominate all they have at first: UDP stays unless it has fallen silent.
func TestUDPIsPreferred(t *testing.T) {
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{dontComplete: true})
	p := newProber(t, r, c.id)
	conn, write := dial4571(t, r)
	write(checkOf(t, p.ses, true, p.ses.pwd)) // TCP is better than nothing
	readFrame(t, conn)
	await(t, func() bool { return p.ses.path.Load() != nil })
	_, own := p.checkAndReply(true)
	p.answer(own)
	await(t, func() bool { return p.ses.path.Load().stream == nil })
	readFrame(t, conn) // our check of the connection
	write(checkOf(t, p.ses, true, p.ses.pwd))
	readFrame(t, conn)
	if p.ses.path.Load().stream != nil {
		t.Fatal("TCP took over from UDP")
	}
	p.ses.mu.Lock()
	p.ses.chosen.nominated = time.Now().Add(-udpStays)
	p.ses.mu.Unlock()
	write(checkOf(t, p.ses, true, p.ses.pwd))
	await(t, func() bool { return p.ses.path.Load().stream != nil })
}

// What is not framed as it should be is cut off.
func TestBadFraming(t *testing.T) {
	r := newRoom(t, Config{})
	for name, b := range map[string][]byte{
		"empty frame":     {0, 0},
		"huge frame":      {0xff, 0xff, 1, 2, 3},
		"an HTTP request": []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
	} {
		conn, _ := dial4571(t, r)
		_, err := conn.Write(b)
		must(t, err)
		must(t, conn.SetReadDeadline(time.Now().Add(patience)))
		if _, err := conn.Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A viewer over TCP hears a goodbye before its connection is closed.
func TestGoodbyeOverTCP(t *testing.T) {
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{tcp: true})
	c.see()
	r.server.Close(c.id, reason.Kicked)
	c.awaitDTLS(webrtc.DTLSTransportStateClosed)
	await(t, func() bool {
		r.server.mu.Lock()
		defer r.server.mu.Unlock()
		return len(r.server.streams) == 0
	})
}

// A peer that goes on sending hears the goodbye all the same: it is not lost to a
// reset.
func TestGoodbyeToTalker(t *testing.T) {
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{dontComplete: true})
	ses := r.session(c.id)
	conn, write := dial4571(t, r)
	write(checkOf(t, ses, true, ses.pwd))
	readFrame(t, conn)
	await(t, func() bool { return ses.path.Load() != nil })
	last := bytes.Repeat([]byte{0x80}, 1000)
	stream := ses.path.Load().stream
	stream.enqueue(last)
	r.server.Close(c.id, reason.Kicked)
	r.ledger.awaitReason(t, c.id, reason.Kicked)
	await(t, func() bool {
		stream.mu.Lock()
		defer stream.mu.Unlock()
		return stream.closed && len(stream.queue) == 0
	})
	for range 20 { // before anything is read here
		_, err := conn.Write([]byte{0, 4, 0x80, 1, 2, 3})
		must(t, err)
		await(t, func() bool { return r.server.Sessions() == 0 })
	}
	for {
		if b := readFrame(t, conn); bytes.Equal(b, last) {
			break
		}
	}
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("after the last word: %v", err)
	}
}

// What is queued comes out framed and whole, in order; what does not fit is refused.
func TestStreamQueue(t *testing.T) {
	ours, theirs := net.Pipe()
	s := &tcpStream{conn: ours, wake: make(chan struct{}, 1)}
	packet := func(i int) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(i)), make([]byte, 996)...) }
	n := 0
	for s.enqueue(packet(n)) {
		n++
	}
	if got := s.queued(); got > tcpQueue || got < tcpQueue-1002 {
		t.Fatalf("%d bytes wait", got)
	}
	var wg sync.WaitGroup
	wg.Go(s.write)
	s.finish()
	if s.enqueue([]byte{1}) {
		t.Fatal("a finished stream takes more")
	}
	in := bufio.NewReader(theirs)
	for i := range n {
		var length [2]byte
		_, err := io.ReadFull(in, length[:])
		must(t, err)
		b := make([]byte, binary.BigEndian.Uint16(length[:]))
		_, err = io.ReadFull(in, b)
		must(t, err)
		if len(b) != 1000 || binary.BigEndian.Uint32(b) != uint32(i) {
			t.Fatalf("packet %d", i)
		}
	}
	if _, err := in.ReadByte(); err != io.EOF {
		t.Fatalf("after the last: %v", err)
	}
	wg.Wait()
	must(t, theirs.Close())
}
