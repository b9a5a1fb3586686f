package hls

import (
	"slices"
	"sync/atomic"
	"time"
)

// laneKind is which of the lanes one is.
type laneKind struct {
	// playlist is the name of the media playlist, letter what the names of its
	// segments begin with.
	playlist, letter, extension, contentType string
}

var (
	pictures = laneKind{"video.m3u8", "v", ".m4s", "video/mp4"}
	sounds   = laneKind{"audio.m3u8", "a", ".m4s", "audio/mp4"}
	together = laneKind{"index.m3u8", "m", ".m4s", "video/mp4"}
	stream   = laneKind{"index.m3u8", "m", ".ts", "video/mp2t"}
)

// lane is what one media playlist lists: its segments and parts. One goroutine,
// the packager's, writes; anybody may take the view.
type lane struct {
	kind     laneKind
	run      string // of the packager
	listed   int
	maxBytes int
	view     atomic.Pointer[view]

	kept   []*segment
	shown  int
	before int64
	open   *segment
	msn    int64 // of open, or of the one to come
	bytes  int   // of kept
	target int
	parted time.Duration
	err    error
}

// firstSequence is the media sequence number of a lane's first segment. hls.js
// (1.7) takes a part of segment 0 for none, and loads that segment without end.
const firstSequence = 1

func newLane(kind laneKind, run string, c Config) *lane {
	l := &lane{kind: kind, run: run, listed: c.Listed, maxBytes: c.MaxBytes, msn: firstSequence}
	l.view.Store(&view{lane: l, next: place{l.msn, 0}, changed: make(chan struct{})})
	return l
}

// begin opens a segment.
func (l *lane) begin(s segment) {
	s.msn = l.msn
	l.open = &s
}

// add appends a part to the open segment.
func (l *lane) add(p part) {
	l.open.parts = append(l.open.parts, p)
	l.open.size += len(p.data)
	l.open.duration += p.duration
}

// close completes the open segment.
func (l *lane) close() {
	l.kept = append(l.kept, l.open)
	l.bytes += l.open.size
	l.open = nil
	l.msn++
	l.shown++
	for l.shown > l.listed {
		l.unlist()
	}
	// What has left the playlist stays for as long as a viewer may still ask
	// for it (RFC 8216 section 6.2.2), if there is room.
	for len(l.kept) > l.shown && (len(l.kept) > 2*l.listed+1 || l.bytes > l.maxBytes) {
		l.drop()
	}
	for l.bytes > l.maxBytes && l.shown > minListed {
		l.unlist()
		l.drop()
	}
}

// unlist takes the oldest segment off the playlist.
func (l *lane) unlist() {
	if l.kept[len(l.kept)-l.shown].discontinuity {
		l.before++
	}
	l.shown--
}

// drop forgets the oldest segment. Views hold on to the slice.
func (l *lane) drop() {
	l.bytes -= l.kept[0].size
	l.kept = slices.Clone(l.kept[1:])
}

// minListed is how few segments a playlist may list (RFC 8216 section 6.2.2:
// three target durations), with one more, since segments may be short.
const minListed = 4

// end says that nothing follows, and why.
func (l *lane) end(err error) {
	if l.open != nil && len(l.open.parts) > 0 {
		l.close()
	}
	l.open, l.err = nil, err
	l.publish()
}

// publish makes what was written visible.
func (l *lane) publish() {
	v := &view{
		lane: l, kept: l.kept[:len(l.kept):len(l.kept)], listed: l.shown, before: l.before,
		next: place{l.msn, 0}, target: l.target, parted: l.parted, err: l.err, changed: make(chan struct{}),
	}
	if l.open != nil && len(l.open.parts) > 0 {
		s := *l.open
		s.parts = s.parts[:len(s.parts):len(s.parts)]
		v.open, v.next.part = &s, len(s.parts)
	}
	old := l.view.Swap(v)
	close(old.changed)
}
