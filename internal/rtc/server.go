package rtc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

// Config of a Server. Zero values mean the defaults in brackets.
type Config struct {
	// Addr is the UDP and TCP address to listen on.
	Addr string
	// IPs are the addresses that answers announce. [the listening address, or
	// those of the interfaces]
	IPs []netip.Addr
	// Shards is the number of egress workers. [GOMAXPROCS]
	Shards int
	// Send is the way to send. [the best that the kernel offers]
	Send SendMethod
	// Consent is how long a connected peer may show no sign of life. [15 s]
	Consent time.Duration
	// Connect is how long an answered offer waits for its peer. [20 s]
	Connect time.Duration
	// MaxSessions is how many sessions there may be. [20,000]
	MaxSessions int
}

// maxHandshakes is how many DTLS handshakes run at once; others wait. One takes
// under a millisecond of work and 40 KB but two round trips of time, and a peer
// that falls silent keeps its place for handshakeTimeout.
const maxHandshakes = 2048

// patienceWhenFull is how long an answered offer may wait for its peer where
// others would be turned away.
const patienceWhenFull = 3 * time.Second

// ErrLimit says that there are as many sessions as there may be.
var ErrLimit = errors.New("too many sessions")

// Words of the metric of refused datagrams.
const (
	refusedSTUN    = "bad_stun"
	refusedPaths   = "too_many_paths"
	refusedUnknown = "unknown_peer"
	refusedSRTCP   = "bad_srtcp"
	refusedRTP     = "bad_rtp"
	refusedSRTP    = "bad_srtp"
	refusedReplay  = "replayed_srtp"
	refusedSources = "too_many_sources"
	refusedFlood   = "flood"
)

// Server is one port's WebRTC, to viewers and from publishers.
type Server struct {
	cfg         Config
	log         *slog.Logger
	metrics     *Metrics
	certificate tls.Certificate
	fingerprint [32]byte
	sockets     []*socket
	listener    *net.TCPListener
	shards      []*shard
	candidates  []sdp.Candidate
	handshakes  chan struct{}
	gate        *gate
	running     sync.WaitGroup // handshakes
	sessions    sync.WaitGroup // those that their shard has not let go of
	nextShard   atomic.Uint64
	madeRoom    atomic.Int64 // when makeRoom last looked

	mu      sync.RWMutex
	ufrags  map[string]*session
	ids     map[string]*session
	addrs   map[netip.AddrPort]*session
	streams map[*tcpStream]struct{}
	closing bool
}

// Listen opens the sockets. Nothing is served before Serve.
func Listen(cfg Config, log *slog.Logger, m *Metrics) (*Server, error) {
	if cfg.Shards == 0 {
		cfg.Shards = runtime.GOMAXPROCS(0)
	}
	if !socketGroups {
		cfg.Shards = 1
	}
	if cfg.Consent == 0 {
		cfg.Consent = 15 * time.Second
	}
	if cfg.Connect == 0 {
		cfg.Connect = 20 * time.Second
	}
	if cfg.MaxSessions == 0 {
		cfg.MaxSessions = 20_000
	}
	s := &Server{
		cfg: cfg, log: log, metrics: m,
		handshakes: make(chan struct{}, maxHandshakes),
		ufrags:     map[string]*session{}, ids: map[string]*session{},
		addrs: map[netip.AddrPort]*session{}, streams: map[*tcpStream]struct{}{},
	}
	var err error
	if s.certificate, s.fingerprint, err = newCertificate(); err != nil {
		return nil, err
	}
	if err := s.listen(); err != nil {
		return nil, err
	}
	for _, sock := range s.sockets {
		s.shards = append(s.shards, newShard(s, sock))
	}
	s.gate = &gate{shards: s.shards, places: runtime.GOMAXPROCS(0)}
	s.candidates, err = s.announced()
	if err != nil {
		s.closeSockets()
		return nil, err
	}
	return s, nil
}

// listen opens the UDP group and the TCP listener on one port number.
func (s *Server) listen() error {
	_, port, _ := net.SplitHostPort(s.cfg.Addr)
	for try := 0; ; try++ {
		sockets, err := listenSockets(s.cfg.Addr, s.cfg.Shards, s.cfg.Send)
		if err != nil {
			return err
		}
		s.sockets = sockets
		at := sockets[0].conn.LocalAddr().(*net.UDPAddr)
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: at.IP, Port: at.Port, Zone: at.Zone})
		if err == nil {
			s.listener = l
			return nil
		}
		s.closeSockets()
		if port != "0" || try == 10 {
			return fmt.Errorf("listen on TCP %s: %w", at, err)
		}
	}
}

func (s *Server) closeSockets() {
	for _, sock := range s.sockets {
		_ = sock.conn.Close()
	}
	if s.listener != nil {
		_ = s.listener.Close()
	}
}

// Addr is where the server listens.
func (s *Server) Addr() netip.AddrPort {
	a := s.sockets[0].conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// Serve serves until ctx ends, then ends all sessions with a goodbye and
// returns when no goroutine of the server is left.
func (s *Server) Serve(ctx context.Context) error {
	stop := make(chan struct{})
	var shards, readers sync.WaitGroup
	for _, sh := range s.shards {
		shards.Go(func() { sh.run(stop) })
	}
	for _, sock := range s.sockets {
		readers.Go(func() { s.read(sock) })
	}
	readers.Go(func() { s.accept(&readers) })
	s.reap(ctx)
	s.endAll(reason.Shutdown)
	s.running.Wait()
	s.sessions.Wait() // a reader or a caller of Close may be ending one still
	close(stop)
	shards.Wait()
	s.closeSockets()
	s.closeStreams()
	readers.Wait()
	return nil
}

// Play makes a session that sends r's packets to the offerer, and returns its
// id and our end of the transport. On success the session owns r.
func (s *Server) Play(offer *sdp.Offer, sel sdp.Selection, r *live.Reader, mode catalog.Mode) (string, sdp.Transport, error) {
	ses := newSession(s, offer, sel, r, mode)
	v := ses.viewer
	v.shard = s.shards[s.nextShard.Add(1)%uint64(len(s.shards))]
	if err := s.admit(ses, func() { s.sessions.Add(1) }); err != nil {
		return "", sdp.Transport{}, err
	}
	t := s.transport(ses.credentials, offer.AnswerSetup())
	if v.video != nil {
		t.VideoSSRC, t.VideoRTXSSRC = v.video.ssrc, v.video.rtxSSRC
	}
	if v.audio != nil {
		t.AudioSSRC, t.AudioRTXSSRC = v.audio.ssrc, v.audio.rtxSSRC
	}
	return ses.id, t, nil
}

// Publish makes a session that receives the offerer's media into p, and returns
// its id and our end of the transport. On success the session owns p.
func (s *Server) Publish(offer *sdp.Offer, rec sdp.Reception, p *live.Publisher) (string, sdp.Transport, error) {
	ses := openSession(s, offer)
	ses.ingest = newIngest(ses, rec, p)
	t := s.transport(ses.credentials, offer.AnswerSetup())
	if err := s.admit(ses, func() { s.sessions.Go(ses.ingest.run) }); err != nil {
		return "", sdp.Transport{}, err
	}
	return ses.id, t, nil
}

// Ready waits until a further viewer takes nothing from those who are there. It
// fails with ErrBusy when that takes a second, or when ctx ends.
func (s *Server) Ready(ctx context.Context) error { return s.gate.pass(ctx) }

// admit makes ses known, if there is room. begin is called when it is.
func (s *Server) admit(ses *session, begin func()) error {
	if s.Sessions() >= s.cfg.MaxSessions {
		s.makeRoom()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing:
		return live.ErrShutdown
	case len(s.ids) >= s.cfg.MaxSessions:
		return ErrLimit
	}
	s.ufrags[ses.ufrag], s.ids[ses.id] = ses, ses
	s.metrics.Sessions.Inc()
	begin()
	return nil
}

// transport is our end of a session's transport.
func (s *Server) transport(c credentials, setup string) sdp.Transport {
	return sdp.Transport{Ufrag: c.ufrag, Pwd: c.pwd, Fingerprint: s.fingerprint, Setup: setup, Candidates: s.candidates}
}

// Close ends a session. It reports whether there was one.
func (s *Server) Close(id string, why reason.Reason) bool {
	s.mu.RLock()
	ses := s.ids[id]
	s.mu.RUnlock()
	return ses != nil && s.end(ses, why)
}

// goOn runs f on a goroutine that Serve waits for, unless the server is closing.
func (s *Server) goOn(f func()) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if !s.closing {
		s.running.Go(f)
	}
	return !s.closing
}

// Sessions is the number of sessions, connected or not.
func (s *Server) Sessions() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.ids)
}

// newCertificate makes the certificate that all sessions of this run share.
func newCertificate() (tls.Certificate, [32]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, [32]byte{}, fmt.Errorf("make DTLS key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return tls.Certificate{}, [32]byte{}, fmt.Errorf("make DTLS certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "millrace"},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().AddDate(10, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, [32]byte{}, fmt.Errorf("make DTLS certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, sha256.Sum256(der), nil
}
