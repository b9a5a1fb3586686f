package rtmp

import (
	"fmt"
	"time"

	"millrace/internal/intake"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/flv"
)

// maxFurther is how many further tracks a publisher may have, and maxScripts how many
// data messages wait for the next picture of one.
const (
	maxFurther = 8
	maxScripts = 32
)

// further are the tracks beyond the first of each kind, by their numbers (Enhanced
// RTMP v2, multitrack). Each is a stream of its own, with the first track of the
// other kind, whose frames it shares.
type further struct {
	all   [2]map[uint8]*furtherTrack
	count int
}

// furtherTrack is one of them. It has a stream once it is known what it holds,
// if there is room.
type furtherTrack struct {
	kind      media.Kind
	video     flv.VideoTrack
	audio     flv.AudioTrack
	publisher *live.Publisher
	intake    *intake.Intake
	scripts   [][]byte   // that go with its next picture
	left      bool       // out: it has no stream, or none any more
	latest    media.Time // raw decode time
	shared    bool       // what is written now was counted for another stream
}

// close ends what is published.
func (r *further) close(why reason.Reason) {
	for _, tracks := range r.all {
		for _, t := range tracks {
			if t.publisher != nil {
				t.publisher.Close(why)
			}
		}
	}
}

func (r *further) unread() bool {
	for _, tracks := range r.all {
		for _, t := range tracks {
			if t.publisher != nil && t.publisher.HasReaders() {
				return false
			}
		}
	}
	return true
}

// know tells the streams of the other kind's tracks of a first one; nil is none.
func (r *further) know(first *media.Track) {
	if first == nil {
		return
	}
	for _, t := range r.all[1-first.Kind] {
		if t.intake != nil {
			t.intake.Know(first)
		}
	}
}

// describe says what the streams are besides their tracks.
func (r *further) describe(about media.Metadata) {
	for _, tracks := range r.all {
		for _, t := range tracks {
			if t.publisher != nil {
				t.publisher.Describe(about)
			}
		}
	}
}

// say makes what goes with a first picture go with the next of each further track, too.
func (r *further) say(scripts [][]byte) {
	for _, t := range r.all[media.Video] {
		if t.publisher != nil && len(t.scripts)+len(scripts) <= maxScripts {
			t.scripts = append(t.scripts, scripts...)
		}
	}
}

// of returns the track of a number, which it makes.
func (r *further) of(kind media.Kind, number uint8) *furtherTrack {
	t := r.all[kind][number]
	if t == nil {
		if r.all[kind] == nil {
			r.all[kind] = map[uint8]*furtherTrack{}
		}
		t = &furtherTrack{kind: kind}
		r.all[kind][number] = t // the parser bounds numbers
	}
	return t
}

// takeFurther takes what a message holds of a further track. What is wrong with it
// does not harm the first ones.
func (in *ingest) takeFurther(kind media.Kind, part flv.Body, timestamp uint32, now time.Time) {
	t := in.further.of(kind, part.Track)
	if t.left {
		in.Drop(reason.Layer)
		return
	}
	f, err := t.frame(part)
	if err != nil {
		in.Drop(reason.Protocol)
		return
	}
	if t.intake == nil && t.track() != nil && !in.open(t, part.Track) {
		t.left = true
		in.Drop(reason.Layer)
		return
	}
	switch {
	case f != nil:
		in.place(f, timestamp)
		in.date(f, &t.latest, now)
		f.Scripts, t.scripts = t.scripts, nil
		t.write(f, now)
	case part.Kind == flv.BodyConfig:
		t.intake.Know(t.track())
	}
}

// open gives a track a stream. It reports whether there is room.
func (in *ingest) open(t *furtherTrack, number uint8) bool {
	if in.further.count == maxFurther {
		return false
	}
	p, err := in.publisher.Further(fmt.Sprintf("%s%d", t.kind, number))
	if err != nil {
		return false // the end of the publisher, which comes by itself
	}
	in.further.count++
	t.publisher = p
	p.OnReader(in.wake)
	t.intake = intake.New(p, func(why reason.Reason) {
		if !t.shared {
			in.Drop(why)
		}
	})
	about, _ := in.scripts.Description()
	p.Describe(about)
	first := in.track(1 - t.kind)
	var expected [2]bool
	expected[media.Video], expected[media.Audio], _ = in.scripts.Promised()
	expected[t.kind] = true
	expected[1-t.kind] = expected[1-t.kind] || first != nil
	t.intake.Expect(expected[media.Video], expected[media.Audio], true)
	t.intake.Know(first)
	return true
}

func (t *furtherTrack) track() *media.Track {
	if t.kind == media.Audio {
		return t.audio.Track()
	}
	return t.video.Track()
}

func (t *furtherTrack) frame(part flv.Body) (*media.Frame, error) {
	if t.kind == media.Audio {
		return t.audio.Frame(part)
	}
	return t.video.Frame(part)
}

// share writes a frame of a first track to the streams of the other kind's. The
// bytes are the same; times are each stream's own.
func (in *ingest) share(f *media.Frame, now time.Time) {
	for _, t := range in.further.all[1-f.Track.Kind] {
		if t.intake == nil {
			continue
		}
		own := *f
		t.shared = true
		t.write(&own, now)
		t.shared = false
	}
}

// write writes a frame. One that lost its stream is left out from then on.
func (t *furtherTrack) write(f *media.Frame, now time.Time) {
	if err := t.intake.Write(f, now); err != nil {
		t.publisher.Close(reason.Replaced)
		t.intake, t.publisher, t.left = nil, nil, true
	}
}
