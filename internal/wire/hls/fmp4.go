package hls

import (
	"errors"
	"fmt"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"millrace/internal/codec/vp9"
	"millrace/internal/media"
)

// ErrCodec says that a container does not carry a track's codec here, or that
// its parameters are missing.
var ErrCodec = errors.New("codec is not carried")

// trackID is that of a kind's track in any file.
func trackID(k media.Kind) int { return int(k) + 1 }

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

// Init renders the initialization section of one track, or of one of each kind
// (ISO 14496-12 "ftyp" and "moov"). It fails with ErrCodec.
func Init(tracks ...*media.Track) ([]byte, error) {
	var file fmp4.Init
	for _, t := range tracks {
		codec, err := mp4Codec(t)
		if err != nil {
			return nil, err
		}
		file.Tracks = append(file.Tracks, &fmp4.InitTrack{ID: trackID(t.Kind), TimeScale: uint32(Timescale(t)), Codec: codec})
	}
	var out seekablebuffer.Buffer
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
	case t.Codec == media.AV1 && len(t.Params) > 0:
		return &codecs.AV1{SequenceHeader: t.Params[0]}, nil
	case t.Codec == media.VP9 && t.Width > 0:
		c := vp9.ParseConfig(t.Config)
		return &codecs.VP9{
			Width: t.Width, Height: t.Height, Profile: c.Profile, BitDepth: c.BitDepth, ChromaSubsampling: c.Chroma, ColorRange: c.FullRange,
		}, nil
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

// Fragment renders samples ("moof" and "mdat"), each pack those of one track.
// Times are given from base on, which none of them may precede; sequence counts
// the fragments of a file from 1.
func Fragment(sequence uint32, base media.Time, packs ...[]Sample) ([]byte, error) {
	part := fmp4.Part{SequenceNumber: sequence}
	for _, pack := range packs {
		part.Tracks = append(part.Tracks, run(base, pack))
	}
	var out seekablebuffer.Buffer
	if err := part.Marshal(&out); err != nil {
		return nil, fmt.Errorf("render fragment: %w", err)
	}
	return out.Bytes(), nil
}

// run makes samples of one track into its part of a fragment.
func run(base media.Time, pack []Sample) *fmp4.PartTrack {
	t := pack[0].Frame.Track
	scale := Timescale(t)
	at := func(t media.Time) int64 { return (t - base).Units(scale) }
	out := &fmp4.PartTrack{ID: trackID(t.Kind), BaseTime: uint64(at(pack[0].DTS))}
	for _, s := range pack {
		begin := at(s.DTS)
		out.Samples = append(out.Samples, &fmp4.Sample{
			Duration: uint32(at(s.DTS.Add(s.Duration)) - begin),
			// The distance of the frame's own times, which DTS may differ from.
			PTSOffset:       int32((s.Frame.PTS - s.Frame.DTS).Units(scale)),
			IsNonSyncSample: !s.Frame.Key,
			Payload:         s.Frame.Data,
		})
	}
	return out
}

// CarriesMP4 says whether fragmented MP4 holds a codec here.
func CarriesMP4(c media.Codec) bool {
	return c != media.VP8
}
