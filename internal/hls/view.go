package hls

import (
	"errors"
	"strconv"
	"sync"
	"time"

	"millrace/internal/live"
	"millrace/internal/wire/hls"
)

// section is an initialization section.
type section struct {
	number int
	data   []byte
}

// part is a piece of a segment. In MPEG-TS a segment is one part.
type part struct {
	data        []byte
	duration    time.Duration
	independent bool
}

// segment is immutable once it is complete.
type segment struct {
	msn           int64
	init          *section // nil: MPEG-TS
	at            time.Time
	duration      time.Duration
	discontinuity bool
	independent   bool
	gap           bool
	parts         []part
	size          int
}

// view is a lane at one moment. It is immutable.
type view struct {
	lane   *lane
	kept   []*segment // complete, oldest first
	listed int        // how many of kept, at the end, are in the playlist
	before int64      // discontinuities before the listed ones
	open   *segment   // a copy of the one being made; nil: it has no part yet
	next   place      // of the part to come
	target int        // seconds; 0: not known yet
	parted time.Duration
	err    error // why nothing follows
	// changed is closed when there is a newer view.
	changed chan struct{}

	texts, packed [3]struct {
		once sync.Once
		text []byte
	}
}

// place is that of a part, or with part -1 of a whole segment.
type place struct {
	msn  int64
	part int
}

// last is the place of the newest part that is there.
func (v *view) last() place {
	switch {
	case v.open != nil:
		return place{v.open.msn, len(v.open.parts) - 1}
	case len(v.kept) > 0:
		s := v.kept[len(v.kept)-1]
		return place{s.msn, len(s.parts) - 1}
	}
	return place{-1, -1}
}

// stopped says that nothing follows because this node stops: the stream goes on.
func (v *view) stopped() bool { return errors.Is(v.err, live.ErrShutdown) }

// has says whether a playlist made of v lists p, or what follows it. A part that
// a segment ended without is the first one of the next (8216bis section 6.2.5.2).
func (v *view) has(p place) bool {
	if s := v.find(p.msn); p.part >= 0 && s != nil && s != v.open && p.part >= len(s.parts) {
		p = place{p.msn + 1, 0}
	}
	if p.part >= 0 && v.open != nil && v.open.msn == p.msn {
		return p.part < len(v.open.parts)
	}
	return p.msn < v.next.msn
}

// find returns a segment that is kept or being made.
func (v *view) find(msn int64) *segment {
	if v.open != nil && v.open.msn == msn {
		return v.open
	}
	if len(v.kept) == 0 {
		return nil
	}
	if i := msn - v.kept[0].msn; i >= 0 && i < int64(len(v.kept)) {
		return v.kept[i]
	}
	return nil
}

// section returns an initialization section that something kept needs.
func (v *view) section(number int) *section {
	if v.open != nil && v.open.init != nil && v.open.init.number == number {
		return v.open.init
	}
	for _, s := range v.kept {
		if s.init != nil && s.init.number == number {
			return s.init
		}
	}
	return nil
}

// style is a form of a playlist.
type style int

const (
	classic style = iota
	low           // Low-Latency HLS
	delta         // a delta update of that
)

// playlist returns the text of a style, for all who ask.
func (v *view) playlist(s style) []byte {
	t := &v.texts[s]
	t.once.Do(func() {
		p := v.describe(s != classic)
		t.text = p.Append(nil, s == delta)
	})
	return t.text
}

func (v *view) describe(parts bool) hls.Playlist {
	p := hls.Playlist{Target: v.target, Discontinuities: v.before, Ended: v.err != nil, Sequence: v.next.msn}
	if parts {
		p.PartTarget = v.parted
	}
	listed := v.kept[len(v.kept)-v.listed:]
	for _, s := range listed {
		p.Segments = append(p.Segments, v.lane.entry(s, parts))
	}
	if v.listed > 0 {
		p.Sequence = listed[0].msn
	}
	if parts && v.open != nil {
		s := v.lane.entry(v.open, true)
		p.Open = &s
	}
	if parts && v.err == nil {
		p.Hint = v.lane.partName(v.next.msn, v.next.part)
	}
	return p
}

// entry is s as its playlist lists it.
func (l *lane) entry(s *segment, parts bool) hls.Segment {
	e := hls.Segment{
		URI: l.segmentName(s.msn), Duration: s.duration, At: s.at,
		Discontinuity: s.discontinuity, Independent: s.independent, Gap: s.gap,
	}
	if s.init != nil {
		e.Init = l.run + "/" + l.kind.letter + strconv.Itoa(s.init.number) + ".mp4"
	}
	if parts {
		for i := range s.parts {
			e.Parts = append(e.Parts, hls.Part{
				URI: l.partName(s.msn, i), Duration: s.parts[i].duration, Independent: s.parts[i].independent,
			})
		}
	}
	return e
}

func (l *lane) segmentName(msn int64) string {
	return l.run + "/" + l.kind.letter + strconv.FormatInt(msn, 10) + l.kind.extension
}

func (l *lane) partName(msn int64, number int) string {
	return l.run + "/" + l.kind.letter + strconv.FormatInt(msn, 10) + "." + strconv.Itoa(number) + l.kind.extension
}
