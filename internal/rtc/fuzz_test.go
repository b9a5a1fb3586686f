package rtc

import (
	"encoding/binary"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/srtp/v3"
	"github.com/pion/stun/v4"
	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/live"
	wire "millrace/internal/wire/rtp"
	"millrace/internal/wire/sdp"
)

// target is a server with one connected session, that a fuzzer feeds by hand.
type target struct {
	s    *Server
	ses  *session
	from netip.AddrPort
	ctx  *srtp.Context // the peer's
}

func newTarget(t testing.TB) *target {
	t.Helper()
	s, err := Listen(Config{Addr: "127.0.0.1:0", Shards: 1}, slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry()))
	must(t, err)
	t.Cleanup(s.closeSockets)
	hub := live.NewHub(live.Options{NewPacketizer: func() live.Packetizer { return wire.New() }})
	t.Cleanup(hub.Close)
	p, err := hub.Publish(testName, "test", "")
	must(t, err)
	p.Announce(testVideo, testOpus)
	must(t, p.Write(picture(0, true, 5000)))
	r, err := hub.Subscribe(t.Context(), testName)
	must(t, err)
	offer := &sdp.Offer{Ufrag: "remote", Pwd: "the remote password here"}
	id, _, err := s.Play(offer, sdp.Selection{Video: h264Format()}, r, "")
	must(t, err)
	g := &target{s: s, ses: s.ids[id], from: netip.MustParseAddrPort("127.0.0.1:9")}
	g.ses.ufrag, g.ses.pwd = "AAAAAAAA", "the local password here!"
	s.ufrags[g.ses.ufrag] = g.ses
	c := s.adopt(g.ses, newPath(g.from, false), s.sockets[0])
	c.valid = true
	g.ses.chosen = c
	g.ses.via.Store(s.sockets[0])
	g.ses.path.Store(c.path)
	key, salt := masterKeys(gcmSaltLen)
	sec := &secured{records: fuzzRecords(t), lastSent: []byte{22}}
	sec.out, err = newProtection(srtp.ProtectionProfileAeadAes128Gcm, key, salt, true)
	must(t, err)
	sec.in, err = newProtection(srtp.ProtectionProfileAeadAes128Gcm, key, salt, false)
	must(t, err)
	g.ctx, err = srtp.CreateContext(key, salt, srtp.ProtectionProfileAeadAes128Gcm)
	must(t, err)
	g.ses.secured = sec
	g.ses.viewer.connected(sec)
	s.shards[0].join(g.ses.viewer, 1e18)
	return g
}

// seeds are datagrams of every kind.
func seeds(t testing.TB) [][]byte {
	t.Helper()
	build := func(setters ...stun.Setter) []byte {
		m, err := stun.Build(setters...)
		must(t, err)
		return m.Raw
	}
	id := stun.NewTransactionIDSetter([12]byte{})
	key, salt := masterKeys(gcmSaltLen)
	ctx, err := srtp.CreateContext(key, salt, srtp.ProtectionProfileAeadAes128Gcm)
	must(t, err)
	sealed, err := ctx.EncryptRTCP(nil, compound(t, 3, 10, 11), nil)
	must(t, err)
	return [][]byte{
		build(id, stun.BindingRequest, stun.NewUsername("AAAAAAAA:remote"), stun.RawAttribute{Type: attrUseCandidate},
			stun.NewShortTermIntegrity("the local password here!"), stun.Fingerprint),
		build(id, stun.BindingSuccess, stun.NewShortTermIntegrity("the remote password here"), stun.Fingerprint),
		build(id, stun.BindingError), build(id, stun.NewType(stun.MethodAllocate, stun.ClassRequest)),
		sealed,
		{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0},
		append([]byte{21, 254, 253, 0, 1, 0, 0, 0, 0, 0, 1, 0, 26}, make([]byte, 26)...),
		{21, 254, 253, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0},
		{20}, {128, 201}, {0}, {255},
	}
}

// Whatever arrives from anywhere, nothing breaks.
func FuzzDispatch(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b, true)
		f.Add(b, false)
	}
	g := newTarget(f)
	var mu sync.Mutex
	f.Fuzz(func(t *testing.T, b []byte, known bool) {
		if len(b) == 0 || len(b) > maxDatagram {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		from := g.from
		if !known {
			from = netip.AddrPortFrom(from.Addr(), 7777)
		}
		g.s.dispatch(b, from, nil, g.s.sockets[0])
		g.s.shards[0].obey()
		g.s.shards[0].out.flush()
		if n := len(g.s.addrs); n > maxPairs {
			t.Fatalf("%d addresses", n)
		}
	})
}

// What an authentic peer reports is foreign as well.
func FuzzFeedback(f *testing.F) {
	f.Add(compound(f, 3, 10, 11))
	for _, p := range []rtcp.Packet{
		&rtcp.PictureLossIndication{MediaSSRC: 5}, &rtcp.FullIntraRequest{MediaSSRC: 5, FIR: []rtcp.FIREntry{{SSRC: 5}}},
		&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1e6, SSRCs: []uint32{5}},
		&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{LastSenderReport: 1, Delay: 1 << 31, TotalLost: 9}}},
		&rtcp.TransportLayerCC{}, &rtcp.Goodbye{Sources: []uint32{5}},
	} {
		b, err := rtcp.Marshal([]rtcp.Packet{p})
		must(f, err)
		f.Add(b)
	}
	g := newTarget(f)
	ssrc := g.ses.viewer.video.ssrc
	var mu sync.Mutex
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxDatagram {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if len(b) >= 12 { // mostly about the stream that there is
			binary.BigEndian.PutUint32(b[8:], ssrc)
		}
		g.ses.viewer.feedback(b)
		sh := g.s.shards[0]
		if len(sh.inbox) > maxInbox {
			t.Fatalf("%d requests wait", len(sh.inbox))
		}
		sh.obey()
		sh.out.flush()
	})
}

// A connection that sends anything is read to its end or cut off.
func FuzzReadStream(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
	}
	f.Add([]byte{0, 0})
	f.Add([]byte{0xff, 0xff, 0})
	g := newTarget(f)
	var mu sync.Mutex
	f.Fuzz(func(t *testing.T, b []byte) {
		mu.Lock()
		defer mu.Unlock()
		s := &tcpStream{conn: &tape{b: b}, wake: make(chan struct{}, 1)}
		g.s.readStream(s)
		if s.queued() > tcpQueue {
			t.Fatalf("%d bytes wait", s.queued())
		}
		g.ses.mu.Lock()
		for len(g.ses.pairs) > 1 { // as when the connection ends
			g.ses.pairs = g.ses.pairs[:1]
		}
		g.ses.mu.Unlock()
		g.s.shards[0].obey()
		g.s.shards[0].out.flush()
	})
}

// tape is a connection that brings b.
type tape struct {
	net.Conn
	b []byte
}

func (c *tape) Read(b []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, net.ErrClosed
	}
	n := copy(b, c.b)
	c.b = c.b[n:]
	return n, nil
}

func (*tape) SetReadDeadline(time.Time) error { return nil }

func (c *tape) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5}
}

// A feedback of any form is read to its end or refused, whatever was sent.
func FuzzWideFeedback(f *testing.F) {
	r := newRoad(f, 5e6, time.Millisecond)
	r.send(5, 1200)
	r.pass(150 * time.Millisecond)
	for _, c := range [][]byte{
		{0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 1, 0, 0x20, 5, 4, 8, 8, 8},
		{0x8f, 205, 0, 6, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 1, 1, 0xd9, 0x64, 4, 0xff, 0xf0, 8, 8, 1},
		{0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xf0, 0x10, 0, 0, 0, 1, 0, 0x1f, 0xff, 0, 0},
		{0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 14, 0x80, 0, 1, 0, 0xbf, 0xff, 1, 2, 3, 4},
	} {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l := link{}
		for i := range 300 {
			l.note(uint16(65000+i*3), 3, 3600, int64(i)*1e6)
		}
		l.told(b, 400e6)
		l.note(364, 3, 3600, 401e6)
		l.told(b, 402e6)
		if l.inFlight < 0 || l.inFlight > 3600*linkRuns || l.noted-l.acked > linkRuns {
			t.Fatalf("%d bytes under way in %d runs", l.inFlight, l.noted-l.acked)
		}
		if e := l.estimate(); e < 0 || e > mostRate || e != e {
			t.Fatalf("estimate %v", e)
		}
	})
}
