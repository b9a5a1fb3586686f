package hls

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts/codecs"

	"millrace/internal/codec/h264"
	"millrace/internal/media"
)

// TS renders segments of MPEG-TS (ISO 13818-1). Continuity counters go on from
// one segment to the next. One goroutine uses it.
type TS struct {
	out    bytes.Buffer
	writer *mpegts.Writer
	tracks [2]*mpegts.Track // by kind
}

// CarriesTS says whether segments of MPEG-TS hold a codec.
func CarriesTS(c media.Codec) bool { return c == media.H264 || c == media.H265 || c == media.AAC }

// NewTS returns a TS of up to two tracks; either may be nil. It fails with
// ErrCodec.
func NewTS(video, audio *media.Track) (*TS, error) {
	t := &TS{}
	t.writer = &mpegts.Writer{W: &t.out}
	for _, m := range []*media.Track{video, audio} {
		if m == nil {
			continue
		}
		codec, err := tsCodec(m)
		if err != nil {
			return nil, err
		}
		track := &mpegts.Track{Codec: codec}
		t.tracks[m.Kind] = track
		t.writer.Tracks = append(t.writer.Tracks, track)
	}
	if err := t.writer.Initialize(); err != nil {
		return nil, fmt.Errorf("begin MPEG-TS: %w", err)
	}
	return t, nil
}

func tsCodec(t *media.Track) (codecs.Codec, error) {
	switch t.Codec {
	case media.H264:
		return &codecs.H264{}, nil
	case media.H265:
		return &codecs.H265{}, nil
	case media.AAC:
		c := &codecs.MPEG4Audio{}
		var asc mpeg4audio.AudioSpecificConfig
		if err := asc.Unmarshal(t.Config); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCodec, err)
		}
		c.Config = asc
		return c, nil
	}
	return nil, fmt.Errorf("%w in MPEG-TS: %s", ErrCodec, t.Codec)
}

// Begin starts a segment: each one has the tables at its start (RFC 8216
// section 3.2).
func (t *TS) Begin() error {
	if _, err := t.writer.WriteTables(); err != nil {
		return fmt.Errorf("write tables: %w", err)
	}
	return nil
}

// Write appends a frame, with its parameter sets where it is a key frame. Times
// are given from base on, which none may precede by as much as 100 ms.
func (t *TS) Write(f *media.Frame, base media.Time) error {
	pts, dts := (f.PTS - base).Units(90000), (f.DTS - base).Units(90000)
	track := t.tracks[f.Track.Kind]
	var err error
	switch {
	case track == nil:
		return ErrCodec
	case f.Track.Kind == media.Audio:
		err = t.writer.WriteMPEG4Audio(track, pts, [][]byte{f.Data})
	default:
		nals := slices.Collect(h264.NALs(f.Data)) // H265 has the same lengths
		if f.Key {
			nals = slices.Concat(f.Track.Params, nals)
		}
		if len(nals) == 0 {
			return nil
		}
		if f.Track.Codec == media.H265 {
			err = t.writer.WriteH265(track, pts, dts, nals)
		} else {
			err = t.writer.WriteH264(track, pts, dts, nals)
		}
	}
	if err != nil {
		return fmt.Errorf("write MPEG-TS: %w", err)
	}
	return nil
}

// Take returns what was written since the last time; it is the caller's.
func (t *TS) Take() []byte {
	b := bytes.Clone(t.out.Bytes())
	t.out.Reset()
	return b
}
