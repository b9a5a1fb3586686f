package rtc

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

// session is one peer from its offer to its end: a viewer or a publisher. Until
// it is connected the readers and its handshake own it; then its shard owns the
// egress (viewer), or the readers and one goroutine what comes in (ingest).
type session struct {
	id string
	credentials
	fingerprint [32]byte
	client      bool // we begin the DTLS handshake
	tieBreaker  uint64
	created     time.Time
	server      *Server
	reading     atomic.Pointer[live.Reader] // a viewer's; its shard may put another in its place
	viewer      *viewer                     // nil: a publisher's session
	ingest      *ingest                     // nil: a viewer's session

	path     atomic.Pointer[path] // chosen by the peer; nil before, and once there is none any more
	via      atomic.Pointer[socket]
	lastSeen atomic.Int64 // of the last authentic datagram: ns since created, whatever the wall clock does
	farewell atomic.Bool  // the peer has closed its DTLS association
	gone     atomic.Bool  // ended, for who does not hold mu
	heard    atomic.Bool  // the peer has sent SRTP or SRTCP: it has our last flight

	mu        sync.Mutex
	next      *credentials // of an ICE restart that the peer has not taken up yet
	ping      ping
	pairs     []*pair        // remote addresses that know our password
	chosen    *pair          // the one of path
	peer      netip.AddrPort // of the last one chosen
	shared    netip.AddrPort // where another session's peer is, too, or instead
	handshake *pipe          // while one runs, or waits for a path
	secured   *secured
	ended     bool
	cancel    context.CancelFunc // of the handshake
	failed    error              // of the handshake, for the closing line
}

// token returns n random bytes in the alphabet that ICE allows.
func token(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// ufragBytes is the length of our ufrag before it is written in base64.
const ufragBytes = 6

// iceToken is token in ICE's own alphabet (RFC 8839 section 5.4).
func iceToken(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return base64.RawStdEncoding.EncodeToString(b)
}

// newSession makes a viewer's session.
func newSession(s *Server, offer *sdp.Offer, sel sdp.Selection, r *live.Reader, mode catalog.Mode) *session {
	var seed [16]byte
	_, _ = rand.Read(seed[:])
	ses := openSession(s, offer)
	ses.reading.Store(r)
	ses.viewer = newViewer(ses, sel, mode, seed[:])
	return ses
}

// reader is what a viewer's session reads.
func (ses *session) reader() *live.Reader { return ses.reading.Load() }

// openSession makes what all sessions have.
func openSession(s *Server, offer *sdp.Offer) *session {
	var seed [8]byte
	_, _ = rand.Read(seed[:])
	return &session{
		id: token(18), credentials: newCredentials(offer.Ufrag, offer.Pwd), fingerprint: offer.Fingerprint,
		client:     offer.AnswerSetup() == "active",
		tieBreaker: binary.BigEndian.Uint64(seed[:]),
		created:    time.Now(), server: s,
	}
}

// lastWords are what the closing line says: where the peer was, "" for nowhere,
// and why the handshake failed.
func (ses *session) lastWords() (peer string, failed error) {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	if ses.peer.IsValid() {
		peer = ses.peer.String()
	}
	return peer, ses.failed
}

// connected says whether media may flow.
func (ses *session) connected() bool {
	if ses.ingest != nil {
		return ses.ingest.isConnected()
	}
	return ses.viewer.joined.Load()
}

// sendVia sends one datagram outside of the shard: STUN, DTLS.
func (ses *session) sendVia(p *path, via *socket, b []byte) {
	if p.stream != nil {
		p.stream.enqueue(b)
		return
	}
	_ = via.write(b, p.addr) // lost datagrams are the peer's to repeat
}

// send sends one datagram on the chosen path.
func (ses *session) send(b []byte) {
	if p, via := ses.path.Load(), ses.via.Load(); p != nil {
		ses.sendVia(p, via, b)
	}
}

// onDTLS takes a DTLS datagram.
func (ses *session) onDTLS(b []byte) {
	ses.mu.Lock()
	sec, p := ses.secured, ses.handshake
	ses.mu.Unlock()
	if sec != nil {
		switch {
		case b[0] == contentHandshake && len(b) > recordHeaderLen && !ses.heard.Load():
			ses.send(sec.lastSent) // our last flight was lost
		case sec.records.closes(b):
			ses.farewell.Store(true)
			ses.server.end(ses, reason.ClosedByPeer)
		}
		return
	}
	if p == nil {
		p = ses.newHandshake()
	}
	if p != nil {
		p.deliver(b)
		ses.beginHandshake()
	}
}

// newHandshake makes the pipe of a handshake that the peer begins, or returns
// the one there is. It is nil once there can be none.
func (ses *session) newHandshake() *pipe {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	if ses.handshake == nil && !ses.ended && ses.cancel == nil {
		ses.handshake = newPipe(ses.send, ses.server.gate)
	}
	return ses.handshake
}

// beginHandshake starts the handshake goroutine when it is time to: we begin or
// the peer has begun, and there is a path for our part. The peer's first flight
// may overtake the answer to our check.
func (ses *session) beginHandshake() {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	if ses.ended || ses.cancel != nil || ses.chosen == nil || ses.handshake == nil && !ses.client {
		return
	}
	if ses.handshake == nil {
		ses.handshake = newPipe(ses.send, ses.server.gate)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := ses.handshake
	ses.cancel = cancel
	ses.server.running.Go(func() {
		defer cancel()
		ses.runHandshake(ctx, p)
	})
}

func (ses *session) runHandshake(ctx context.Context, p *pipe) {
	s := ses.server
	select {
	case s.handshakes <- struct{}{}:
	case <-ctx.Done():
		p.letGo()
		return
	}
	sec, err := handshake(ctx, p, s.certificate, ses.fingerprint, ses.client, ses.ingest != nil)
	<-s.handshakes
	ses.mu.Lock()
	ses.handshake = nil
	ended := ses.ended
	if !ended {
		ses.secured, ses.failed = sec, err
	}
	ses.mu.Unlock()
	switch {
	case ended:
	case err != nil:
		s.end(ses, reason.HandshakeFailed)
	case ses.ingest != nil:
		ses.ingest.connected(sec)
	default:
		ses.viewer.connected(sec)
		ses.sendPing() // the round trip, until a receiver report tells it
		ses.viewer.shard.post(command{kind: cmdJoin, viewer: ses.viewer})
	}
}

// onRTCP takes an SRTCP packet.
func (ses *session) onRTCP(b []byte, from netip.AddrPort, stream *tcpStream) {
	ses.mu.Lock()
	sec := ses.secured
	ses.mu.Unlock()
	if sec == nil {
		return
	}
	plain, err := sec.in.openRTCP(b)
	if err != nil {
		ses.server.refuse(refusedSRTCP)
		return
	}
	ses.heard.Store(true)
	ses.seen(from, stream)
	if ses.ingest != nil {
		ses.ingest.onReports(plain)
		return
	}
	ses.viewer.feedback(plain)
}
