package hls

import (
	"bytes"
	"context"
	"crypto/rand"
	"slices"
	"sync/atomic"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// room is how far before its first frame a packager's clock begins: sound may
// come that much later than pictures.
const room = media.Time(10 * time.Second)

// askBefore is how long before a segment should end the publisher is asked for
// a key frame, where it can be asked: it needs a round trip to send one.
const askBefore = 300 * time.Millisecond

// packagerKey says which viewers share a packager.
type packagerKey struct {
	name      live.Name // of what was published
	container container
	apart     bool // pictures and sound in playlists of their own
	opus      bool
}

// packager reads one stream and renders each frame once, for all viewers.
type packager struct {
	key    packagerKey
	config Config
	// source is what was published, and reader the variant of it that is
	// rendered, or the same. Both are owned.
	source, reader *live.Reader
	run            string // names everything that this packager makes
	lanes          []*lane
	onDrop         func(why reason.Reason, frames uint64)
	cancel         context.CancelCauseFunc
	started        chan struct{} // closed when the first segment has begun
	told           atomic.Pointer[[]*media.Track]

	common
	writers      [2]writer // by kind
	all          []writer  // each once
	has          [2]bool   // kinds that viewers were told of
	video, audio *media.Track
	lead         media.Kind
	running      bool    // a first segment has begun
	waiting      bool    // for a frame to start with
	fresh        [2]bool // kinds of which nothing has come since the start
	begun        media.Time
	usual        time.Duration // between frames of the leading kind
	last         media.Time

	sessions map[string]*session // guarded by Server.mu
}

// newPackager makes a packager that owns both readers.
func newPackager(key packagerKey, c Config, source, reader *live.Reader, onDrop func(reason.Reason, uint64)) *packager {
	p := &packager{
		key: key, config: c, source: source, reader: reader, run: rand.Text(), onDrop: onDrop,
		waiting: true, fresh: [2]bool{true, true}, sessions: map[string]*session{}, started: make(chan struct{}),
	}
	p.aim = c.Part
	video, audio := p.tracks()
	p.tell(video, audio)
	p.has = [2]bool{video != nil, audio != nil}
	add := func(kind laneKind, make func(l *lane) writer) writer {
		l := newLane(kind, p.run, c)
		w := make(l)
		p.lanes, p.all = append(p.lanes, l), append(p.all, w)
		return w
	}
	if key.container == mpegTS {
		w := add(stream, func(l *lane) writer { return &transport{common: &p.common, lane: l} })
		p.writers = [2]writer{w, w}
		return p
	}
	if video == nil {
		p.part = c.Part
	}
	if !key.apart || video == nil || audio == nil {
		w := add(together, func(l *lane) writer { return &fragmenter{common: &p.common, lane: l, holds: p.has} })
		p.writers = [2]writer{w, w}
		return p
	}
	for kind, name := range []laneKind{pictures, sounds} {
		p.writers[kind] = add(name, func(l *lane) writer {
			return &fragmenter{common: &p.common, lane: l, holds: [2]bool{kind == int(media.Video), kind == int(media.Audio)}}
		})
	}
	return p
}

// tracks returns those that viewers get; either may be nil.
func (p *packager) tracks() (video, audio *media.Track) {
	video, audio = p.reader.Tracks()
	if audio != nil && audio.Codec == media.Opus && !p.key.opus {
		audio = nil
	}
	return video, audio
}

// run renders frames until the stream ends or ctx does, and says which.
func (p *packager) render(ctx context.Context) error {
	defer func() {
		for why, frames := range p.reader.Skips() {
			p.onDrop(why, frames)
		}
	}()
	for {
		f, err := p.reader.Next(ctx)
		if err == nil {
			err = p.take(f)
		}
		if err != nil {
			p.end(err)
			return err
		}
	}
}

// end completes what is open.
func (p *packager) end(err error) {
	if long := p.last.Add(p.usual).Sub(p.begun); p.target == 0 {
		p.target = max(seconds(p.config.Segment), seconds(long))
	}
	for _, l := range p.lanes {
		l.err = err // what is completed now is the last
	}
	for _, w := range p.all {
		if p.running {
			w.finish(p.last.Add(p.usual))
		}
	}
	for _, l := range p.lanes {
		l.end(err)
	}
}

// take renders a frame.
func (p *packager) take(f *media.Frame) error {
	kind := f.Track.Kind
	if !p.has[kind] || kind == media.Audio && f.Track.Codec == media.Opus && !p.key.opus {
		p.onDrop(reason.NoDecoder, 1)
		return nil
	}
	if !p.waiting && p.changes(f) {
		p.pause()
	}
	if p.waiting {
		if !p.opens(f) {
			p.onDrop(reason.SkipKeyWait, 1)
			return nil
		}
		if err := p.start(f); err != nil {
			return err
		}
	}
	p.fresh[kind] = false
	if kind == p.lead {
		p.pace(f)
	}
	return p.writers[kind].take(f)
}

// changes says whether f begins something that players have to be told of: it
// comes from another publisher, or in another format.
func (p *packager) changes(f *media.Frame) bool {
	kind, t := f.Track.Kind, p.video
	if kind == media.Audio {
		t = p.audio
	}
	return !sameFormat(f.Track, t) || f.Discontinuity && !p.fresh[kind]
}

// sameFormat says whether a decoder for a takes b.
func sameFormat(a, b *media.Track) bool {
	return a == b || a != nil && b != nil && a.Codec == b.Codec && a.SampleRate == b.SampleRate && a.Channels == b.Channels &&
		bytes.Equal(a.Config, b.Config) && slices.EqualFunc(a.Params, b.Params, bytes.Equal)
}

// pause completes what is open, and waits for a frame to go on with.
func (p *packager) pause() {
	for _, w := range p.all {
		w.finish(p.last.Add(p.usual))
	}
	p.waiting = true
}

// opens says whether f is one to start with: a key frame, if there are pictures.
func (p *packager) opens(f *media.Frame) bool {
	video, _ := p.tracks()
	return f.Key && (f.Track.Kind == media.Video || video == nil || !p.has[media.Video])
}

// start begins a segment with f, after a discontinuity or at the very beginning.
func (p *packager) start(f *media.Frame) error {
	p.video, p.audio = p.tracks()
	p.lead = f.Track.Kind
	if p.lead == media.Video {
		p.video = f.Track
	} else {
		p.audio = f.Track
	}
	if !p.running {
		p.base = f.DTS - f.DTS%media.Time(time.Second) - room
	}
	for _, w := range p.all {
		if err := w.start(p.video, p.audio); err != nil {
			return err
		}
	}
	p.wall.follow(f, true)
	p.reorder = f.PTS.Sub(f.DTS)
	p.begun, p.fresh = f.DTS, [2]bool{true, true}
	for _, w := range p.all {
		w.cut(cut{f.DTS, p.running})
	}
	p.tell(p.video, p.audio)
	if !p.running {
		close(p.started)
	}
	p.waiting, p.running = false, true
	return nil
}

// tell notes what is in the stream, for those who come now.
func (p *packager) tell(video, audio *media.Track) {
	var all []*media.Track
	for kind, t := range []*media.Track{video, audio} {
		if t != nil && p.has[kind] {
			all = append(all, t)
		}
	}
	p.told.Store(&all)
}

// bandwidth is the most bits per second that a segment took.
func (p *packager) bandwidth() int {
	sum := 0
	for _, l := range p.lanes {
		most := 0
		for _, s := range l.view.Load().kept {
			if s.duration > 0 {
				most = max(most, int(float64(s.size)*8/s.duration.Seconds()))
			}
		}
		sum += most
	}
	if sum == 0 {
		return unmeasured
	}
	return sum
}

// unmeasured is what is said of a stream of which no segment is there yet.
const unmeasured = 5_000_000

// pace ends a segment before f, if that is due.
func (p *packager) pace(f *media.Frame) {
	if d := f.DTS.Sub(p.last); f.DTS > p.last && d < time.Second {
		p.usual = d
	}
	p.last = f.DTS
	long := f.DTS.Sub(p.begun)
	if long <= 0 {
		return
	}
	if p.lead == media.Video && long > p.config.Segment-askBefore {
		p.source.RequestKey()
	}
	if !p.due(f, long) {
		return
	}
	if p.target == 0 {
		p.target = max(seconds(p.config.Segment), seconds(long))
	}
	p.wall.follow(f, false)
	if f.Key {
		p.reorder = f.PTS.Sub(f.DTS)
	}
	p.begun = f.DTS
	for _, w := range p.all {
		w.cut(cut{at: f.DTS})
	}
}

// due says whether a segment that has lasted long ends before f.
func (p *packager) due(f *media.Frame, long time.Duration) bool {
	most := p.config.MaxSegment
	if p.target > 0 {
		// RFC 8216 section 4.3.3.1: no segment may last longer, rounded.
		most = time.Duration(p.target)*time.Second + 500*time.Millisecond
	}
	least := p.config.Segment * 3 / 4
	if p.lead == media.Audio {
		least = p.config.Segment
	}
	return f.Key && long >= least || long+p.usual >= most || p.writers[p.lead].size() > p.config.MaxBytes/4
}

// seconds is d rounded to the nearest.
func seconds(d time.Duration) int { return int(d.Round(time.Second) / time.Second) }
