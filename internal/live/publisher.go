package live

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// silence is how long a publisher may send nothing before another may take
// its name over: its transport is then most likely dead.
const silence = 2 * time.Second

// errGone says that a stream ended between being found and being used.
var errGone = errors.New("stream has just ended")

// Publisher is the right to append to a stream. One goroutine uses it; Done,
// Err, Why, Tracks, Rates, HasReaders, Kick and Forbid may be called by any.
type Publisher struct {
	stream        *stream
	proto, remote string
	timeline      timeline
	clock         CaptureClock
	heldBack      int64                 // ns; what capture times leave out
	heard         int64                 // Unix ns of the last frame, at first of the start
	continues     bool                  // there are frames of an earlier publisher
	fresh         [2]bool               // kinds that have appended nothing yet
	undecodable   int                   // video frames, or packets, that came before the first key frame
	dropped       map[reason.Reason]int // other packets that were not appended
	meters        [2]meter
	announced     bool
	wake          func()       // somebody begins to read; or nil
	further       []*Publisher // of its other tracks
	forbidden     bool

	// Of one that brings packets.
	ask      func()  // asks for a key frame; nil: it cannot be asked
	made     *stream // what the stream is made of, whose publisher is asked; or nil
	askLayer func(layer uint8)
	ladder   *[]Rung
	packets  atomic.Pointer[Packets] // the log that it appends to
	// unanswered is the Unix ns of the first request since the last key frame,
	// or 0; heedless says that the last one was in vain.
	unanswered int64
	heedless   bool
	pictured   int64 // Arrived of the last video packet

	shift [lanes]int64  // stream sequence number - publisher's
	begun [lanes]bool   // shift is set
	first int64         // position of its first packet
	start [2]media.Time // of its first access units

	known chan struct{} // closed at the first Announce

	once sync.Once
	done chan struct{}
	err  error         // set before done is closed
	why  reason.Reason // the same
}

// takeOver installs a new publisher. always says that it may replace one that is
// not silent.
func (s *stream) takeOver(proto, remote string, always bool) (*Publisher, error) {
	now := media.Now()
	p := &Publisher{
		stream: s, proto: proto, remote: remote,
		heard: now, fresh: [2]bool{true, true}, done: make(chan struct{}), known: make(chan struct{}),
	}
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return nil, errGone
	}
	old := s.publisher
	if old != nil && now-old.heard < int64(silence) && !always {
		s.mu.Unlock()
		return nil, ErrTaken
	}
	s.publisher, s.description = p, media.Metadata{}
	p.continues = s.lastArrived != 0
	if !s.supplied() {
		s.stay()
	}
	s.mu.Unlock()
	if old != nil {
		old.finish(ErrReplaced, reason.Replaced)
	}
	s.hub.options.Log.Info("publishing", "stream", s.name.String(), "proto", proto, "peer", remote)
	if s.name.Variant == "" && s.name.Track == "" {
		for _, f := range s.hub.published {
			f(s.name)
		}
	}
	return p, nil
}

// Name is the stream's name.
func (p *Publisher) Name() Name { return p.stream.name }

// Further makes the caller the publisher of a further track, too: of the stream
// that has the same name but for Track. Who published that before is replaced,
// since p's right includes it; once that has ended, it fails as p.Err says. The two
// end independently, but for Forbid.
func (p *Publisher) Further(track string) (*Publisher, error) {
	if err := p.Err(); err != nil {
		return nil, err
	}
	s := p.stream
	n := s.name
	n.Track = track
	of, err := s.hub.publish(n, p.proto, p.remote, true)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	forbidden := p.forbidden
	if !forbidden {
		p.further = append(p.further, of)
	}
	s.mu.Unlock()
	if forbidden { // meanwhile
		of.Forbid()
		return nil, p.Err()
	}
	return of, nil
}

// Announce says which tracks the stream has; either may be nil. The first call
// makes the stream ready for readers; later ones replace the tracks.
func (p *Publisher) Announce(video, audio *media.Track) {
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publisher != p {
		return
	}
	if !p.announced {
		p.announced = true
		close(p.known)
	}
	s.video, s.audio = video, audio
	if !s.announced {
		s.announced = true
		close(s.ready)
	}
}

// Describe says what the stream is besides its tracks. It replaces what was said
// before, and ends with the publisher.
func (p *Publisher) Describe(m media.Metadata) {
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publisher == p {
		s.description = m
	}
}

// Write appends f and takes ownership of it. f.DTS and f.PTS come on the
// publisher's own scale and are moved onto the stream's; decode times that run
// backwards are held. f.Capture and f.Arrived are filled in where they are 0.
// Video before the publisher's first key frame is dropped: nobody can decode it.
// The error says why the publisher may not publish any more.
func (p *Publisher) Write(f *media.Frame) error {
	s := p.stream
	if f.Arrived == 0 {
		f.Arrived = media.Now()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publisher != p {
		return p.cause()
	}
	s.become(bringsFrames)
	shift := p.timeline.place(f.DTS, f.Arrived, s.last, s.lastArrived)
	f.DTS += shift
	f.PTS += shift
	p.heard = f.Arrived
	kind := f.Track.Kind
	if kind == media.Video && p.fresh[kind] && !f.Key {
		p.undecodable++
		return nil
	}
	s.hold(f)
	if p.fresh[kind] {
		p.fresh[kind] = false
		f.Discontinuity = p.continues
	}
	offset := p.clock.Estimate(f.PTS, f.Arrived)
	if f.Capture == 0 {
		f.Capture = int64(f.PTS) + offset - p.heldBack
	}
	s.last = max(s.last, f.DTS)
	s.lastArrived = f.Arrived
	p.meters[kind].add(len(f.Data), f.DTS, f.Arrived)
	s.append(f)
	return nil
}

// HeldBack says that what is written from now on had come d earlier, and was held
// back for repair. It counts for capture times that are filled in, and for nothing
// else: the goroutine that writes calls it.
func (p *Publisher) HeldBack(d time.Duration) { p.heldBack = int64(d) }

// Done is closed when the publisher may not publish any more; Err then says why.
func (p *Publisher) Done() <-chan struct{} { return p.done }

// Err is nil until Done is closed.
func (p *Publisher) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// cause is the error of a publisher that lost its stream; finish may be about
// to set it. The caller holds the stream's mu.
func (p *Publisher) cause() error {
	if err := p.Err(); err != nil {
		return err
	}
	if p.stream.err != nil {
		return p.stream.err
	}
	return ErrReplaced
}

// Why is the word for Err, more exact where the publisher left by itself. It is
// "" until Done is closed.
func (p *Publisher) Why() reason.Reason {
	select {
	case <-p.done:
		return p.why
	default:
		return ""
	}
}

// Tracks returns what was announced; either may be nil.
func (p *Publisher) Tracks() (video, audio *media.Track) {
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.video, s.audio
}

func (p *Publisher) finish(err error, why reason.Reason) {
	p.once.Do(func() {
		p.err, p.why = err, why
		close(p.done)
	})
}

// Close ends publishing. The stream lingers for readers; one that never had a
// track ends at once, and one that is made by a supplier when Supply returns.
func (p *Publisher) Close(why reason.Reason) { p.leave(ErrClosed, why) }

// Kick ends publishing with ErrKicked, whatever the publisher does: any
// goroutine may call it. The stream goes on as after Close.
func (p *Publisher) Kick() { p.leave(ErrKicked, reason.Kicked) }

// Forbid is Kick of a stream that may not come back: its readers do not wait for
// it, but end at once, with ErrForbidden. So do those of its further tracks.
func (p *Publisher) Forbid() {
	p.end(ErrKicked, reason.Kicked, ErrForbidden)
	s := p.stream
	s.mu.Lock()
	p.forbidden = true
	further := p.further
	s.mu.Unlock()
	for _, of := range further {
		of.Forbid()
	}
}

func (p *Publisher) leave(err error, why reason.Reason) { p.end(err, why, ErrEnded) }

// end ends publishing. The stream ends with over where it does not linger; one
// that is forbidden never does.
func (p *Publisher) end(err error, why reason.Reason, over error) {
	p.finish(err, why)
	s := p.stream
	held := false
	s.endIf(over, func() bool {
		if s.publisher != p {
			return false
		}
		s.publisher = nil
		held = true
		switch {
		case errors.Is(over, ErrForbidden):
			return true
		case s.supplied():
			return false
		case s.announced:
			s.linger(s.hub.options.Linger)
			return false
		}
		return true
	})
	if held {
		s.hub.options.Log.Info("publisher gone", "stream", s.name.String(), "proto", p.proto, "peer", p.remote,
			"reason", string(why), string(reason.SkipKeyWait), p.undecodable,
			string(reason.Late), p.dropped[reason.Late], string(reason.Duplicate), p.dropped[reason.Duplicate])
	}
}
