package rtc

import (
	"encoding/base64"
	"errors"
	"time"

	"github.com/pion/stun/v4"

	"millrace/internal/wire/sdp"
)

// An ICE restart (RFC 8445 section 9) gives both sides new credentials. DTLS and
// SRTP go on. The old credentials stay valid until the peer's checks with the
// new ones succeed, so that a peer that lost our answer loses nothing else.

// credentials are what checks of both directions are made with.
type credentials struct {
	ufrag, pwd             string
	remoteUfrag, remotePwd string
}

func newCredentials(remoteUfrag, remotePwd string) credentials {
	return credentials{iceToken(ufragBytes), iceToken(24), remoteUfrag, remotePwd}
}

// ErrNoSession says that a session has ended or has never been.
var ErrNoSession = errors.New("no such session")

// Restart begins an ICE restart with the peer's new credentials, and returns
// ours and our candidates. It fails with ErrNoSession.
func (s *Server) Restart(id, ufrag, pwd string) (sdp.Transport, error) {
	next := newCredentials(ufrag, pwd)
	s.mu.RLock()
	ses := s.ids[id]
	s.mu.RUnlock()
	if ses == nil {
		return sdp.Transport{}, ErrNoSession
	}
	ses.mu.Lock()
	defer ses.mu.Unlock()
	if ses.ended {
		return sdp.Transport{}, ErrNoSession
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ses.next != nil { // one that nothing came of
		delete(s.ufrags, ses.next.ufrag)
	}
	ses.next = &next
	s.ufrags[next.ufrag] = ses
	setup := "passive"
	if ses.client {
		setup = "active"
	}
	return s.transport(next, setup), nil
}

// known returns the credentials that belong to a ufrag of ours.
func (ses *session) known(ufrag string) (credentials, bool) {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	switch {
	case ufrag == ses.ufrag:
		return ses.credentials, true
	case ses.next != nil && ufrag == ses.next.ufrag:
		return *ses.next, true
	}
	return credentials{}, false
}

// proved notes that a check with c went through on a path that works. With the
// credentials of a restart that ends the restart.
func (s *Server) proved(ses *session, c credentials) {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	if ses.ended || ses.next == nil || *ses.next != c {
		return
	}
	s.mu.Lock()
	delete(s.ufrags, ses.ufrag)
	s.mu.Unlock()
	ses.credentials, ses.next = c, nil
}

// ping is a check of ours that measures the round trip. The session's mu guards it.
type ping struct {
	id [stun.TransactionIDSize]byte
	at time.Time
}

// ownTransaction is a transaction id that begins with our ufrag, so that the
// answer, which names no user, finds its session.
func ownTransaction(ufrag string) (id [stun.TransactionIDSize]byte, ok bool) {
	id = stun.NewTransactionID()
	n, err := base64.RawStdEncoding.Decode(id[:], []byte(ufrag))
	return id, err == nil && n == ufragBytes
}

// sendPing sends a check on the chosen path. One that is on its way is given up.
func (ses *session) sendPing() {
	ses.mu.Lock()
	c, own := ses.chosen, ses.credentials
	id, ok := ownTransaction(own.ufrag)
	ses.ping = ping{id, time.Now()}
	ses.mu.Unlock()
	if c == nil || !ok {
		return
	}
	if m, err := ses.check(id, own); err == nil {
		ses.sendVia(c.path, c.via, m.Raw)
	}
}

// ponged takes the answer to a ping and reports whether it is one.
func (ses *session) ponged(id [stun.TransactionIDSize]byte) bool {
	ses.mu.Lock()
	is, took := ses.ping.id == id && !ses.ping.at.IsZero(), time.Since(ses.ping.at)
	if is {
		ses.ping = ping{}
	}
	ses.mu.Unlock()
	switch {
	case !is:
	case ses.ingest != nil:
		ses.ingest.onRoundTrip(took)
	default:
		ses.viewer.ponged(took)
	}
	return is
}
