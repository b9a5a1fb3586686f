package rtc

import (
	"encoding/base64"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// prober speaks STUN by hand, from a socket of its own.
type prober struct {
	t    testing.TB
	conn *net.UDPConn
	ses  *session
}

func newProber(t testing.TB, r *room, id string) *prober {
	t.Helper()
	conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(r.server.Addr()))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &prober{t, conn, r.session(id)}
}

func (p *prober) addr() netip.AddrPort { return p.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// check sends a check that is right if pwd is.
func (p *prober) check(nominate bool, pwd string) {
	p.t.Helper()
	_, err := p.conn.Write(checkOf(p.t, p.ses, nominate, pwd))
	must(p.t, err)
}

// next returns the next STUN message; other datagrams are an error.
func (p *prober) next() *stun.Message {
	p.t.Helper()
	must(p.t, p.conn.SetReadDeadline(time.Now().Add(patience)))
	b := make([]byte, 2048)
	n, err := p.conn.Read(b)
	must(p.t, err)
	m := &stun.Message{Raw: b[:n]}
	if err := m.Decode(); err != nil {
		p.t.Fatalf("a datagram that is not STUN: %x", b[:min(n, 16)])
	}
	return m
}

// answer answers a check of the server's.
func (p *prober) answer(m *stun.Message) {
	p.t.Helper()
	reply, err := stun.Build(stun.NewTransactionIDSetter(m.TransactionID), stun.BindingSuccess,
		&stun.XORMappedAddress{IP: net.IPv4(127, 0, 0, 1), Port: 9},
		stun.NewShortTermIntegrity(p.ses.remotePwd), stun.Fingerprint)
	must(p.t, err)
	_, err = p.conn.Write(reply.Raw)
	must(p.t, err)
}

// checkAndReply sends a check and returns the server's reply and its own check.
func (p *prober) checkAndReply(nominate bool) (reply, own *stun.Message) {
	p.t.Helper()
	p.check(nominate, p.ses.pwd)
	for reply == nil || own == nil {
		switch m := p.next(); m.Type {
		case stun.BindingSuccess:
			reply = m
		case stun.BindingRequest:
			own = m
		default:
			p.t.Fatalf("a %s", m.Type)
		}
	}
	return reply, own
}

func TestCheckIsAnswered(t *testing.T) {
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{dontComplete: true})
	p := newProber(t, r, c.id)
	reply, own := p.checkAndReply(false)
	must(t, stun.NewShortTermIntegrity(p.ses.pwd).Check(reply))
	must(t, stun.Fingerprint.Check(reply))
	var mapped stun.XORMappedAddress
	must(t, mapped.GetFrom(reply))
	if mapped.Port != int(p.addr().Port()) || !mapped.IP.Equal(net.IPv4(127, 0, 0, 1)) {
		t.Fatalf("mapped address %s", mapped)
	}
	must(t, stun.NewShortTermIntegrity(p.ses.remotePwd).Check(own))
	must(t, stun.Fingerprint.Check(own))
	var user stun.Username
	must(t, user.GetFrom(own))
	if user.String() != p.ses.remoteUfrag+":"+p.ses.ufrag {
		t.Fatalf("username %s", user)
	}
	if _, ok := own.Attributes.Get(attrICEControlled); !ok {
		t.Fatal("the check names no role")
	}
}

// Who knows a session's password can forge the source of a check. Media must
// not go to where nobody answers, and the session's life must not hang on it.
func TestUnprovedAddressGetsNoMedia(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{})
	c.see()
	victim := newProber(t, r, c.id)
	before := victim.ses.path.Load()
	for range 20 {
		_, own := victim.checkAndReply(true) // reads no more than two datagrams per check
		_ = own
	}
	c.takes(media.Video, 100)
	if victim.ses.path.Load() != before {
		t.Fatal("the path changed to an address that never answered")
	}
	// An answer that the forger makes up does not count either.
	forged := &stun.Message{TransactionID: stun.NewTransactionID()}
	victim.answer(forged)
	raw, err := base64.RawStdEncoding.DecodeString(victim.ses.ufrag)
	must(t, err)
	copy(forged.TransactionID[:], raw)
	victim.answer(forged)
	_, own := victim.checkAndReply(true)
	if victim.ses.path.Load() != before {
		t.Fatal("the path changed at a forged answer")
	}
	// The true answer does: this is how a viewer moves.
	victim.answer(own)
	await(t, func() bool { return victim.ses.path.Load() != before })
	if got := victim.ses.path.Load().addr; got != victim.addr() {
		t.Fatalf("media goes to %s, want %s", got, victim.addr())
	}
	b := make([]byte, 2048)
	for {
		must(t, victim.conn.SetReadDeadline(time.Now().Add(patience)))
		n, err := victim.conn.Read(b)
		must(t, err)
		if isRTP(b[:n]) {
			break
		}
	}
}

// Signs of life count from where the media goes.
func TestConsentNeedsThePath(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{Consent: dark})
	r.broadcast(testName, ordinary)
	rel := newRelay(t, r.server.Addr())
	c := r.watch(wish{reply: rel.instead})
	c.see()
	other := newProber(t, r, c.id)
	rel.let(func(toServer bool, _ []byte) bool { return !toServer })
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.ledger.awaitReason(t, c.id, reason.ConsentLost)
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			other.check(false, other.ses.pwd)
		case <-done:
			return
		}
	}
}

func TestChecksThatAreRefused(t *testing.T) {
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{dontComplete: true})
	p := newProber(t, r, c.id)
	p.check(true, "not the password at all")
	p.check(true, strings.Repeat("x", 32))
	_, err := p.conn.Write([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	must(t, err)
	_, err = p.conn.Write([]byte{22, 254, 253, 0}) // DTLS from nobody
	must(t, err)
	reply, _ := p.checkAndReply(false) // the only one that is answered
	must(t, stun.NewShortTermIntegrity(p.ses.pwd).Check(reply))
	if p.ses.path.Load() != nil {
		t.Fatal("there is a path before anybody answered")
	}
	for _, why := range []string{refusedSTUN, refusedUnknown} {
		if n := value(t, r.metrics.BadDatagrams.WithLabelValues(why)); n == 0 {
			t.Errorf("nothing was refused as %s", why)
		}
	}
}

// A peer with many addresses keeps the newest ones, and all are given back.
func TestManyAddresses(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{})
	c.see()
	chosen := r.session(c.id).path.Load()
	for range 3 * maxPairs {
		newProber(t, r, c.id).checkAndReply(false)
	}
	ses := r.session(c.id)
	ses.mu.Lock()
	n := len(ses.pairs)
	ses.mu.Unlock()
	r.server.mu.Lock()
	addrs := len(r.server.addrs)
	owner := r.server.addrs[chosen.addr]
	r.server.mu.Unlock()
	if n != maxPairs || addrs != maxPairs || owner != ses || ses.path.Load() != chosen {
		t.Fatalf("%d pairs, %d addresses, path kept: %v", n, addrs, ses.path.Load() == chosen)
	}
	c.takes(media.Video, 50)
	r.server.Close(c.id, reason.Kicked)
	r.ledger.awaitReason(t, c.id, reason.Kicked) // checkEmpty sees the rest
}

// An address in use is not taken over by somebody who merely forges it.
func TestAddressIsNotStolen(t *testing.T) {
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{dontComplete: true})
	p := newProber(t, r, c.id)
	_, own := p.checkAndReply(true)
	p.answer(own)
	await(t, func() bool { return p.ses.path.Load() != nil })
	thief := r.watch(wish{dontComplete: true})
	forger := &prober{t, p.conn, r.session(thief.id)}
	forger.checkAndReply(true)
	if owner := r.server.byPath(p.addr(), nil); owner != p.ses {
		t.Fatal("the address belongs to the forger's session")
	}
}

// Who vanishes leaves an address behind that somebody else may get. Nothing of
// the old session goes there once the new one's peer has proved to be there.
func TestAddressPassesOn(t *testing.T) {
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	before := newProber(t, r, r.watch(wish{dontComplete: true}).id)
	_, own := before.checkAndReply(true)
	before.answer(own)
	await(t, func() bool { return before.ses.path.Load() != nil })
	after := &prober{t, before.conn, r.session(r.watch(wish{dontComplete: true}).id)}
	_, own = after.checkAndReply(true)
	after.answer(own)
	await(t, func() bool { return after.ses.path.Load() != nil && before.ses.path.Load() == nil })
	if owner := r.server.byPath(before.addr(), nil); owner != after.ses {
		t.Fatal("the address is still the old session's")
	}
	// Two sessions of one port: the first goes on, and takes nothing back.
	_, own = before.checkAndReply(true)
	before.answer(own)
	await(t, func() bool { return before.ses.path.Load() != nil })
	if owner := r.server.byPath(before.addr(), nil); owner != after.ses || after.ses.path.Load() == nil {
		t.Fatal("the address went back to the old session")
	}
	r.server.Close(before.ses.id, reason.Kicked)
	r.ledger.awaitReason(t, before.ses.id, reason.Kicked)
	if owner := r.server.byPath(before.addr(), nil); owner != after.ses {
		t.Fatal("the address went with the old session")
	}
}

// What waits for a session that has ended meanwhile sends nothing.
func TestEndedSessionIsSentNothing(t *testing.T) {
	b := newBench(t, SendPlain)
	b.write(0, true, 2000)
	v := b.viewer(videoOnly())
	v.session.gone.Store(true)
	b.sh.join(v, b.now.UnixNano())
	if v.joined.Load() || b.sh.nviewers != 0 || len(b.sh.groups) != 0 {
		t.Fatal("a viewer has joined that is not there any more")
	}
	w := b.viewer(videoOnly())
	b.sh.join(w, b.now.UnixNano())
	b.sh.out.flush()
	sent := w.totals.packets
	w.session.path.Store(nil)
	b.write(40*ms, false, 2000)
	b.turn(40 * ms)
	if sent == 0 || w.totals.packets != sent {
		t.Fatalf("%d packets before its end, %d after", sent, w.totals.packets)
	}
}

// await waits for what other goroutines do.
func await(t testing.TB, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for !happened() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("it does not happen")
		}
	}
}

// A peer sends several checks within one round trip. The answer to the first
// check of ours, which the first of them triggered, must count.
func TestFirstAnswerCounts(t *testing.T) {
	r := newRoom(t, Config{})
	r.broadcast(testName, ordinary)
	c := r.watch(wish{dontComplete: true})
	p := newProber(t, r, c.id)
	_, first := p.checkAndReply(true)
	for range 4 {
		p.checkAndReply(true)
	}
	p.answer(first)
	await(t, func() bool { return p.ses.path.Load() != nil })
}

// Anybody on the way can append to a check.
func TestAppendedNominationIsIgnored(t *testing.T) {
	const pwd = "0123456789abcdefABCDEF"
	use := stun.RawAttribute{Type: attrUseCandidate}
	for _, c := range []struct {
		setters []stun.Setter
		want    bool
	}{
		{[]stun.Setter{use, stun.NewShortTermIntegrity(pwd)}, true},
		{[]stun.Setter{stun.NewShortTermIntegrity(pwd), use}, false},
		{[]stun.Setter{stun.NewShortTermIntegrity(pwd)}, false},
	} {
		m, err := stun.Build(append([]stun.Setter{stun.TransactionID, stun.BindingRequest}, c.setters...)...)
		must(t, err)
		must(t, stun.NewShortTermIntegrity(pwd).Check(m))
		if got := nominates(m); got != c.want {
			t.Errorf("%v: %v", m, got)
		}
	}
}
