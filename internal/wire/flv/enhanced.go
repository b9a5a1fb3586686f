package flv

import (
	"bytes"
	"fmt"
	"slices"

	"millrace/internal/codec/av1"
	"millrace/internal/codec/h265"
	"millrace/internal/codec/vp9"
	"millrace/internal/media"
)

// fourCCs are the names of video codecs that the enhanced form alone carries.
var fourCCs = map[media.Codec]string{media.H265: "hvc1", media.AV1: "av01", media.VP9: "vp09"}

// FourCC is the name of a codec in the enhanced form; "" where it has none here.
func FourCC(c media.Codec) string {
	switch c {
	case media.H264:
		return fourAVC
	case media.AAC:
		return fourAAC
	case media.Opus:
		return fourOpus
	}
	return fourCCs[c]
}

// codecOf is the inverse of FourCC for video.
func codecOf(four string) (media.Codec, bool) {
	for _, c := range []media.Codec{media.H264, media.H265, media.AV1, media.VP9} {
		if FourCC(c) == four {
			return c, true
		}
	}
	return 0, false
}

// EnhancedVideo makes frames of the video bodies that only the enhanced form
// has: H265, AV1 and VP9. The zero value is ready.
type EnhancedVideo struct {
	track      *media.Track
	lengthSize int
}

// Track is that of the frames; nil before it is known.
func (v *EnhancedVideo) Track() *media.Track { return v.track }

// Configure takes a codec's configuration record.
func (v *EnhancedVideo) Configure(codec media.Codec, record []byte) error {
	switch codec {
	case media.H265:
		params, lengthSize, err := h265.ParseConfig(record)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrTag, err)
		}
		v.lengthSize = lengthSize
		if v.is(codec) && slices.EqualFunc(v.track.Params, params, bytes.Equal) {
			return nil
		}
		return v.describe265(params)
	case media.AV1:
		sequence := av1.SequenceOf(record)
		if sequence == nil {
			return fmt.Errorf("%w: AV1 record without a sequence header", ErrTag)
		}
		return v.describeAV1(sequence)
	case media.VP9:
		if len(record) < 8 {
			return fmt.Errorf("%w: VP9 record of %d bytes", ErrTag, len(record))
		}
		if v.is(codec) && bytes.Equal(v.track.Config, record) {
			return nil
		}
		v.track = &media.Track{Kind: media.Video, Codec: codec, Config: slices.Clone(record)}
		return nil
	}
	return unsupported(codec)
}

func (v *EnhancedVideo) is(c media.Codec) bool { return v.track != nil && v.track.Codec == c }

func (v *EnhancedVideo) describe265(params [][]byte) error {
	w, h, ok := h265.Dimensions(h265.SPSOf(params))
	if !ok {
		return fmt.Errorf("%w: H265 without a usable sequence parameter set", ErrTag)
	}
	reorder := v.is(media.H265) && v.track.Reorder
	v.track = &media.Track{Kind: media.Video, Codec: media.H265, Params: params, Width: w, Height: h, Reorder: reorder}
	return nil
}

func (v *EnhancedVideo) describeAV1(sequence []byte) error {
	if v.is(media.AV1) && bytes.Equal(v.track.Params[0], sequence) {
		return nil
	}
	w, h, ok := av1.Dimensions(sequence)
	if !ok {
		return fmt.Errorf("%w: AV1 sequence header", ErrTag)
	}
	v.track = &media.Track{Kind: media.Video, Codec: media.AV1, Params: [][]byte{slices.Clone(sequence)}, Width: w, Height: h}
	return nil
}

// Frame makes the frame of a body of kind BodyMedia; nil when there is no picture
// in it or nothing to decode it with. Its times are left at 0, but for the
// difference of PTS and DTS.
func (v *EnhancedVideo) Frame(b Body) (*media.Frame, error) {
	f := &media.Frame{Data: b.Payload, PTS: media.Time(b.CTS) * 1e6}
	switch b.Codec {
	case media.H265:
		if !v.is(media.H265) {
			return nil, nil
		}
		u, err := h265.ParseUnit(b.Payload, v.lengthSize)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrTag, err)
		}
		if params, changed := h265.MergeParams(v.track.Params, u.Params); changed {
			if err := v.describe265(params); err != nil {
				return nil, err
			}
		}
		if u.Slices == 0 {
			return nil, nil
		}
		f.Key, f.Data = u.Key, u.Data
		v.reorders(b.CTS != 0)
	case media.AV1:
		data, key, err := v.unitsAV1(b.Payload)
		if err != nil || len(data) == 0 || !v.is(media.AV1) {
			return nil, err
		}
		f.Data, f.Key = data, key
	case media.VP9:
		h, ok := vp9.ParseHeader(b.Payload)
		if !ok {
			return nil, fmt.Errorf("%w: no VP9 frame", ErrTag)
		}
		v.sizeVP9(h)
		f.Key = h.Key
	default:
		return nil, nil
	}
	f.Track = v.track
	return f, nil
}

// reorders notes that the sequence holds B-frames.
func (v *EnhancedVideo) reorders(seen bool) {
	if seen && !v.track.Reorder {
		t := *v.track
		t.Reorder = true
		v.track = &t
	}
}

// unitsAV1 takes delimiters out, notes a sequence header, and says whether the
// first frame is a key frame.
func (v *EnhancedVideo) unitsAV1(payload []byte) (data []byte, key bool, err error) {
	u, err := av1.ParseUnit(payload)
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrTag, err)
	}
	if u.Sequence != nil {
		_ = v.describeAV1(u.Sequence) // one that cannot be read changes nothing
	}
	return u.Data, u.Key, nil
}

// sizeVP9 notes the size of a key frame.
func (v *EnhancedVideo) sizeVP9(h vp9.Header) {
	if v.is(media.VP9) && (h.Width == 0 || h.Width == v.track.Width && h.Height == v.track.Height) {
		return
	}
	t := media.Track{Kind: media.Video, Codec: media.VP9}
	if v.is(media.VP9) {
		t.Config = v.track.Config
	}
	t.Width, t.Height = h.Width, h.Height
	v.track = &t
}

// record is the configuration record of a video track in the enhanced form.
func record(t *media.Track) ([]byte, error) {
	switch t.Codec {
	case media.H265:
		return h265.BuildConfig(t.Params)
	case media.AV1:
		if len(t.Params) == 0 {
			return nil, unsupported(t.Codec)
		}
		return av1.BuildConfig(t.Params[0])
	case media.VP9:
		if len(t.Config) > 0 {
			return t.Config, nil
		}
		return vp9.ParseConfig(nil).Record(), nil
	}
	return nil, unsupported(t.Codec)
}

// enhancedHead appends what stands before a frame's data.
func enhancedHead(b []byte, f *media.Frame, cts int64) []byte {
	first := byte(videoExHeader | frameInter<<4)
	if f.Key {
		first = videoExHeader | frameKey<<4
	}
	four := fourCCs[f.Track.Codec]
	switch {
	case f.Track.Codec != media.H265:
		return append(append(b, first|exCodedFrames), four...)
	case cts == 0:
		return append(append(b, first|exCodedFramesX), four...)
	}
	return append(append(append(b, first|exCodedFrames), four...), byte(cts>>16), byte(cts>>8), byte(cts))
}

// firstTrack finds the part of a multitrack packet that is of track 0 (Enhanced
// RTMP v2, AvMultitrackType). ok is false when there is none.
func firstTrack(b []byte) (packet byte, four string, part []byte, ok bool) {
	if len(b) < 1 {
		return 0, "", nil, false
	}
	kind := b[0] >> 4
	packet, b = b[0]&15, b[1:]
	const many, manyCodecs = 1, 2
	if kind > manyCodecs {
		return 0, "", nil, false
	}
	for first := true; len(b) > 0; first = false {
		if first || kind == manyCodecs {
			if len(b) < 4 {
				return 0, "", nil, false
			}
			four, b = string(b[:4]), b[4:]
		}
		if len(b) < 1 {
			return 0, "", nil, false
		}
		id := b[0]
		size := len(b) - 1
		b = b[1:]
		if kind == many || kind == manyCodecs {
			if len(b) < 3 {
				return 0, "", nil, false
			}
			size = int(b[0])<<16 | int(b[1])<<8 | int(b[2])
			b = b[3:]
		}
		if size > len(b) {
			return 0, "", nil, false
		}
		if id == 0 {
			return packet, four, b[:size], true
		}
		b = b[size:]
	}
	return 0, "", nil, false
}
