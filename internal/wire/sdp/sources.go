package sdp

import (
	"strconv"
	"strings"

	pion "github.com/pion/sdp/v3"
)

// maxSources is how many SSRCs and groups of an m-line are looked at; more are
// passed over, and the payload type tells the rest apart.
const maxSources = 16

// sources are the SSRCs that an m-line announces (RFC 5576), in order.
type sources struct {
	ssrcs []uint32
	pairs [][2]uint32 // FID groups: a stream and its retransmissions (RFC 5576 section 4.2)
}

// readSSRC passes over what is no SSRC: nothing depends on it.
func (s *sources) readSSRC(value string) {
	number, _, _ := strings.Cut(value, " ")
	ssrc, ok := parseSSRC(number)
	if !ok || len(s.ssrcs) == maxSources {
		return
	}
	for _, known := range s.ssrcs {
		if known == ssrc {
			return
		}
	}
	s.ssrcs = append(s.ssrcs, ssrc)
}

func (s *sources) readGroup(value string) {
	f := strings.Fields(value)
	if len(f) != 3 || f[0] != pion.SemanticTokenFlowIdentification || len(s.pairs) == maxSources {
		return
	}
	first, ok1 := parseSSRC(f[1])
	second, ok2 := parseSSRC(f[2])
	if ok1 && ok2 && first != second {
		s.pairs = append(s.pairs, [2]uint32{first, second})
	}
}

func parseSSRC(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n != 0
}

// first returns the SSRC of the first stream and that of its retransmissions,
// 0 where nothing is said.
func (s *sources) first() (ssrc, rtx uint32) {
	switch {
	case len(s.pairs) != 0:
		return s.pairs[0][0], s.pairs[0][1]
	case len(s.ssrcs) != 0:
		return s.ssrcs[0], 0
	}
	return 0, 0
}
