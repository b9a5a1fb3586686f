package sdp

import (
	"slices"
	"strconv"
	"strings"
)

// Limits of simulcast. Chromium sends three layers at most.
const (
	maxLayers = 8
	maxRID    = 16 // bytes, as many as the one-byte header extension holds
)

// layers is what an m-line says of the streams that it would send at once
// (RFC 8851, RFC 8853).
type layers struct {
	rids []layer // those that the offerer sends
	// order lists the streams of a=simulcast:send, each by the first of its
	// alternatives.
	order []string
}

// layer is one a=rid line.
type layer struct {
	id  string
	pts []string // payload types that it is restricted to; nil means all
}

// readRID passes over a line that it cannot make sense of: the layer is then
// not asked for (RFC 8851).
func (l *layers) readRID(value string) {
	id, rest, _ := strings.Cut(value, " ")
	dir, params, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if dir != "send" || !isRID(id) || len(l.rids) == maxLayers {
		return
	}
	out := layer{id: strings.Clone(id)}
	for kv := range strings.SplitSeq(params, ";") {
		if list, ok := strings.CutPrefix(strings.TrimSpace(kv), "pt="); ok {
			out.pts = strings.Split(strings.Clone(list), ",")
		}
	}
	l.rids = append(l.rids, out)
}

func isRID(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return 0 < len(s) && len(s) <= maxRID
}

// readSimulcast reads "send a;~b,c recv d": streams behind semicolons, their
// alternatives behind commas, ~ for one that starts paused.
func (l *layers) readSimulcast(value string) {
	f := strings.Fields(value)
	at := slices.Index(f, "send")
	if at < 0 || at+1 == len(f) || l.order != nil {
		return
	}
	for stream := range strings.SplitSeq(f[at+1], ";") {
		id, _, _ := strings.Cut(stream, ",")
		if id = strings.TrimPrefix(id, "~"); isRID(id) && len(l.order) < maxLayers {
			l.order = append(l.order, strings.Clone(id))
		}
	}
}

// of returns the layers that can be had in payload type pt, in the order that
// a=simulcast has them.
func (l *layers) of(pt uint8) []string {
	var out []string
	for _, id := range l.order {
		known := slices.ContainsFunc(l.rids, func(r layer) bool {
			return r.id == id && (r.pts == nil || slices.Contains(r.pts, strconv.Itoa(int(pt))))
		})
		if known && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}
