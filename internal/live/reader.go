package live

import (
	"context"
	"maps"
	"sync"
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// tooOld is the age at which a frame that a reader has not taken yet is
// skipped, if there is a newer key frame to go on with.
const tooOld = 3 * time.Second

// maxSkips is how often a reader may skip without having caught up in between.
const maxSkips = 5

// Reader is one reader's hold on a stream: a position in its frames log, or
// the right to read its packets log. It keeps a supplied stream wanted. One
// goroutine calls Next; Close may be called by any, once Next has returned.
type Reader struct {
	stream *stream
	log    *log[media.Frame] // nil until the first frame is asked for
	pos    int64             // -1: not placed yet
	keyed  bool              // a video key frame was delivered
	behind int               // skips since the reader was last caught up

	mu      sync.Mutex
	skips   map[reason.Reason]uint64
	packets *Packets
	frames  bool // it counts as a reader of frames
	closed  bool
}

// Name is the stream's name.
func (r *Reader) Name() Name { return r.stream.name }

// Tracks returns the tracks as last announced; either may be nil.
func (r *Reader) Tracks() (video, audio *media.Track) {
	s := r.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.video, s.audio
}

// SourceTracks is Tracks of what the stream is made of, if it is made of another.
func (r *Reader) SourceTracks() (video, audio *media.Track) {
	s := r.stream
	s.mu.Lock()
	made := s.madeOf()
	video, audio = s.video, s.audio
	s.mu.Unlock()
	if made != nil { // no two streams are locked at a time
		made.mu.Lock()
		defer made.mu.Unlock()
		return made.video, made.audio
	}
	return video, audio
}

// Description returns what the publisher has said of the stream besides its tracks.
func (r *Reader) Description() media.Metadata {
	s := r.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.description
}

// Ended is closed when the stream has ended for good; Err then says why.
func (r *Reader) Ended() <-chan struct{} { return r.stream.ended }

// Err is nil until the stream has ended.
func (r *Reader) Err() error { return r.stream.cause() }

func (s *stream) cause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Next returns the next frame, waiting for it as long as ctx lives. Video
// begins at the newest key frame; a reader that has fallen too far behind goes
// on at the newest one. It fails with ErrEnded and the like when the stream
// has ended and is read out, and with ErrSlow when skipping does not help.
func (r *Reader) Next(ctx context.Context) (*media.Frame, error) {
	for {
		f, err := r.take()
		if f != nil || err != nil {
			return f, err
		}
		if err := r.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// take returns the next frame that is there, or nil.
func (r *Reader) take() (*media.Frame, error) {
	if r.log == nil {
		r.begin()
	}
	l := r.log
	for {
		if r.pos < 0 {
			r.pos = l.start()
		}
		if r.pos >= l.head.Load() {
			r.behind = 0
			return nil, nil
		}
		f := l.at(r.pos)
		if f == nil {
			if err := r.skip(reason.SkipOverrun); err != nil {
				return nil, err
			}
			continue
		}
		if r.keyed && l.key.Load() > r.pos && media.Now()-f.Arrived > int64(tooOld) {
			if err := r.skip(reason.SkipAge); err != nil {
				return nil, err
			}
			continue
		}
		r.pos++
		if f.Track.Kind == media.Video && !r.keyed {
			if !f.Key {
				r.count(reason.SkipKeyWait, 1)
				continue
			}
			r.keyed = true
		}
		return f, nil
	}
}

// begin makes r a reader of frames.
func (r *Reader) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		r.log = newLog[media.Frame]() // counting it in would keep the stream's for good
		return
	}
	s := r.stream
	s.mu.Lock()
	var ask bool
	r.log, ask = s.readFrames(media.Now())
	s.mu.Unlock()
	r.frames = true
	if ask {
		r.RequestKey()
	}
}

// skip moves to the newest key frame, or to the head where there is none.
func (r *Reader) skip(why reason.Reason) error {
	from := r.pos
	r.pos = r.log.start()
	r.keyed = false
	r.count(why, r.pos-from)
	if r.behind++; r.behind > maxSkips {
		return ErrSlow
	}
	return nil
}

func (r *Reader) count(why reason.Reason, frames int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.skips == nil {
		r.skips = map[reason.Reason]uint64{}
	}
	r.skips[why] += uint64(frames)
}

// wait returns when the log may have grown, or why it will not.
func (r *Reader) wait(ctx context.Context) error {
	s := r.stream
	s.asleep.Add(1)
	defer s.asleep.Add(-1)
	bell := *s.bell.Load()
	// An append between take and asleep.Add may have rung for nobody.
	if r.pos < r.log.head.Load() {
		return nil
	}
	select {
	case <-bell:
		return nil
	case <-s.ended:
		if r.pos < r.log.head.Load() {
			return nil
		}
		return s.cause()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Skips returns how many frames were skipped, by reason.
func (r *Reader) Skips() map[reason.Reason]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	skips := make(map[reason.Reason]uint64, len(r.skips)) // not nil
	maps.Copy(skips, r.skips)
	return skips
}

// Packets returns the stream's fast view, deriving it when this is the first
// reader that wants it. It stays valid until Close; the one of a closed reader
// grows no more.
func (r *Reader) Packets() *Packets {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.packets != nil {
		return r.packets
	}
	if r.closed {
		return newPackets(account{}) // counting it in would keep the stream's for good
	}
	s := r.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	r.packets = s.readPackets()
	return r.packets
}

// Close gives the hold up. Closing twice is harmless.
func (r *Reader) Close() {
	r.mu.Lock()
	was, packets, frames := r.closed, r.packets != nil, r.frames
	r.closed = true
	r.mu.Unlock()
	if !was {
		r.stream.detach(packets, frames)
	}
}
