package rtc

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

// maxDatagram is larger than anything that a peer has reason to send.
const maxDatagram = 2048

// read reads one socket until it is closed.
func (s *Server) read(sock *socket) {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := sock.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n == 0 {
			continue // ICMP errors of single peers surface here
		}
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		s.dispatch(buf[:n], from, nil, sock)
	}
}

// dispatch sorts a datagram by its first byte (RFC 7983). stream is set when
// it came over TCP. b is not kept.
func (s *Server) dispatch(b []byte, from netip.AddrPort, stream *tcpStream, via *socket) {
	first := b[0]
	if first < 4 {
		p := newPath(from, via.sixth)
		p.stream = stream
		s.onSTUN(b, p, via)
		return
	}
	ses := s.byPath(from, stream)
	if ses == nil {
		s.refuse(refusedUnknown)
		return
	}
	switch {
	case first >= 20 && first <= 63:
		ses.onDTLS(b)
	case first >= 128 && first <= 191 && len(b) >= rtcpHeaderLen && b[1] >= 192 && b[1] <= 223:
		ses.onRTCP(b, from, stream)
	case first >= 128 && first <= 191 && ses.ingest != nil:
		if ses.ingest.onRTP(b, ses.ingest.now()) {
			ses.heard.Store(true)
			ses.seen(from, stream)
		}
	}
}

func (s *Server) refuse(why string) { s.metrics.BadDatagrams.WithLabelValues(why).Inc() }

// byUfrag returns the session that a ufrag of ours belongs to, and what checks
// with it are made with. It is nil where there is none.
func (s *Server) byUfrag(ufrag string) (*session, credentials) {
	s.mu.RLock()
	ses := s.ufrags[ufrag]
	s.mu.RUnlock()
	if ses == nil {
		return nil, credentials{}
	}
	own, ok := ses.known(ufrag)
	if !ok {
		return nil, credentials{}
	}
	return ses, own
}

func (s *Server) byPath(from netip.AddrPort, stream *tcpStream) *session {
	if stream != nil {
		return stream.session.Load()
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.addrs[from]
}

// adopt returns ses's pair for p, from where somebody who knows its password
// has written. It is nil when the session has ended.
func (s *Server) adopt(ses *session, p *path, via *socket) *pair {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	if ses.ended {
		return nil
	}
	if i := slices.IndexFunc(ses.pairs, func(c *pair) bool { return c.at(p) }); i >= 0 {
		return ses.pairs[i]
	}
	if len(ses.pairs) == maxPairs {
		i := slices.IndexFunc(ses.pairs, func(c *pair) bool { return c != ses.chosen })
		s.disown(ses, ses.pairs[i])
		ses.pairs = slices.Delete(ses.pairs, i, i+1)
		s.refuse(refusedPaths)
	}
	c := &pair{path: p, via: via, valid: p.stream != nil}
	ses.pairs = append(ses.pairs, c)
	if p.stream != nil {
		p.stream.session.Store(ses)
	} else {
		s.own(ses, p.addr, false)
	}
	return c
}

// own lets datagrams from addr go to ses. Only one that has proved to be there
// takes an address from another session, which is returned.
func (s *Server) own(ses *session, addr netip.AddrPort, proved bool) (before *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before = s.addrs[addr]; before == ses || before != nil && !proved {
		return nil
	}
	s.addrs[addr] = ses
	return before
}

// unbind takes addr from ses, whose peer another one has turned out to be there
// instead of: it has vanished, and what was sent there is nothing to who has its
// port now. A peer that is elsewhere can go on from there, and one that shares
// its port with the other shows so by its next check.
func (ses *session) unbind(addr netip.AddrPort) {
	ses.mu.Lock()
	defer ses.mu.Unlock()
	if ses.ended {
		return
	}
	ses.shared = addr
	ses.pairs = slices.DeleteFunc(ses.pairs, func(c *pair) bool { return c.path.stream == nil && c.path.addr == addr })
	if ses.chosen == nil || slices.Contains(ses.pairs, ses.chosen) {
		return
	}
	ses.chosen = nil
	ses.path.Store(nil)
	for _, c := range ses.pairs {
		if c.valid && (ses.chosen == nil || c.nominated.After(ses.chosen.nominated)) {
			ses.chosen = c
		}
	}
	if c := ses.chosen; c != nil {
		ses.via.Store(c.via)
		ses.path.Store(c.path)
	}
}

// disown undoes what adopt did for c.
func (s *Server) disown(ses *session, c *pair) {
	if c.path.stream != nil {
		c.path.stream.finish()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addrs[c.path.addr] == ses {
		delete(s.addrs, c.path.addr)
	}
}

// end ends a session and says goodbye to a peer that has not done so. It
// reports whether the session was still there.
func (s *Server) end(ses *session, why reason.Reason) bool {
	ses.mu.Lock()
	if ses.ended {
		ses.mu.Unlock()
		return false
	}
	ses.ended = true
	ses.gone.Store(true)
	sec, pairs, cancel, pipe := ses.secured, ses.pairs, ses.cancel, ses.handshake
	ufrag, next := ses.ufrag, ses.next
	ses.mu.Unlock()
	s.mu.Lock()
	delete(s.ufrags, ufrag)
	if next != nil {
		delete(s.ufrags, next.ufrag)
	}
	delete(s.ids, ses.id)
	s.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	if pipe != nil {
		pipe.letGo()
	}
	if sec != nil && !ses.farewell.Load() {
		if b, err := sec.records.closeNotify(); err == nil {
			ses.send(b)
		}
	}
	ses.path.Store(nil) // its shard sends nothing more, whatever it is at
	for _, c := range pairs {
		s.disown(ses, c)
	}
	s.metrics.Closed.WithLabelValues(string(why)).Inc() // who is gone has been counted
	s.metrics.Sessions.Dec()
	if ses.ingest != nil {
		ses.ingest.end(why)
		return true
	}
	ses.viewer.shard.post(command{kind: cmdLeave, viewer: ses.viewer, why: why})
	return true
}

func (s *Server) endAll(why reason.Reason) {
	s.mu.Lock()
	s.closing = true
	all := make([]*session, 0, len(s.ids))
	for _, ses := range s.ids {
		all = append(all, ses)
	}
	s.mu.Unlock()
	for _, ses := range all {
		s.end(ses, why)
	}
}

// reap ends sessions that never connected or lost consent, until ctx ends.
func (s *Server) reap(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var late []*session
		now := time.Now()
		s.mu.RLock()
		for _, ses := range s.ids {
			if _, is := s.overdue(ses, now); is {
				late = append(late, ses)
			}
		}
		s.mu.RUnlock()
		for _, ses := range late {
			if why, is := s.overdue(ses, now); is {
				s.end(ses, why)
			}
		}
	}
}

// makeRoom ends sessions whose peers are late: who asks for many and connects
// none must not keep others out.
func (s *Server) makeRoom() {
	now, last := media.Now(), s.madeRoom.Load()
	if now-last < int64(time.Second) || !s.madeRoom.CompareAndSwap(last, now) {
		return // a look at all sessions is no answer to each offer
	}
	var late []*session
	s.mu.RLock()
	for _, ses := range s.ids {
		if !ses.connected() && time.Since(ses.created) > patienceWhenFull {
			late = append(late, ses)
		}
	}
	s.mu.RUnlock()
	for _, ses := range late {
		s.end(ses, reason.NeverConnected)
	}
}

func (s *Server) overdue(ses *session, now time.Time) (reason.Reason, bool) {
	if !ses.connected() {
		return reason.NeverConnected, now.Sub(ses.created) > s.cfg.Connect
	}
	return reason.ConsentLost, now.Sub(ses.created)-time.Duration(ses.lastSeen.Load()) > s.cfg.Consent
}

// announced returns the candidates of every answer.
func (s *Server) announced() ([]sdp.Candidate, error) {
	at := s.Addr()
	ips := s.cfg.IPs
	if len(ips) == 0 && !at.Addr().IsUnspecified() {
		ips = []netip.Addr{at.Addr()}
	}
	if len(ips) == 0 {
		var err error
		if ips, err = interfaceAddrs(); err != nil {
			return nil, err
		}
	}
	var out []sdp.Candidate
	for _, ip := range ips {
		out = append(out, sdp.Candidate{IP: ip, Port: at.Port()})
	}
	for _, ip := range ips {
		out = append(out, sdp.Candidate{IP: ip, Port: at.Port(), TCP: true})
	}
	return out, nil
}

// interfaceAddrs lists the addresses that peers may reach, loopback last and
// only where there is nothing else.
func interfaceAddrs() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, a := range all {
		p, err := netip.ParsePrefix(a.String())
		if err != nil || p.Addr().IsLoopback() || p.Addr().IsLinkLocalUnicast() {
			continue
		}
		out = append(out, p.Addr().Unmap())
	}
	if len(out) == 0 {
		out = append(out, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	}
	return out, nil
}
