package hls

import (
	"time"

	"millrace/internal/media"
)

// cut is where a segment begins, on the stream's scale.
type cut struct {
	at            media.Time
	discontinuity bool
}

// wall maps the stream's scale to capture times, the same way for all lanes.
type wall struct {
	offset int64 // capture of a time minus that time
	known  bool
}

// maxBend is how much the map moves per segment, towards a clock that drifts.
const maxBend = 10 * time.Millisecond

// follow takes note of a picture at the start of a segment; anew says that the
// source has changed.
func (w *wall) follow(f *media.Frame, anew bool) {
	if f.Capture == 0 {
		return
	}
	offset := f.Capture - int64(f.PTS)
	if w.known && !anew {
		offset = w.offset + min(max(offset-w.offset, -int64(maxBend)), int64(maxBend))
	}
	w.offset, w.known = offset, true
}

// at is the capture time of what is presented at t; zero while that is unknown.
func (w *wall) at(t media.Time) time.Time {
	if !w.known {
		return time.Time{}
	}
	return time.Unix(0, media.Wall(int64(t)+w.offset))
}

// common is what all writers of a packager share.
type common struct {
	wall wall
	// reorder is by how much later than they are decoded key frames are
	// presented: with B-frames, other frames say nothing of when a segment begins.
	reorder time.Duration
	base    media.Time
	target  int           // seconds, of EXT-X-TARGETDURATION; 0: not known yet
	part    time.Duration // the part target; 0: not known yet
	aim     time.Duration // what parts should last
	number  int           // of the next initialization section
}

// writer renders frames into a lane.
type writer interface {
	// start says which tracks follow a discontinuity, or come first. It fails
	// with hls.ErrCodec.
	start(video, audio *media.Track) error
	// cut begins a segment, when the next frame comes that is not before it.
	cut(c cut)
	// take appends a frame, whose times are the source's.
	take(f *media.Frame) error
	// finish completes the open segment, at a time.
	finish(at media.Time)
	// size is how many bytes the open segment has.
	size() int
}
