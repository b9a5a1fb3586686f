package intake

import (
	"fmt"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/timeline"
)

// patience is how much media may go by before the tracks seen so far are
// announced, whatever was promised.
const patience = media.Time(time.Second)

// Intake takes the frames of one publisher. One goroutine uses it.
type Intake struct {
	publisher *live.Publisher
	onDrop    func(why reason.Reason)

	timeline  timeline.Line
	tracks    [2]*media.Track // as seen
	promised  [2]bool
	known     bool // what is promised
	announced [2]*media.Track
	ready     bool
	begun     bool
	start     media.Time // of the first frame
	frames    [2]uint64
	drops     uint64
}

// New returns an Intake that writes to p. onDrop is told what was passed over
// and which times were moved.
func New(p *live.Publisher, onDrop func(why reason.Reason)) *Intake {
	return &Intake{publisher: p, onDrop: onDrop}
}

// Expect notes which tracks are to come; known is false where nobody has said.
func (in *Intake) Expect(video, audio, known bool) {
	in.promised, in.known = [2]bool{media.Video: video, media.Audio: audio}, known
	in.announce(in.start)
}

// Know notes a track that is known before there is a frame of it; nil is none.
func (in *Intake) Know(t *media.Track) {
	if t != nil {
		in.tracks[t.Kind] = t
		in.announce(in.start)
	}
}

// Write puts f, which it takes over, onto a scale without jumps, and appends it.
// The error says why the publisher may not publish any more.
func (in *Intake) Write(f *media.Frame, now time.Time) error {
	kind := f.Track.Kind
	dts, corrected := in.timeline.Place(kind, f.DTS, now)
	if corrected != timeline.None {
		in.Drop(reason.Reason(corrected))
	}
	f.PTS += dts - f.DTS
	f.DTS = dts
	f.Arrived = media.Nanos(now)
	if !in.begun {
		in.begun, in.start = true, dts
	}
	in.tracks[kind] = f.Track
	in.announce(dts)
	in.frames[kind]++
	if err := in.publisher.Write(f); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	return nil
}

// announce tells the hub of the tracks: at first when all that are promised are
// known or enough media has gone by, later whenever one has changed.
func (in *Intake) announce(now media.Time) {
	if in.tracks == in.announced {
		return
	}
	if !in.ready && !in.complete() && now-in.start < patience {
		return
	}
	in.ready, in.announced = true, in.tracks
	in.publisher.Announce(in.tracks[media.Video], in.tracks[media.Audio])
}

func (in *Intake) complete() bool {
	for kind, t := range in.tracks {
		if t == nil && (in.promised[kind] || !in.known) {
			return false
		}
	}
	return true
}

// Drop counts something that was passed over.
func (in *Intake) Drop(why reason.Reason) {
	in.onDrop(why)
	in.drops++
}

// Frames is how many frames of a kind were written.
func (in *Intake) Frames(kind media.Kind) uint64 { return in.frames[kind] }

// Drops is how much was passed over or moved.
func (in *Intake) Drops() uint64 { return in.drops }
