package rtmp

import (
	"errors"
	"fmt"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/timeline"
	"millrace/internal/wire/flv"
	"millrace/internal/wire/rtmpchunk"
)

// patience is how much media may go by before the tracks seen so far are
// announced, whatever the metadata promised.
const patience = media.Time(time.Second)

// maxBroken is how many video messages in a row may be unreadable.
const maxBroken = 50

// maxComposition bounds PTS - DTS; larger ones are mistakes.
const maxComposition = 10_000 // ms

// ingest turns a publisher's messages into frames on the hub.
type ingest struct {
	publisher *live.Publisher
	metrics   *Metrics

	clock    timeline.Unroller
	timeline timeline.Line
	video    videoTrack
	audio    audioTrack
	promised [2]bool // by the metadata
	promises bool    // there was metadata
	scripts  scripts

	announced [2]*media.Track
	ready     bool
	begun     bool
	start     media.Time // of the first frame
	broken    int        // unreadable video messages in a row
	frames    [2]uint64
	drops     uint64
}

func newIngest(p *live.Publisher, m *Metrics) *ingest {
	return &ingest{publisher: p, metrics: m, clock: timeline.Unroller{Bits: 32}}
}

// message takes one message of audio, video or data, whose body it takes over.
// The error ends the session.
func (in *ingest) message(m rtmpchunk.Message, now time.Time) error {
	var err error
	var f *media.Frame
	switch m.Type {
	case rtmpchunk.TypeVideo:
		f, err = in.videoFrame(m.Body)
	case rtmpchunk.TypeAudio:
		f, err = in.audioFrame(m.Body)
	default:
		in.data(m)
	}
	var codec *flv.CodecError
	if errors.As(err, &codec) {
		return &ending{codePublishFailed, reason.Codec, err}
	}
	if err != nil {
		return &ending{codePublishFailed, reason.Protocol, err}
	}
	if f == nil {
		in.announce(in.start)
		return nil
	}
	return in.write(f, m.Timestamp, now)
}

func (in *ingest) videoFrame(body []byte) (*media.Frame, error) {
	t, err := flv.ParseVideo(body)
	if err != nil {
		return nil, err
	}
	other := t.Codec != media.H264
	switch {
	case t.Kind == flv.BodyConfig && other:
		return in.video.body(t)
	case t.Kind == flv.BodyConfig:
		return nil, in.video.configure(t.Payload)
	case t.Kind != flv.BodyMedia:
		in.noteEmpty(t.Kind)
		return nil, nil
	}
	if t.CTS < 0 || t.CTS > maxComposition {
		t.CTS = 0
	}
	var f *media.Frame
	if other {
		f, err = in.video.body(t)
	} else {
		f, err = in.video.frame(t.Payload, t.CTS)
	}
	if err != nil {
		in.drop(reason.Protocol)
		if in.broken++; in.broken >= maxBroken {
			return nil, fmt.Errorf("read video: %w", err)
		}
		return nil, nil
	}
	in.broken = 0
	if f != nil {
		f.DTS = media.Time(t.Nanos) // the rest of it comes later
		f.PTS = f.DTS + media.Time(t.CTS)*1e6
	}
	return f, nil
}

func (in *ingest) audioFrame(body []byte) (*media.Frame, error) {
	t, err := flv.ParseAudio(body)
	if err != nil {
		return nil, err
	}
	if t.Kind == flv.BodyConfig {
		return nil, in.audio.configure(t.Codec, t.Payload)
	}
	if t.Kind != flv.BodyMedia {
		in.noteEmpty(t.Kind)
		return nil, nil
	}
	f := in.audio.frame(t.Codec, t.Payload)
	if f == nil {
		in.drop(reason.UnsupportedMsg)
		return nil, nil
	}
	f.DTS, f.PTS = media.Time(t.Nanos), media.Time(t.Nanos)
	return f, nil
}

// write stamps f and hands it over.
func (in *ingest) write(f *media.Frame, timestamp uint32, now time.Time) error {
	raw := media.Time(in.clock.Place(int64(timestamp))) * 1e6
	dts, corrected := in.timeline.Place(f.Track.Kind, raw, now)
	if corrected != timeline.None {
		in.drop(reason.Reason(corrected))
	}
	f.DTS += dts
	f.PTS += dts
	f.Arrived = now.UnixNano()
	if !in.begun {
		in.begun, in.start = true, dts
	}
	in.announce(dts)
	in.frames[f.Track.Kind]++
	if f.Track.Kind == media.Video || in.video.track == nil { // sound may be converted
		f.Scripts = in.scripts.take()
	}
	if err := in.publisher.Write(f); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	return nil
}

// announce tells the hub of the tracks: at first when all that are expected are
// known or enough media has gone by, later whenever one has changed.
func (in *ingest) announce(now media.Time) {
	tracks := [2]*media.Track{media.Video: in.video.track, media.Audio: in.audio.track}
	if tracks == in.announced {
		return
	}
	if !in.ready && !in.complete(tracks) && now-in.start < patience {
		return
	}
	in.ready, in.announced = true, tracks
	in.publisher.Announce(tracks[media.Video], tracks[media.Audio])
}

func (in *ingest) complete(tracks [2]*media.Track) bool {
	if tracks[media.Video] != nil && tracks[media.Audio] != nil {
		return true
	}
	for kind, t := range tracks {
		if in.promised[kind] && t == nil {
			return false
		}
	}
	return in.promises
}

// promises returns which kinds of tracks an onMetaData names, by kind; ok is false
// where it is none.
func promises(m rtmpchunk.Message) (promised [2]bool, ok bool) {
	values, err := parseAMF(m, rtmpchunk.TypeDataAMF3)
	if err != nil {
		return promised, false
	}
	if len(values) > 0 && values[0] == "@setDataFrame" {
		values = values[1:]
	}
	about, ok := object(values, 1)
	if !ok || values[0] != "onMetaData" {
		return promised, false
	}
	return promisedBy(about), true
}

func promisedBy(about amf0.Object) [2]bool {
	_, video := about.Get("videocodecid")
	_, audio := about.Get("audiocodecid")
	return [2]bool{media.Video: video, media.Audio: audio}
}

// noteEmpty counts a message without media, if there was something in it.
func (in *ingest) noteEmpty(kind flv.BodyKind) {
	switch kind {
	case flv.BodyPassed:
		in.drop(reason.UnsupportedMsg)
	case flv.BodyOther:
		in.drop(reason.Layer)
	}
}

func (in *ingest) drop(why reason.Reason) {
	in.metrics.drop(why)
	in.drops++
}
