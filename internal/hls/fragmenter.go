package hls

import (
	"time"

	"millrace/internal/media"
	"millrace/internal/wire/hls"
)

// fragmenter writes one track as fragmented MP4, in parts. One goroutine uses it.
type fragmenter struct {
	*common
	lane *lane
	kind media.Kind

	track    *media.Track
	init     *section
	steady   steady
	samples  int64 // per frame of AAC
	sequence uint32

	cuts    []cut // to come
	begun   cut   // of the open segment
	cutting bool  // begun is valid

	// held is a picture that waits for its duration.
	held *media.Frame
	pack []hls.Sample // of the open part
	long time.Duration
	// usual is what frames last.
	usual time.Duration
}

func (w *fragmenter) start(video, audio *media.Track) error {
	t := video
	if w.kind == media.Audio {
		t = audio
	}
	if t == nil {
		return nil // nothing of this kind follows: gaps
	}
	if t != w.track {
		data, err := hls.Init(t)
		if err != nil {
			return err
		}
		w.track, w.init = t, &section{w.number, data}
		w.number++
	}
	w.steady = steady{rate: hls.Timescale(t)}
	w.samples = samplesOf(t)
	return nil
}

// cut notes the start of a segment. A lane that has not come to the one before
// it has stopped, and is not waited for.
func (w *fragmenter) cut(c cut) {
	for len(w.cuts) > 0 {
		w.apply()
	}
	w.cuts = append(w.cuts, c)
	if w.kind == media.Video || !w.cutting {
		w.apply()
	}
}

// apply completes the open segment and begins the next one that is due.
func (w *fragmenter) apply() {
	next := w.cuts[0]
	w.cuts = w.cuts[1:]
	w.complete(next.at)
	w.begun, w.cutting = next, true
	w.lane.begin(segment{discontinuity: next.discontinuity, init: w.init})
}

// complete closes the open segment; one without any frame becomes a gap.
func (w *fragmenter) complete(at media.Time) {
	if !w.cutting {
		return
	}
	w.release(at)
	w.flush()
	s := w.lane.open
	if len(s.parts) == 0 {
		s.gap, s.at, s.duration, s.init = true, w.wall.at(w.begun.at), max(at.Sub(w.begun.at), time.Millisecond), w.init
	}
	w.lane.target, w.lane.parted = w.target, w.part
	w.lane.close()
	w.lane.publish()
	w.cutting = false
}

func (w *fragmenter) finish(at media.Time) {
	for len(w.cuts) > 0 {
		w.apply()
	}
	w.complete(at)
}

func (w *fragmenter) take(f *media.Frame) error {
	if w.kind == media.Audio {
		return w.hear(f)
	}
	w.release(f.DTS)
	w.held = f
	// The picture that comes lasts as long as the others, most likely. If it
	// does not fit into the part, that is complete now.
	if len(w.pack) > 0 && w.full(w.usual) {
		w.flush()
	}
	return nil
}

// release appends the held picture, which ends where the next one begins.
func (w *fragmenter) release(next media.Time) {
	f := w.held
	if f == nil {
		return
	}
	w.held = nil
	d := next.Sub(f.DTS)
	if d > 0 {
		w.usual = d
	}
	w.append(hls.Sample{Frame: f, DTS: f.DTS, Duration: d})
}

func (w *fragmenter) hear(f *media.Frame) error {
	for len(w.cuts) > 0 && f.DTS >= w.cuts[0].at {
		w.apply()
	}
	begin, end := w.steady.place(f.DTS, ticks(f, w.samples))
	if n := len(w.pack); n > 0 {
		// A hole within a part: what is before it lasts until its end.
		w.long += begin.Sub(w.pack[n-1].DTS) - w.pack[n-1].Duration
		w.pack[n-1].Duration = begin.Sub(w.pack[n-1].DTS)
	}
	w.usual = end.Sub(begin)
	w.append(hls.Sample{Frame: f, DTS: begin, Duration: w.usual})
	if w.full(w.usual) {
		w.flush()
	}
	return nil
}

func (w *fragmenter) append(s hls.Sample) {
	if len(w.pack) > 0 && w.full(s.Duration) {
		w.flush()
	}
	if o := w.lane.open; len(o.parts) == 0 && len(w.pack) == 0 {
		o.at, o.init = w.wall.at(s.DTS.Add(s.Frame.PTS.Sub(s.Frame.DTS))), w.init
		o.independent = s.Frame.Key
	}
	w.pack = append(w.pack, s)
	w.long += s.Duration
	if w.part == 0 && w.kind == media.Video && w.long >= w.aim*4/5 {
		w.part = partTarget(w.aim, w.long, len(w.pack))
	}
}

// partTarget is what parts last at most: a whole number of frames, about aim,
// with room for times in whole milliseconds. 8216bis section 4.4.3.7 wants all
// parts but the last of a segment to be no shorter than 85 % of it.
func partTarget(aim, long time.Duration, frames int) time.Duration {
	each := long / time.Duration(frames)
	n := max((aim+each/2)/each, 1)
	return (n*each + 5*time.Millisecond).Round(time.Millisecond)
}

// full says whether the open part has no room for more.
func (w *fragmenter) full(more time.Duration) bool { return w.part > 0 && w.long+more > w.part }

// flush completes the open part.
func (w *fragmenter) flush() {
	if len(w.pack) == 0 {
		return
	}
	p := part{duration: w.long}
	for _, s := range w.pack {
		p.independent = p.independent || s.Frame.Key
	}
	w.sequence++
	data, err := hls.Fragment(w.sequence, w.base, w.pack)
	w.pack, w.long = w.pack[:0:0], 0
	if err != nil {
		return // of a writer to memory
	}
	p.data = data
	w.lane.target, w.lane.parted = w.target, w.part
	w.lane.add(p)
	w.lane.publish()
}

func (w *fragmenter) size() int {
	n := w.lane.open.size
	for _, s := range w.pack {
		n += len(s.Frame.Data)
	}
	return n
}
