package rtc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/srtp/v3"
	"github.com/pion/transport/v4/deadline"
)

// A handshake is done by the library over an in-memory connection. Afterwards
// the library's connection is let go: what stays of DTLS is two record keys,
// to read and to write a close_notify, and the last flight, for a peer that
// lost it.

const (
	handshakeTimeout = 10 * time.Second
	flightInterval   = 150 * time.Millisecond
	// handshakeBytes is what the library may get of one peer, which would
	// collect 2 MB of fragments. A handshake takes 2 KB, and each repeat as much.
	handshakeBytes = 64 << 10
	// stepMost bounds a step: what a peer has the library wait for is no work.
	stepMost         = 50 * time.Millisecond
	contentAlert     = 21
	contentHandshake = 22
	recordHeaderLen  = 13
)

// pipe is the connection that a handshake reads from and writes to.
type pipe struct {
	in       chan []byte
	deadline *deadline.Deadline
	write    func([]byte)
	gate     *gate
	inside   atomic.Bool // the library works on what it was given
	bound    atomic.Pointer[time.Timer]
	taken    atomic.Int64 // bytes that were delivered

	mu     sync.Mutex
	last   []byte // the last datagram written
	random []byte // of the ServerHello that went by, whichever way
	next   uint64 // one above the number of the last protected record written

	once sync.Once
	eof  chan struct{}
}

func newPipe(write func([]byte), g *gate) *pipe {
	return &pipe{in: make(chan []byte, 8), deadline: deadline.New(), write: write, gate: g, eof: make(chan struct{})}
}

// deliver hands a received datagram over, or drops it when eight wait or the
// peer has sent far more than it takes.
func (p *pipe) deliver(b []byte) {
	if p.taken.Add(int64(len(b))) > handshakeBytes {
		return
	}
	select {
	case p.in <- bytes.Clone(b):
	default:
	}
}

// letGo ends the library's goroutines without an alert to the peer.
func (p *pipe) letGo() {
	p.once.Do(func() { close(p.eof) })
	p.done()
}

// done ends the step that the last datagram has caused: the library asks for the
// next one when it has read it. On several processors it may be answering still.
func (p *pipe) done() {
	if p.inside.Swap(false) {
		if t := p.bound.Swap(nil); t != nil {
			t.Stop()
		}
		p.gate.leave()
	}
}

func (p *pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	p.done()
	select {
	case <-p.eof:
		return 0, nil, io.EOF
	default:
	}
	select {
	case d := <-p.in:
		if !p.gate.enter(p.eof, p.deadline.Done()) {
			return 0, nil, os.ErrDeadlineExceeded
		}
		p.inside.Store(true)
		p.bound.Store(time.AfterFunc(stepMost, p.done))
		select {
		case <-p.eof: // nobody may be there to end the step
			p.done()
			return 0, nil, io.EOF
		default:
		}
		p.mu.Lock()
		p.noteHello(d)
		p.mu.Unlock()
		return copy(b, d), pipeAddr{}, nil
	case <-p.eof:
		return 0, nil, io.EOF
	case <-p.deadline.Done():
		return 0, nil, os.ErrDeadlineExceeded
	}
}

func (p *pipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	p.mu.Lock()
	p.last = bytes.Clone(b)
	p.noteHello(b)
	p.noteNumbers(b)
	p.mu.Unlock()
	p.write(b)
	return len(b), nil
}

func (p *pipe) lastFlight() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

func (p *pipe) Close() error                       { p.letGo(); return nil }
func (p *pipe) LocalAddr() net.Addr                { return pipeAddr{} }
func (p *pipe) SetDeadline(t time.Time) error      { return p.SetReadDeadline(t) }
func (p *pipe) SetReadDeadline(t time.Time) error  { p.deadline.Set(t); return nil }
func (p *pipe) SetWriteDeadline(_ time.Time) error { return nil }

// pipeAddr stands for the peer: ICE decides where it really is.
type pipeAddr struct{}

func (pipeAddr) Network() string { return "udp" }
func (pipeAddr) String() string  { return "ice" }

// secured is what a finished handshake leaves.
type secured struct {
	in, out  *protection
	records  *records
	lastSent []byte
}

var errFingerprint = errors.New("the peer's certificate is not the one in its offer")

// handshake secures the transport that p carries. client says that we begin.
// receives that the peer sends media.
// It blocks until done, for handshakeTimeout at most, and leaves no goroutine.
func handshake(ctx context.Context, p *pipe, cert tls.Certificate, fingerprint [32]byte, client, receives bool) (*secured, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	var secret masterSecret
	options := []dtls.Option{
		dtls.WithKeyLogWriter(&secret), // the library has no other way to tell
		dtls.WithLoggerFactory(mute{}),
		dtls.WithCertificates(cert),
		dtls.WithCipherSuites(dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithFlightInterval(flightInterval),
		dtls.WithInsecureSkipVerify(true), // the offer's fingerprint is what is checked
		dtls.WithVerifyPeerCertificate(func(certs [][]byte, _ [][]*x509.Certificate) error {
			if len(certs) == 0 {
				return errFingerprint
			}
			sum := sha256.Sum256(certs[0])
			if subtle.ConstantTimeCompare(sum[:], fingerprint[:]) != 1 {
				return errFingerprint
			}
			return nil
		}),
	}
	conn, err := dial(p, options, client)
	if err != nil {
		return nil, fmt.Errorf("start DTLS: %w", err)
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		p.letGo()
		return nil, fmt.Errorf("DTLS handshake: %w", err)
	}
	defer p.letGo()
	return takeKeys(conn, p, &secret, client, receives)
}

func dial(p *pipe, options []dtls.Option, client bool) (*dtls.Conn, error) {
	if client {
		all := make([]dtls.ClientOption, 0, len(options))
		for _, o := range options {
			all = append(all, o)
		}
		return dtls.ClientWithOptions(p, pipeAddr{}, all...)
	}
	all := make([]dtls.ServerOption, 0, len(options)+2)
	for _, o := range options {
		all = append(all, o)
	}
	// ICE has proved the peer's address: no HelloVerifyRequest, one round trip less.
	all = append(all, dtls.WithClientAuth(dtls.RequireAnyClientCert), dtls.WithInsecureSkipVerifyHello(true))
	return dtls.ServerWithOptions(p, pipeAddr{}, all...)
}

// takeKeys exports what outlives the library's connection.
func takeKeys(conn *dtls.Conn, p *pipe, secret *masterSecret, client, receives bool) (*secured, error) {
	state, ok := conn.ConnectionState()
	if !ok {
		return nil, errors.New("read DTLS state: none")
	}
	chosen, _ := conn.SelectedSRTPProtectionProfile()
	profile, saltLen := srtp.ProtectionProfileAes128CmHmacSha1_80, cmSaltLen
	if chosen == dtls.SRTP_AEAD_AES_128_GCM {
		profile, saltLen = srtp.ProtectionProfileAeadAes128Gcm, gcmSaltLen
	} else if chosen != dtls.SRTP_AES128_CM_HMAC_SHA1_80 {
		return nil, errors.New("the peer takes no SRTP profile of ours")
	}
	// RFC 5764 section 4.2: client key, server key, client salt, server salt.
	m, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 2*(masterKeyLen+saltLen))
	if err != nil {
		return nil, fmt.Errorf("export SRTP keys: %w", err)
	}
	keys, salts := [2][]byte{m[:masterKeyLen], m[masterKeyLen : 2*masterKeyLen]}, m[2*masterKeyLen:]
	own := 1
	if client {
		own = 0
	}
	side := func(i int) (*protection, error) {
		return newProtection(profile, keys[i], salts[i*saltLen:(i+1)*saltLen], i == own || receives)
	}
	s := &secured{lastSent: p.lastFlight()}
	if s.out, err = side(own); err != nil {
		return nil, err
	}
	if s.in, err = side(1 - own); err != nil {
		return nil, err
	}
	if s.records, err = newRecords(p, secret, client); err != nil {
		return nil, err
	}
	return s, nil
}
