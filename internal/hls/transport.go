package hls

import (
	"millrace/internal/media"
	"millrace/internal/wire/hls"
)

// transport writes both kinds as MPEG-TS, a segment at a time. One goroutine
// uses it.
type transport struct {
	*common
	lane    *lane
	ts      *hls.TS
	steady  steady
	samples int64
	begun   cut
	open    bool
	bytes   int
}

func (w *transport) start(video, audio *media.Track) error {
	ts, err := hls.NewTS(video, audio)
	if err != nil {
		return err
	}
	w.ts = ts
	if audio != nil {
		w.steady, w.samples = steady{rate: hls.Timescale(audio)}, samplesOf(audio)
	}
	return nil
}

func (w *transport) cut(c cut) {
	w.finish(c.at)
	w.begun, w.open, w.bytes = c, true, 0
	w.lane.begin(segment{discontinuity: c.discontinuity})
}

func (w *transport) take(f *media.Frame) error {
	if w.bytes == 0 {
		w.lane.open.at, w.lane.open.independent = w.wall.at(f.DTS.Add(w.reorder)), f.Key
		if err := w.ts.Begin(); err != nil {
			return err
		}
	}
	w.bytes += len(f.Data) + 1
	if f.Track.Kind == media.Audio {
		own := *f
		own.DTS, _ = w.steady.place(f.DTS, ticks(f, w.samples))
		own.PTS = own.DTS
		f = &own
	}
	return w.ts.Write(f, w.base)
}

func (w *transport) finish(at media.Time) {
	if !w.open {
		return
	}
	w.open = false
	w.lane.add(part{data: w.ts.Take(), duration: at.Sub(w.begun.at), independent: w.lane.open.independent})
	w.lane.target = w.target
	w.lane.close()
	w.lane.publish()
}

func (w *transport) size() int { return w.bytes }
