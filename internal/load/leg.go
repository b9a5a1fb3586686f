package load

import (
	"bytes"
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
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/srtp/v3"
	"github.com/pion/stun/v4"
)

// leg is one WebRTC transport to a server: ICE as the controlling side, DTLS,
// SRTP. It owns a socket and no goroutine.
type leg struct {
	conn       *net.UDPConn
	remote     netip.AddrPort
	ufrag, pwd string // ours
	answer     *answer
	in, out    *srtp.Context
	ssrc       uint32
	early      []datagram     // media that came before the handshake was over, on our side
	fd         int            // of the pool, on Linux
	detour     func(b []byte) // where datagrams go instead of the socket; nil
}

const (
	datagramSize  = 1600
	connectWithin = 10 * time.Second
	checkEvery    = 200 * time.Millisecond // until the first answer
	receiveBuffer = 1 << 20
)

// identity is what all legs of a load share: a certificate.
type identity struct {
	cert        tls.Certificate
	fingerprint string
}

// newLeg makes a leg that nobody was asked for yet.
func newLeg() *leg {
	return &leg{ufrag: text(4), pwd: text(12), ssrc: binary.BigEndian.Uint32([]byte(text(2)))}
}

func text(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// dial has an offer answered and connects. ctx bounds it.
func (l *leg) dial(ctx context.Context, to endpoint, sdp string, id *identity) (err error) {
	if l.answer, err = to.offer(ctx, sdp); err != nil {
		return err
	}
	l.remote = l.answer.candidate
	if l.conn, err = net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.remote)); err != nil {
		return fmt.Errorf("open UDP: %w", err)
	}
	_ = l.conn.SetReadBuffer(receiveBuffer)
	if err := l.connect(ctx, id.cert); err != nil {
		_ = l.conn.Close()
		return err
	}
	return nil
}

// connect does ICE and DTLS.
func (l *leg) connect(ctx context.Context, cert tls.Certificate) error {
	if err := l.check(); err != nil {
		return err
	}
	deadline, _ := ctx.Deadline()
	buf := make([]byte, datagramSize)
	for {
		_ = l.conn.SetReadDeadline(time.Now().Add(checkEvery))
		n, err := l.conn.Read(buf)
		if err != nil && time.Now().After(deadline) {
			return fmt.Errorf("ICE: no answer from %s", l.remote)
		}
		if err != nil { // lost, or not there yet: again
			if err := l.check(); err != nil {
				return err
			}
			continue
		}
		if l.takeSTUN(buf[:n]) {
			break
		}
	}
	_ = l.conn.SetReadDeadline(time.Time{})
	wire := &dtlsConn{leg: l, ended: make(chan struct{})}
	conn, err := l.secure(ctx, wire, cert)
	wire.letGo()
	if err != nil {
		return fmt.Errorf("DTLS: %w", err)
	}
	select {
	case <-wire.ended:
	case <-ctx.Done():
		return fmt.Errorf("DTLS: %w", ctx.Err())
	}
	return l.keys(conn)
}

// secure does the handshake in the role that the answer leaves.
func (l *leg) secure(ctx context.Context, wire *dtlsConn, cert tls.Certificate) (*dtls.Conn, error) {
	to := net.UDPAddrFromAddrPort(l.remote)
	profiles := []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80}
	var conn *dtls.Conn
	var err error
	if l.answer.active {
		conn, err = dtls.ServerWithOptions(wire, to, dtls.WithCertificates(cert), dtls.WithClientAuth(dtls.RequireAnyClientCert),
			dtls.WithInsecureSkipVerify(true), dtls.WithSRTPProtectionProfiles(profiles...),
			dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret), dtls.WithFlightInterval(300*time.Millisecond))
	} else {
		conn, err = dtls.ClientWithOptions(wire, to, dtls.WithCertificates(cert),
			dtls.WithInsecureSkipVerify(true), dtls.WithSRTPProtectionProfiles(profiles...),
			dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret), dtls.WithFlightInterval(300*time.Millisecond))
	}
	if err != nil {
		return nil, err
	}
	return conn, conn.HandshakeContext(ctx)
}

func (l *leg) keys(conn *dtls.Conn) error {
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
	ours, err := srtp.CreateContext(m[:16], m[32:32+saltLen], profile)
	if err != nil {
		return err
	}
	theirs, err := srtp.CreateContext(m[16:32], m[32+saltLen:32+2*saltLen], profile)
	if l.out, l.in = ours, theirs; l.answer.active {
		l.out, l.in = theirs, ours // those of the DTLS client come first
	}
	return err
}

// check sends a binding request that nominates.
func (l *leg) check() error {
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest,
		stun.NewUsername(l.answer.ufrag+":"+l.ufrag),
		stun.RawAttribute{Type: 0x802A, Value: make([]byte, 8)}, // ICE-CONTROLLING
		stun.RawAttribute{Type: 0x0025},                         // USE-CANDIDATE
		stun.RawAttribute{Type: 0x0024, Value: []byte{110, 0, 255, 255}},
		stun.NewShortTermIntegrity(l.answer.pwd), stun.Fingerprint)
	if err == nil {
		l.write(m.Raw)
	}
	return err
}

// takeSTUN answers a check of the server's, and says whether b is the answer to
// one of ours.
func (l *leg) takeSTUN(b []byte) bool {
	m := &stun.Message{Raw: append([]byte(nil), b...)}
	if len(b) == 0 || b[0] > 3 || m.Decode() != nil {
		return false
	}
	if m.Type == stun.BindingRequest {
		reply, err := stun.Build(m, stun.BindingSuccess,
			&stun.XORMappedAddress{IP: net.IP(l.remote.Addr().AsSlice()), Port: int(l.remote.Port())},
			stun.NewShortTermIntegrity(l.pwd), stun.Fingerprint)
		if err == nil {
			l.write(reply.Raw)
		}
	}
	return m.Type == stun.BindingSuccess
}

// write sends one datagram. What is lost is sent again.
func (l *leg) write(b []byte) {
	if l.detour != nil {
		l.detour(b)
		return
	}
	l.put(b)
}

// dtlsConn is the datagrams of a handshake. Checks are answered, and media, which
// a server sends as soon as its part is done, is kept.
type dtlsConn struct {
	leg   *leg
	gone  atomic.Bool
	once  sync.Once
	ended chan struct{} // closed when nobody reads any more
}

func (c *dtlsConn) letGo() {
	c.gone.Store(true)
	_ = c.leg.conn.SetReadDeadline(time.Unix(1, 0))
}

func (c *dtlsConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, err := c.leg.conn.Read(b)
		if n > 0 && b[0] >= 128 {
			c.leg.early = append(c.leg.early, datagram{time.Now().UnixNano(), bytes.Clone(b[:n])})
		}
		if c.gone.Load() {
			c.once.Do(func() { close(c.ended) })
			return 0, nil, net.ErrClosed
		}
		if err != nil && strings.Contains(err.Error(), "refused") {
			continue
		}
		if err != nil || n > 0 && b[0] >= 20 && b[0] <= 63 {
			return n, c.leg.conn.RemoteAddr(), err
		}
		c.leg.takeSTUN(b[:n])
	}
}

func (c *dtlsConn) WriteTo(b []byte, _ net.Addr) (int, error) { return c.leg.conn.Write(b) }
func (c *dtlsConn) Close() error                              { return nil }
func (c *dtlsConn) LocalAddr() net.Addr                       { return c.leg.conn.LocalAddr() }
func (c *dtlsConn) SetDeadline(t time.Time) error             { return c.SetReadDeadline(t) }
func (c *dtlsConn) SetWriteDeadline(time.Time) error          { return nil }
func (c *dtlsConn) SetReadDeadline(t time.Time) error {
	if c.gone.Load() {
		return nil
	}
	return c.leg.conn.SetReadDeadline(t)
}
