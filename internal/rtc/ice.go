package rtc

import (
	"encoding/binary"
	"net"
	"strings"
	"time"

	"github.com/pion/stun/v4"
)

// ICE in the controlled role, full and not lite (RFC 8445): a lite agent costs
// Chromium one ping interval before media flows. Checks are answered, each new
// address gets a triggered check, and the peer's nomination chooses the path.

// Attributes of RFC 8445 section 16.1 that the STUN library leaves to ICE.
const (
	attrPriority      = stun.AttrType(0x0024)
	attrUseCandidate  = stun.AttrType(0x0025)
	attrICEControlled = stun.AttrType(0x8029)
)

// prflxPriority is the priority of our peer-reflexive candidates.
const prflxPriority = 1<<24*110 + 1<<8*65535 + 255

// maxPaths is how many remote addresses one session may check from.
const maxPaths = 8

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
		if ses := s.byPath(p); ses != nil && stun.NewShortTermIntegrity(ses.remotePwd).Check(m) == nil {
			ses.seen()
		}
		return
	}
	ses := s.byUfrag(ufragOf(m))
	if ses == nil || stun.NewShortTermIntegrity(ses.pwd).Check(m) != nil {
		s.refuse(refusedSTUN)
		return
	}
	known, ok := s.adopt(ses, p)
	if !ok {
		s.refuse(refusedPaths)
		return
	}
	ses.seen()
	reply, err := stun.Build(m, stun.BindingSuccess,
		&stun.XORMappedAddress{IP: net.IP(p.addr.Addr().AsSlice()), Port: int(p.addr.Port())},
		stun.NewShortTermIntegrity(ses.pwd), stun.Fingerprint)
	if err != nil {
		return
	}
	ses.sendVia(p, via, reply.Raw)
	_, nominated := m.Attributes.Get(attrUseCandidate)
	if nominated || ses.path.Load() == nil {
		ses.choose(p, via)
	}
	if !known {
		s.triggeredCheck(ses, p, via)
	}
}

// triggeredCheck sends a check of our own to where one came from.
func (s *Server) triggeredCheck(ses *session, p *path, via *socket) {
	var tie [8]byte
	binary.BigEndian.PutUint64(tie[:], ses.tieBreaker)
	priority := binary.BigEndian.AppendUint32(nil, prflxPriority)
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest,
		stun.NewUsername(ses.remoteUfrag+":"+ses.ufrag),
		stun.RawAttribute{Type: attrICEControlled, Value: tie[:]},
		stun.RawAttribute{Type: attrPriority, Value: priority},
		stun.NewShortTermIntegrity(ses.remotePwd), stun.Fingerprint)
	if err == nil {
		ses.sendVia(p, via, m.Raw)
	}
}

// seen notes a sign of life that proved its origin (RFC 7675 section 5.1).
func (ses *session) seen() { ses.lastSeen.Store(time.Now().UnixNano()) }
