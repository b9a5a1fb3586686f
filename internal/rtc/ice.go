package rtc

import (
	"encoding/base64"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pion/stun/v4"
)

// ICE in the controlled role, full and not lite (RFC 8445): a lite agent costs
// Chromium one ping interval before media flows. Checks are answered, each new
// address gets triggered checks until it answers one, and the peer's nomination
// chooses among the addresses that did: whoever knows a session's password
// could otherwise point its media at anybody by forging one datagram.

// Attributes of RFC 8445 section 16.1 that the STUN library leaves to ICE.
const (
	attrPriority      = stun.AttrType(0x0024)
	attrUseCandidate  = stun.AttrType(0x0025)
	attrICEControlled = stun.AttrType(0x8029)
)

// prflxPriority is the priority of our peer-reflexive candidates.
const prflxPriority = 1<<24*110 + 1<<8*65535 + 255

// maxPairs is how many remote addresses of one session are remembered.
const maxPairs = 8

// udpStays is how long after its last nomination a UDP path is not given up
// for TCP: browsers nominate all that they have until one answers.
const udpStays = 5 * time.Second

// pair is one remote address of a session. The session's mu guards it.
type pair struct {
	path      *path
	via       *socket
	check     [stun.TransactionIDSize]byte // our check's transaction
	checked   string                       // the ufrag of ours that it was made with; "": none yet
	valid     bool                         // the address answered a check, or is a connection
	nominated time.Time                    // when the peer last did; zero: never
}

// at says whether the pair is the one that p belongs to.
func (c *pair) at(p *path) bool { return c.path.addr == p.addr && c.path.stream == p.stream }

// ufragOf returns our part of the username of a binding request, or "" when the
// message is none. It reads nothing but the header and attribute list.
func ufragOf(m *stun.Message) string {
	if m.Type != stun.BindingRequest {
		return ""
	}
	user, err := m.Get(stun.AttrUsername)
	if err != nil {
		return ""
	}
	local, _, _ := strings.Cut(string(user), ":")
	return local
}

// onSTUN handles a STUN message from p. raw is not kept.
func (s *Server) onSTUN(raw []byte, p *path, via *socket) {
	m := &stun.Message{Raw: append(make([]byte, 0, len(raw)), raw...)}
	if m.Decode() != nil {
		s.refuse(refusedSTUN)
		return
	}
	if m.Type == stun.BindingSuccess {
		s.onCheckAnswered(m, p)
		return
	}
	ses, own := s.byUfrag(ufragOf(m))
	if ses == nil || stun.NewShortTermIntegrity(own.pwd).Check(m) != nil {
		s.refuse(refusedSTUN)
		return
	}
	c := s.adopt(ses, p, via)
	if c == nil {
		return // it ended meanwhile
	}
	reply, err := stun.Build(m, stun.BindingSuccess,
		&stun.XORMappedAddress{IP: net.IP(p.addr.Addr().AsSlice()), Port: int(p.addr.Port())},
		stun.NewShortTermIntegrity(own.pwd), stun.Fingerprint)
	if err != nil {
		return
	}
	ses.sendVia(p, via, reply.Raw)
	ses.mu.Lock()
	if nominates(m) {
		c.nominated = time.Now()
	}
	checked, valid := c.valid && c.checked == own.ufrag, c.valid
	ses.mu.Unlock()
	ses.choose(c)
	ses.seen(p.addr, p.stream)
	if valid {
		s.proved(ses, own)
	}
	if !checked {
		s.triggeredCheck(ses, c, own)
	}
}

// nominates says whether an authentic check does. What stands behind the
// integrity is not protected by it (RFC 8489 section 14.5).
func nominates(m *stun.Message) bool {
	for _, a := range m.Attributes {
		switch a.Type {
		case attrUseCandidate:
			return true
		case stun.AttrMessageIntegrity:
			return false
		}
	}
	return false
}

// onCheckAnswered takes the answer to a check of ours.
func (s *Server) onCheckAnswered(m *stun.Message, p *path) {
	ses, own := s.byUfrag(base64.RawStdEncoding.EncodeToString(m.TransactionID[:ufragBytes]))
	if ses == nil || stun.NewShortTermIntegrity(own.remotePwd).Check(m) != nil {
		s.refuse(refusedSTUN)
		return
	}
	if ses.ponged(m.TransactionID) {
		ses.seen(p.addr, p.stream)
		return
	}
	ses.mu.Lock()
	i := slices.IndexFunc(ses.pairs, func(c *pair) bool { return c.at(p) && c.check == m.TransactionID })
	if i < 0 || ses.ended {
		ses.mu.Unlock()
		s.refuse(refusedSTUN)
		return
	}
	c := ses.pairs[i]
	c.valid = true
	var before *session
	if p.stream == nil {
		before = s.own(ses, p.addr, p.addr != ses.shared)
	}
	ses.mu.Unlock()
	if before != nil {
		before.unbind(p.addr)
	}
	ses.choose(c)
	ses.seen(p.addr, p.stream)
	s.proved(ses, own)
}

// triggeredCheck sends a check of our own to where one came from that was made
// with own. Until it is answered the same one is repeated: a peer checks more
// often than once per round trip, and a new transaction each time would make
// every answer but the last come for nothing.
func (s *Server) triggeredCheck(ses *session, c *pair, own credentials) {
	ses.mu.Lock()
	if c.checked != own.ufrag {
		id, ok := ownTransaction(own.ufrag)
		if !ok {
			ses.mu.Unlock()
			return // a ufrag is ours and well formed
		}
		c.check, c.checked = id, own.ufrag
	}
	id := c.check
	ses.mu.Unlock()
	if m, err := ses.check(id, own); err == nil {
		ses.sendVia(c.path, c.via, m.Raw)
	}
}

// check writes a check of ours.
func (ses *session) check(id [stun.TransactionIDSize]byte, own credentials) (*stun.Message, error) {
	var tie [8]byte
	binary.BigEndian.PutUint64(tie[:], ses.tieBreaker)
	priority := binary.BigEndian.AppendUint32(nil, prflxPriority)
	return stun.Build(stun.NewTransactionIDSetter(id), stun.BindingRequest,
		stun.NewUsername(own.remoteUfrag+":"+own.ufrag),
		stun.RawAttribute{Type: attrICEControlled, Value: tie[:]},
		stun.RawAttribute{Type: attrPriority, Value: priority},
		stun.NewShortTermIntegrity(own.remotePwd), stun.Fingerprint)
}

// choose makes c the path of everything that is sent from now on, if it may be:
// the first that works, then what the peer nominates.
func (ses *session) choose(c *pair) {
	ses.mu.Lock()
	old := ses.chosen
	switch {
	case !c.valid || c == old || ses.ended:
		ses.mu.Unlock()
		return
	case old == nil:
	case c.nominated.IsZero(), c.nominated.Before(old.nominated),
		old.path.stream == nil && c.path.stream != nil && time.Since(old.nominated) < udpStays:
		ses.mu.Unlock()
		return
	}
	ses.chosen, ses.peer = c, c.path.addr
	ses.via.Store(c.via)
	ses.path.Store(c.path)
	ses.mu.Unlock()
	ses.lives()
	ses.beginHandshake()
}

// seen notes a sign of life that proved its origin (RFC 7675 section 5.1). It
// counts where media is sent to, and anywhere before that is decided.
func (ses *session) seen(from netip.AddrPort, stream *tcpStream) {
	if chosen := ses.path.Load(); chosen == nil || chosen.addr == from && chosen.stream == stream {
		ses.lives()
	}
}

func (ses *session) lives() { ses.lastSeen.Store(int64(time.Since(ses.created))) }
