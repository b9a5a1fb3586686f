package hls

import (
	"errors"
	"fmt"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"millrace/internal/media"
)

// ErrCodec says that a container does not carry a track's codec here, or that
// its parameters are missing.
var ErrCodec = errors.New("codec is not carried")

// trackID is that of the only track of a file.
const trackID = 1

// Timescale is the rate of a track's clock in fragmented MP4, in Hz.
func Timescale(t *media.Track) int64 {
	switch {
	case t.Codec == media.Opus:
		return 48000 // whatever the source's rate was (Opus in ISOBMFF, section 4.3.2)
	case t.Kind == media.Audio && t.SampleRate > 0:
		return int64(t.SampleRate)
	}
	return 90000
}

// Init renders the initialization section of a track (ISO 14496-12 "ftyp" and
// "moov"). It fails with ErrCodec.
func Init(t *media.Track) ([]byte, error) {
	codec, err := mp4Codec(t)
	if err != nil {
		return nil, err
	}
	var out seekablebuffer.Buffer
	file := fmp4.Init{Tracks: []*fmp4.InitTrack{{ID: trackID, TimeScale: uint32(Timescale(t)), Codec: codec}}}
	if err := file.Marshal(&out); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCodec, err)
	}
	return out.Bytes(), nil
}

func mp4Codec(t *media.Track) (codecs.Codec, error) {
	switch {
	case t.Codec == media.H264 && len(t.Params) >= 2:
		return &codecs.H264{SPS: t.Params[0], PPS: t.Params[1]}, nil
	case t.Codec == media.H265 && len(t.Params) >= 3:
		return &codecs.H265{VPS: t.Params[0], SPS: t.Params[1], PPS: t.Params[2]}, nil
	case t.Codec == media.AAC:
		var c mpeg4audio.AudioSpecificConfig
		if err := c.Unmarshal(t.Config); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCodec, err)
		}
		return &codecs.MPEG4Audio{Config: c}, nil
	case t.Codec == media.Opus:
		return &codecs.Opus{ChannelCount: max(t.Channels, 1)}, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrCodec, t.Codec)
}

// Sample is a frame with the time until the next one of its track, both on the
// stream's scale.
type Sample struct {
	Frame    *media.Frame
	DTS      media.Time
	Duration time.Duration
}

// Fragment renders samples of one track ("moof" and "mdat"). Their times are
// given from base on, which none of them may precede; sequence counts the
// fragments of a track from 1.
func Fragment(sequence uint32, base media.Time, samples []Sample) ([]byte, error) {
	scale := Timescale(samples[0].Frame.Track)
	at := func(t media.Time) int64 { return media.Time(t - base).Units(scale) }
	track := &fmp4.PartTrack{ID: trackID, BaseTime: uint64(at(samples[0].DTS))}
	for _, s := range samples {
		begin := at(s.DTS)
		track.Samples = append(track.Samples, &fmp4.Sample{
			Duration: uint32(at(s.DTS.Add(s.Duration)) - begin),
			// The distance of the frame's own times, which DTS may differ from.
			PTSOffset:       int32((s.Frame.PTS - s.Frame.DTS).Units(scale)),
			IsNonSyncSample: !s.Frame.Key,
			Payload:         s.Frame.Data,
		})
	}
	var out seekablebuffer.Buffer
	if err := (fmp4.Part{SequenceNumber: sequence, Tracks: []*fmp4.PartTrack{track}}).Marshal(&out); err != nil {
		return nil, fmt.Errorf("render fragment: %w", err)
	}
	return out.Bytes(), nil
}

// CarriesMP4 says whether fragmented MP4 holds a codec here.
func CarriesMP4(c media.Codec) bool {
	return c == media.AAC || c == media.Opus || c == media.H264 || c == media.H265
}
