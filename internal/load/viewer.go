package load

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtcp"
	"github.com/pion/srtp/v3"
	"github.com/pion/stun/v4"
)

// Viewer is one WebRTC viewer.
type Viewer struct {
	conn       *net.UDPConn
	remote     netip.AddrPort
	ufrag, pwd string // ours
	answer     *answer
	in, out    *srtp.Context
	ssrc       uint32
	fd         int // of the pool, on Linux
	alive      time.Time
	over       bool // the server said goodbye

	// What was seen; any goroutine may read it.
	packets, bytes, lost atomic.Uint64
	connected            time.Duration // from the request
	firstPacket          atomic.Int64  // ns from the request
	began                time.Time
	next                 [2]int32 // expected sequence number of video and sound; -1 before the first
	clock                [2]clock
	delays               *histogram
}

// clock maps RTP timestamps to the capture time that sender reports give.
type clock struct {
	known bool
	ntp   int64 // Unix ns
	rtp   uint32
	rate  int64
}

const (
	batchSize     = 64
	datagramSize  = 1600
	keepAlive     = 2 * time.Second
	connectWithin = 10 * time.Second
)

// Dial makes a viewer of a WHEP resource and connects it. It blocks, for
// connectWithin at most.
func Dial(ctx context.Context, whep string, cert tls.Certificate, fingerprint string) (*Viewer, error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	v := &Viewer{ufrag: text(4), pwd: text(12), began: time.Now(), next: [2]int32{-1, -1}, delays: newHistogram()}
	v.ssrc = binary.BigEndian.Uint32([]byte(text(2)))
	var err error
	if v.answer, err = post(ctx, whep, offer(v.ufrag, v.pwd, fingerprint)); err != nil {
		return nil, err
	}
	v.remote = v.answer.candidate
	v.clock[0].rate, v.clock[1].rate = 90_000, 48_000
	if v.conn, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(v.remote)); err != nil {
		return nil, fmt.Errorf("open UDP: %w", err)
	}
	_ = v.conn.SetReadBuffer(1 << 20)
	if err := v.connect(ctx, cert); err != nil {
		_ = v.conn.Close()
		return nil, err
	}
	v.connected = time.Since(v.began)
	return v, nil
}

func text(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// connect does ICE as the controlling side and DTLS as the client.
func (v *Viewer) connect(ctx context.Context, cert tls.Certificate) error {
	if err := v.check(); err != nil {
		return err
	}
	deadline, _ := ctx.Deadline()
	_ = v.conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	buf := make([]byte, datagramSize)
	for {
		n, err := v.conn.Read(buf)
		if err != nil && time.Now().After(deadline) {
			return fmt.Errorf("ICE: no answer from %s", v.remote)
		}
		if err != nil { // lost, or not there yet: again
			_ = v.conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
			if err := v.check(); err != nil {
				return err
			}
			continue
		}
		if v.takeSTUN(buf[:n]) {
			break
		}
	}
	_ = v.conn.SetReadDeadline(time.Time{})
	wire := &dtlsConn{viewer: v}
	conn, err := dtls.ClientWithOptions(wire, net.UDPAddrFromAddrPort(v.remote),
		dtls.WithCertificates(cert), dtls.WithInsecureSkipVerify(true),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret), dtls.WithFlightInterval(300*time.Millisecond))
	if err != nil {
		return fmt.Errorf("start DTLS: %w", err)
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("DTLS: %w", err)
	}
	defer wire.letGo()
	return v.keys(conn)
}

func (v *Viewer) keys(conn *dtls.Conn) error {
	state, ok := conn.ConnectionState()
	chosen, okProfile := conn.SelectedSRTPProtectionProfile()
	if !ok || !okProfile {
		return errors.New("DTLS: no SRTP profile")
	}
	profile, saltLen := srtp.ProtectionProfileAes128CmHmacSha1_80, 14
	if chosen == dtls.SRTP_AEAD_AES_128_GCM {
		profile, saltLen = srtp.ProtectionProfileAeadAes128Gcm, 12
	}
	m, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 2*(16+saltLen))
	if err != nil {
		return fmt.Errorf("export keys: %w", err)
	}
	if v.out, err = srtp.CreateContext(m[:16], m[32:32+saltLen], profile); err != nil {
		return err
	}
	v.in, err = srtp.CreateContext(m[16:32], m[32+saltLen:32+2*saltLen], profile)
	return err
}

// check sends a binding request that nominates.
func (v *Viewer) check() error {
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest,
		stun.NewUsername(v.answer.ufrag+":"+v.ufrag),
		stun.RawAttribute{Type: 0x802A, Value: make([]byte, 8)}, // ICE-CONTROLLING
		stun.RawAttribute{Type: 0x0025},                         // USE-CANDIDATE
		stun.RawAttribute{Type: 0x0024, Value: []byte{110, 0, 255, 255}},
		stun.NewShortTermIntegrity(v.answer.pwd), stun.Fingerprint)
	if err == nil {
		v.write(m.Raw)
	}
	return err
}

// takeSTUN answers a check of the server's, and says whether b is the answer to
// one of ours.
func (v *Viewer) takeSTUN(b []byte) bool {
	m := &stun.Message{Raw: append([]byte(nil), b...)}
	if len(b) == 0 || b[0] > 3 || m.Decode() != nil {
		return false
	}
	if m.Type == stun.BindingRequest {
		reply, err := stun.Build(m, stun.BindingSuccess,
			&stun.XORMappedAddress{IP: net.IP(v.remote.Addr().AsSlice()), Port: int(v.remote.Port())},
			stun.NewShortTermIntegrity(v.pwd), stun.Fingerprint)
		if err == nil {
			v.write(reply.Raw)
		}
	}
	return m.Type == stun.BindingSuccess
}

// keepAlive sends consent and a receiver report like a browser, when it is time.
func (v *Viewer) keepAlive(now time.Time) {
	if now.Sub(v.alive) < keepAlive || v.over {
		return
	}
	v.alive = now
	_ = v.check()
	v.report()
}

// take takes one datagram; it is false at the end of the session.
func (v *Viewer) take(b []byte, now time.Time) bool {
	switch {
	case len(b) < 12:
	case b[0] >= 20 && b[0] <= 63:
		return b[0] != 21
	case b[0] < 4:
		v.takeSTUN(b)
	case b[0] < 128:
	case b[1] >= 192 && b[1] <= 223:
		v.takeReport(b)
	default:
		v.takeMedia(b, now)
	}
	return true
}

func (v *Viewer) takeMedia(b []byte, now time.Time) {
	if v.packets.Add(1) == 1 {
		v.firstPacket.Store(int64(now.Sub(v.began)))
	}
	v.bytes.Add(uint64(len(b)))
	kind := 0
	switch b[1] & 0x7f {
	case opusPT:
		kind = 1
	case rtxPT:
		return
	}
	seq := binary.BigEndian.Uint16(b[2:])
	if v.next[kind] >= 0 {
		if gap := int16(seq - uint16(v.next[kind])); gap < 0 {
			return
		} else if gap > 0 {
			v.lost.Add(uint64(gap))
		}
	}
	v.next[kind] = int32(seq + 1)
	if c := v.clock[kind]; c.known && b[1]&0x80 != 0 {
		ticks := int64(int32(binary.BigEndian.Uint32(b[4:]) - c.rtp))
		v.delays.add(now.UnixNano() - c.ntp - ticks*1e9/c.rate)
	}
}

const ntpEpoch = 2208988800

func (v *Viewer) takeReport(b []byte) {
	plain, err := v.in.DecryptRTCP(nil, b, nil)
	if err != nil {
		return
	}
	all, err := rtcp.Unmarshal(plain)
	if err != nil {
		return
	}
	for _, p := range all {
		sr, ok := p.(*rtcp.SenderReport)
		if !ok {
			continue
		}
		kind := 0
		if sr.SSRC == v.answer.audioSSRC {
			kind = 1
		}
		c := &v.clock[kind]
		c.known, c.rtp = true, sr.RTPTime
		c.ntp = (int64(sr.NTPTime>>32)-ntpEpoch)*1e9 + int64(sr.NTPTime&0xffffffff)*1e9>>32
	}
}

func (v *Viewer) report() {
	rr := &rtcp.ReceiverReport{SSRC: v.ssrc, Reports: []rtcp.ReceptionReport{{SSRC: v.answer.videoSSRC}}}
	plain, err := rr.Marshal()
	if err != nil {
		return
	}
	if sealed, err := v.out.EncryptRTCP(nil, plain, nil); err == nil {
		v.write(sealed)
	}
}

// dtlsConn is the datagrams of a handshake, with all else answered or dropped.
type dtlsConn struct {
	viewer *Viewer
	gone   atomic.Bool
}

func (c *dtlsConn) letGo() {
	c.gone.Store(true)
	_ = c.viewer.conn.SetReadDeadline(time.Unix(1, 0))
}

func (c *dtlsConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, err := c.viewer.conn.Read(b)
		if c.gone.Load() {
			return 0, nil, net.ErrClosed
		}
		if err != nil && strings.Contains(err.Error(), "refused") {
			continue
		}
		if err != nil || n > 0 && b[0] >= 20 && b[0] <= 63 {
			return n, c.viewer.conn.RemoteAddr(), err
		}
		c.viewer.takeSTUN(b[:n])
	}
}

func (c *dtlsConn) WriteTo(b []byte, _ net.Addr) (int, error) { return c.viewer.conn.Write(b) }
func (c *dtlsConn) Close() error                              { return nil }
func (c *dtlsConn) LocalAddr() net.Addr                       { return c.viewer.conn.LocalAddr() }
func (c *dtlsConn) SetDeadline(t time.Time) error             { return c.SetReadDeadline(t) }
func (c *dtlsConn) SetWriteDeadline(time.Time) error          { return nil }
func (c *dtlsConn) SetReadDeadline(t time.Time) error {
	if c.gone.Load() {
		return nil
	}
	return c.viewer.conn.SetReadDeadline(t)
}
