package sdp

import (
	"net/netip"
	"strconv"

	pion "github.com/pion/sdp/v3"
)

// candidates lists our addresses, UDP before TCP, each kind in the order given
// and with falling priority, and says that no more will come.
func (w writer) candidates(all []Candidate) {
	foundation := 0
	for _, tcp := range []bool{false, true} {
		rank := uint32(0)
		for _, c := range all {
			if c.TCP != tcp {
				continue
			}
			foundation++
			w.attr(pion.AttrKeyCandidate, strconv.Itoa(foundation)+" 1 "+c.line(rank))
			rank++
		}
	}
	w.flag(pion.AttrKeyEndOfCandidates)
}

// line writes all but foundation and component. Priorities follow RFC 8445
// section 5.1.2.1 and, for TCP, RFC 6544 section 4.2.
func (c Candidate) line(rank uint32) string {
	const component = 1
	proto, suffix := "udp", ""
	typePref, localPref := uint32(126), 65535-rank
	if c.TCP {
		const passive = 4 // of a host candidate
		proto, suffix = "tcp", " tcptype passive"
		typePref, localPref = 90, passive<<13|(8191-rank)
	}
	priority := typePref<<24 | localPref<<8 | (256 - component)
	addr := netip.AddrPortFrom(c.IP.WithZone("").Unmap(), c.Port)
	return proto + " " + u32(priority) + " " + addr.Addr().String() + " " + strconv.Itoa(int(addr.Port())) + " typ host" + suffix
}
