package srt

import (
	"fmt"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/timeline"
)

// patience is how much media may go by before the tracks seen so far are
// announced, whatever the tables promised.
const patience = media.Time(time.Second)

// ingest hands a publisher's frames to the hub.
type ingest struct {
	publisher *live.Publisher
	metrics   *Metrics

	timeline  timeline.Line
	tracks    [2]*media.Track // as seen
	promised  [2]bool         // by the tables
	announced [2]*media.Track
	ready     bool
	begun     bool
	start     media.Time // of the first frame
	frames    [2]uint64
	drops     uint64
}

func newIngest(p *live.Publisher, m *Metrics) *ingest { return &ingest{publisher: p, metrics: m} }

// expect notes which tracks the tables name.
func (in *ingest) expect(video, audio, _ bool) {
	in.promised = [2]bool{media.Video: video, media.Audio: audio}
}

// write puts f onto a scale without jumps and hands it over.
func (in *ingest) write(f *media.Frame, now time.Time) error {
	kind := f.Track.Kind
	dts, corrected := in.timeline.Place(kind, f.DTS, now)
	if corrected != timeline.None {
		in.drop(reason.Reason(corrected))
	}
	f.PTS += dts - f.DTS
	f.DTS = dts
	f.Arrived = now.UnixNano()
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

// announce tells the hub of the tracks: at first when all that the tables name
// are known or enough media has gone by, later whenever one has changed.
func (in *ingest) announce(now media.Time) {
	if in.tracks == in.announced {
		return
	}
	if !in.ready && !in.complete() && now-in.start < patience {
		return
	}
	in.ready, in.announced = true, in.tracks
	in.publisher.Announce(in.tracks[media.Video], in.tracks[media.Audio])
}

func (in *ingest) complete() bool {
	for kind, t := range in.tracks {
		if in.promised[kind] && t == nil {
			return false
		}
	}
	return true
}

func (in *ingest) drop(why reason.Reason) {
	in.metrics.dropped.WithLabelValues(string(why)).Inc()
	in.drops++
}
