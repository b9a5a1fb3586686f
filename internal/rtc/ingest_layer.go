package rtc

import (
	"slices"

	"millrace/internal/media"
	"millrace/internal/wire/rtp"
	"millrace/internal/wire/sdp"
)

// source is one SSRC of a publisher. The ingest's mu guards it and what it
// leads to.
type source struct {
	ssrc  uint32
	layer *layer // nil: nobody knows yet what it is
	rtx   bool   // repeats the layer's packets (RFC 4588)
	taken window // what SRTP has let through
}

// layer is one encoding of a track: the only one, or one of simulcast.
type layer struct {
	track *receiveTrack
	order int // among the track's layers
	ssrc  uint32
	told  bool   // the offer names the SSRC
	have  window // what came, by itself or repeated
	gaps  gaps
	wish  keyWish
	tally tally
	side  side  // how it stands beside the layer forwarded
	meter meter // of its payloads
	clock rtpClock
	units units
	seen  int64 // when the newest packet came, ns since the session began

	params        [][]byte
	paramsChanged bool
	width, height int
	reorder       bool
	capture       int64 // Unix ns of time 0, by the publisher's own stamps
	stamped       bool  // capture is set
}

// receiveTrack is one medium of a publisher.
type receiveTrack struct {
	kind      media.Kind
	source    *sdp.Source
	layers    []*layer // nil where nothing came yet
	forwarded *layer
	switching *layer // whose key frame is waited for
	numbering numbering
	last      media.Time // of the newest unit forwarded
	track     *media.Track
	latm      bool
}

func newReceiveTrack(kind media.Kind, src *sdp.Source) *receiveTrack {
	if src == nil {
		return nil
	}
	return &receiveTrack{
		kind: kind, source: src, layers: make([]*layer, max(1, len(src.RIDs))), latm: src.Framing == sdp.FramingLATM,
	}
}

// unit is one access unit, or what is known of it.
type unit struct {
	ts        uint32
	time      media.Time
	key       bool
	composite int64 // PTS - DTS in ns
}

// units are the newest access units of a layer, in the order of their arrival.
type units struct {
	ring [64]unit
	n    int // units that there were
}

// find returns the unit with timestamp ts, or nil.
func (u *units) find(ts uint32) *unit {
	for i := range min(u.n, len(u.ring)) {
		if at := &u.ring[(u.n-1-i)%len(u.ring)]; at.ts == ts {
			return at
		}
	}
	return nil
}

// old says whether ts comes before all units that are remembered.
func (u *units) old(ts uint32) bool {
	return u.n >= len(u.ring) && int32(ts-u.ring[u.n%len(u.ring)].ts) < 0
}

// add makes a new unit the newest.
func (u *units) add(ts uint32, t media.Time) *unit {
	at := &u.ring[u.n%len(u.ring)]
	*at = unit{ts: ts, time: t}
	u.n++
	return at
}

// numbering gives forwarded packets sequence numbers of one sequence, whatever
// layer they come from and whatever is taken out between them.
type numbering struct {
	runs [16]numberRun // oldest first
	n    int
	next int64 // the highest number given, and one
	cut  bool  // older runs are forgotten
}

// numberRun maps the numbers of one layer, from one on, until another run's
// numbers begin.
type numberRun struct {
	layer *layer
	from  int64 // the layer's number
	shift int64 // out - the layer's number
	until int64 // first out number of the next run
}

const endless = 1<<63 - 1

// begin starts a run: from on, l's packets have the numbers from out on.
func (n *numbering) begin(l *layer, from, out int64) {
	if n.n == len(n.runs) {
		copy(n.runs[:], n.runs[1:])
		n.n--
		n.cut = true
	}
	if n.n > 0 {
		n.runs[n.n-1].until = out
	}
	n.runs[n.n] = numberRun{l, from, out - from, endless}
	n.n++
}

// place returns the number of l's packet seq. ok is false when it has none.
func (n *numbering) place(l *layer, seq int64) (out int64, ok bool) {
	for i := n.n - 1; i >= 0; i-- {
		r := &n.runs[i]
		if r.layer != l || seq < r.from && (i > 0 || n.cut) {
			continue
		}
		if out = seq + r.shift; out >= r.until {
			return 0, false
		}
		n.next = max(n.next, out+1)
		return out, true
	}
	return 0, false
}

// leaveOut takes l's number seq, the newest, out of the sequence. A row of them
// is one step: older runs must not be forgotten for it.
func (n *numbering) leaveOut(l *layer, seq int64) {
	if n.n == 0 || n.runs[n.n-1].layer != l {
		return
	}
	if r := &n.runs[n.n-1]; n.n > 1 && r.from == seq {
		r.from, r.shift = seq+1, r.shift-1
		return
	}
	n.begin(l, seq+1, seq+n.runs[n.n-1].shift)
}

// note learns from a payload what the layer shows.
func (l *layer) note(s *rtp.Shape) {
	if s.Width > 0 && (s.Width != l.width || s.Height != l.height) {
		l.width, l.height, l.paramsChanged = s.Width, s.Height, true
	}
	for _, p := range s.Params {
		if held, changed := mergeParams(l.track.source.Codec, l.params, p); changed {
			l.params, l.paramsChanged = held, true
		}
	}
}

// active says whether the layer has been received lately.
func (l *layer) active(now int64) bool { return l != nil && now-l.seen < int64(layerSilence) }

// better says whether l shows more than o. Where one does not tell its size,
// layers stand in order (RFC 8853 section 5.2 leaves it to the sender, and all
// of them begin with the smallest).
func (l *layer) better(o *layer) bool {
	if a, b := l.width*l.height, o.width*o.height; a != 0 && b != 0 && a != b {
		return a > b
	}
	return l.order > o.order
}

// best is the layer that should be forwarded; nil where none is received.
func (t *receiveTrack) best(now int64) *layer {
	var best *layer
	for _, l := range t.layers {
		if l.active(now) && (best == nil || l.better(best)) {
			best = l
		}
	}
	return best
}

// received returns the layers that something came of.
func (t *receiveTrack) received() []*layer {
	if t == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(t.layers), func(l *layer) bool { return l == nil })
}
