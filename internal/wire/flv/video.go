package flv

import (
	"bytes"
	"fmt"
	"slices"

	"millrace/internal/codec/av1"
	"millrace/internal/codec/h264"
	"millrace/internal/codec/h265"
	"millrace/internal/codec/vp9"
	"millrace/internal/media"
)

// maxComposition bounds PTS - DTS; larger ones are mistakes.
const maxComposition = 10_000 // ms

// VideoTrack makes frames of the bodies of one video track. The zero value is
// ready. One goroutine uses it.
type VideoTrack struct {
	track      *media.Track
	lengthSize int
}

// Track is that of the frames, as described last; nil before it is known.
func (v *VideoTrack) Track() *media.Track { return v.track }

func (v *VideoTrack) is(c media.Codec) bool { return v.track != nil && v.track.Codec == c }

// Frame takes a body over. It returns a frame where there is a picture in it and
// something to decode that with. The frame's times are what is to be added to
// the message's: DTS is less than a millisecond. Composition times below 0 or
// above ten seconds count as none.
func (v *VideoTrack) Frame(b Body) (*media.Frame, error) {
	if b.Kind == BodyConfig {
		return nil, v.configure(b.Codec, b.Payload)
	}
	if b.Kind != BodyMedia {
		return nil, nil
	}
	if b.CTS < 0 || b.CTS > maxComposition {
		b.CTS = 0
	}
	f, err := v.picture(b)
	if f == nil || err != nil {
		return nil, err
	}
	f.Track = v.track
	f.DTS = media.Time(b.Nanos)
	f.PTS = f.DTS + media.Time(b.CTS)*1e6
	return f, nil
}

// configure takes a codec's configuration record.
func (v *VideoTrack) configure(codec media.Codec, record []byte) error {
	switch codec {
	case media.H264:
		c, err := h264.ParseConfig(record)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrTag, err)
		}
		v.lengthSize = c.LengthSize
		return v.replace(codec, c.Params(), c.SPS[0])
	case media.H265:
		params, lengthSize, err := h265.ParseConfig(record)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrTag, err)
		}
		v.lengthSize = lengthSize
		return v.replace(codec, params, h265.SPSOf(params))
	case media.AV1:
		sequence := av1.SequenceOf(record)
		if sequence == nil {
			return fmt.Errorf("%w: AV1 record without a sequence header", ErrTag)
		}
		return v.replace(codec, [][]byte{slices.Clone(sequence)}, sequence)
	case media.VP9:
		if len(record) < 8 {
			return fmt.Errorf("%w: VP9 record of %d bytes", ErrTag, len(record))
		}
		if !v.is(codec) || !bytes.Equal(v.track.Config, record) {
			v.track = &media.Track{Kind: media.Video, Codec: codec, Config: slices.Clone(record)}
		}
		return nil
	}
	return unsupported(codec)
}

// replace begins a new track, unless the parameter sets are those in force. sps is
// the one of them that tells the picture's size. Where it says nothing about
// reordering, what was seen so far holds on.
func (v *VideoTrack) replace(codec media.Codec, params [][]byte, sps []byte) error {
	if v.is(codec) && slices.EqualFunc(v.track.Params, params, bytes.Equal) {
		return nil
	}
	t := &media.Track{Kind: media.Video, Codec: codec, Params: params}
	seen := v.is(codec) && v.track.Reorder
	ok := false
	switch codec {
	case media.H264:
		s, err := h264.ParseSPS(sps)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrTag, err)
		}
		t.Width, t.Height, ok = s.Width, s.Height, true
		t.Reorder = s.Reorders() || s.MaxReorder < 0 && seen
	case media.H265:
		t.Width, t.Height, ok = h265.Dimensions(sps)
		t.Reorder = seen
	case media.AV1:
		t.Width, t.Height, ok = av1.Dimensions(sps)
	}
	if !ok {
		return fmt.Errorf("%w: %s without a usable sequence parameter set", ErrTag, codec)
	}
	v.track = t
	return nil
}

// picture is the frame in a body of kind BodyMedia, without track and times; nil
// when there is none in it, or nothing to decode it with.
func (v *VideoTrack) picture(b Body) (*media.Frame, error) {
	if b.Codec != media.VP9 && !v.is(b.Codec) && b.Codec != media.AV1 {
		return nil, nil
	}
	switch b.Codec {
	case media.H264:
		return v.picture264(b)
	case media.H265:
		return v.picture265(b)
	case media.AV1:
		return v.pictureAV1(b)
	case media.VP9:
		h, ok := vp9.ParseHeader(b.Payload)
		if !ok {
			return nil, fmt.Errorf("%w: no VP9 frame", ErrTag)
		}
		v.sizeVP9(h)
		return &media.Frame{Key: h.Key, Data: b.Payload}, nil
	}
	return nil, nil
}

func (v *VideoTrack) picture264(b Body) (*media.Frame, error) {
	u, err := h264.ParseUnit(b.Payload, v.lengthSize)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTag, err)
	}
	if params, changed := h264.MergeParams(v.track.Params, u.Params); changed {
		current := params[0]
		for _, p := range u.Params {
			if h264.Type(p) == h264.TypeSPS {
				current = p
			}
		}
		_ = v.replace(media.H264, params, current) // one that cannot be read changes nothing
	}
	if u.Slices == 0 {
		return nil, nil
	}
	v.reorders(u.B || b.CTS != 0)
	return &media.Frame{Key: u.Key, Discardable: u.Discardable, Data: u.Data}, nil
}

func (v *VideoTrack) picture265(b Body) (*media.Frame, error) {
	u, err := h265.ParseUnit(b.Payload, v.lengthSize)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTag, err)
	}
	if params, changed := h265.MergeParams(v.track.Params, u.Params); changed {
		_ = v.replace(media.H265, params, h265.SPSOf(params)) // as above
	}
	if u.Slices == 0 {
		return nil, nil
	}
	v.reorders(b.CTS != 0)
	return &media.Frame{Key: u.Key, Data: u.Data}, nil
}

// reorders notes that the sequence holds B-frames.
func (v *VideoTrack) reorders(seen bool) {
	if seen && !v.track.Reorder {
		t := *v.track
		t.Reorder = true
		v.track = &t
	}
}

// pictureAV1 takes delimiters out and notes a sequence header.
func (v *VideoTrack) pictureAV1(b Body) (*media.Frame, error) {
	u, err := av1.ParseUnit(b.Payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTag, err)
	}
	if u.Sequence != nil {
		_ = v.replace(media.AV1, [][]byte{slices.Clone(u.Sequence)}, u.Sequence) // as above
	}
	if len(u.Data) == 0 || !v.is(media.AV1) {
		return nil, nil
	}
	return &media.Frame{Key: u.Key, Data: u.Data}, nil
}

// sizeVP9 notes the size of a key frame.
func (v *VideoTrack) sizeVP9(h vp9.Header) {
	if v.is(media.VP9) && (h.Width == 0 || h.Width == v.track.Width && h.Height == v.track.Height) {
		return
	}
	t := media.Track{Kind: media.Video, Codec: media.VP9, Width: h.Width, Height: h.Height}
	if v.is(media.VP9) {
		t.Config = v.track.Config
	}
	v.track = &t
}
