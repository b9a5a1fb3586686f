package hls

import (
	"time"

	"millrace/internal/media"
	"millrace/internal/wire/hls"
)

// fragmenter writes one track or two as fragmented MP4, in parts. Pictures say
// where parts end, or sound where its lane has none. One goroutine uses it.
type fragmenter struct {
	*common
	lane *lane
	// holds are the kinds of the lane.
	holds [2]bool

	tracks   [2]*media.Track
	init     *section
	steady   steady
	samples  int64 // per frame of AAC
	sequence uint32

	cuts    []cut // to come
	begun   cut   // of the open segment
	cutting bool  // begun is valid

	// held is a picture that waits for its duration.
	held *media.Frame
	pack [2][]hls.Sample // of the open part, by kind
	edge media.Time      // where the open part begins
	// usual is what frames of the leading kind last.
	usual time.Duration
}

// gapRoom is by how much sound may exceed a part before that ends without
// waiting for the next picture any longer.
const gapRoom = 200 * time.Millisecond

func (w *fragmenter) start(video, audio *media.Track) error {
	tracks := [2]*media.Track{video, audio}
	var all []*media.Track
	same := w.init != nil
	for kind, t := range tracks {
		if !w.holds[kind] {
			tracks[kind] = nil
			continue
		}
		same = same && (t == w.tracks[kind] || sameFormat(t, w.tracks[kind]))
		if t != nil {
			all = append(all, t)
		}
	}
	if audio != nil {
		w.steady, w.samples = steady{rate: hls.Timescale(audio)}, samplesOf(audio)
	}
	if same || len(all) == 0 {
		return nil // or nothing of this lane follows: gaps
	}
	data, err := hls.Init(all...)
	if err != nil {
		return err
	}
	w.tracks, w.init = tracks, &section{w.number, data}
	w.number++
	return nil
}

// leads says whether frames of a kind end parts.
func (w *fragmenter) leads(kind media.Kind) bool { return kind == media.Video || !w.holds[media.Video] }

// cut notes the start of a segment. A lane of sound comes to it when its frames
// do; one that has not come to the cut before has stopped, and is not waited for.
func (w *fragmenter) cut(c cut) {
	for len(w.cuts) > 0 {
		w.apply()
	}
	w.cuts = append(w.cuts, c)
	if w.holds[media.Video] || !w.cutting {
		w.apply()
	}
}

// apply completes the open segment and begins the next one that is due.
func (w *fragmenter) apply() {
	next := w.cuts[0]
	w.cuts = w.cuts[1:]
	w.complete(next.at)
	w.begun, w.cutting, w.edge = next, true, next.at
	w.lane.begin(segment{discontinuity: next.discontinuity, init: w.init})
}

// complete closes the open segment; one without any frame becomes a gap.
func (w *fragmenter) complete(at media.Time) {
	if !w.cutting {
		return
	}
	w.release(at)
	w.write(w.end(at)) // seen with the end of its segment
	if s := w.lane.open; len(s.parts) == 0 {
		s.gap, s.at, s.duration = true, w.wall.at(w.begun.at), max(at.Sub(w.begun.at), time.Millisecond)
	}
	w.lane.target, w.lane.parted = w.target, w.part
	w.lane.close()
	w.lane.publish()
	w.cutting = false
}

// end is where a part ends that is complete at a time: a lane of sound ends with
// its last frame.
func (w *fragmenter) end(at media.Time) media.Time {
	if n := len(w.pack[media.Audio]); n > 0 && !w.holds[media.Video] {
		last := w.pack[media.Audio][n-1]
		return last.DTS.Add(last.Duration)
	}
	return at
}

func (w *fragmenter) finish(at media.Time) {
	for len(w.cuts) > 0 {
		w.apply()
	}
	w.complete(at)
}

func (w *fragmenter) take(f *media.Frame) error {
	if f.Track.Kind == media.Audio {
		w.hear(f)
		return nil
	}
	w.release(f.DTS)
	w.held = f
	// The picture that comes lasts as long as the others, most likely. If it
	// does not fit into the part, that is complete now.
	if w.full(f.DTS.Add(w.usual)) {
		w.flush(f.DTS)
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
	if w.full(next) {
		w.flush(f.DTS)
	}
	w.append(hls.Sample{Frame: f, DTS: f.DTS, Duration: d})
	if long := next.Sub(w.edge); w.part == 0 && long >= w.aim*4/5 {
		w.part = partTarget(w.aim, long, len(w.pack[media.Video]))
	}
}

func (w *fragmenter) hear(f *media.Frame) {
	for len(w.cuts) > 0 && f.DTS >= w.cuts[0].at {
		w.apply()
	}
	begin, end := w.steady.place(f.DTS, ticks(f, w.samples))
	if n := len(w.pack[media.Audio]); n > 0 { // a hole: what is before it lasts until its end
		last := &w.pack[media.Audio][n-1]
		last.Duration = begin.Sub(last.DTS)
	}
	if !w.leads(media.Audio) {
		w.append(hls.Sample{Frame: f, DTS: begin, Duration: end.Sub(begin)})
		if w.full(end.Add(-gapRoom)) {
			w.flush(end)
		}
		return
	}
	w.usual = end.Sub(begin)
	if len(w.lane.open.parts) == 0 && len(w.pack[media.Audio]) == 0 {
		w.edge = begin
	}
	if w.full(end) {
		w.flush(begin)
	}
	w.append(hls.Sample{Frame: f, DTS: begin, Duration: w.usual})
	if w.full(end.Add(w.usual)) {
		w.flush(end)
	}
}

func (w *fragmenter) append(s hls.Sample) {
	kind := s.Frame.Track.Kind
	if o := w.lane.open; o.at.IsZero() && w.leads(kind) {
		o.at, o.init = w.wall.at(s.DTS), w.init
		if kind == media.Video {
			o.at = w.wall.at(s.DTS.Add(w.reorder))
		}
		o.independent = s.Frame.Key
	}
	w.pack[kind] = append(w.pack[kind], s)
}

// partTarget is what parts last at most: a whole number of frames, about aim,
// with room for times in whole milliseconds. 8216bis section 4.4.3.7 wants all
// parts but the last of a segment to be no shorter than 85 % of it.
func partTarget(aim, long time.Duration, frames int) time.Duration {
	each := long / time.Duration(frames)
	n := max((aim+each/2)/each, 1)
	return (n*each + 5*time.Millisecond).Round(time.Millisecond)
}

// full says whether the open part is too short for what ends at a time.
func (w *fragmenter) full(end media.Time) bool {
	return w.part > 0 && end.Sub(w.edge) > w.part && len(w.pack[media.Video])+len(w.pack[media.Audio]) > 0
}

// flush completes the open part, which ends at a time.
func (w *fragmenter) flush(at media.Time) {
	if w.write(at) {
		w.lane.target, w.lane.parted = w.target, w.part
		w.lane.publish()
	}
}

// write renders the open part, and says whether there was anything in it.
func (w *fragmenter) write(at media.Time) bool {
	var packs [][]hls.Sample
	p := part{}
	for kind, pack := range w.pack {
		if len(pack) == 0 {
			continue
		}
		packs = append(packs, pack)
		for _, s := range pack {
			p.independent = p.independent || s.Frame.Key && w.leads(media.Kind(kind))
		}
	}
	if len(packs) == 0 {
		return false
	}
	// Of a picture that was late, the time is taken up by the part before.
	at = max(at, w.edge.Add(time.Millisecond))
	p.duration = at.Sub(w.edge)
	w.edge = at
	w.sequence++
	w.pack = [2][]hls.Sample{}
	var err error
	if p.data, err = hls.Fragment(w.sequence, w.base, packs...); err != nil {
		return false // of a writer to memory
	}
	w.lane.add(p)
	return true
}

func (w *fragmenter) size() int {
	n := w.lane.open.size
	for _, pack := range w.pack {
		for _, s := range pack {
			n += len(s.Frame.Data)
		}
	}
	return n
}
