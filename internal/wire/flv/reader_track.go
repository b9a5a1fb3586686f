package flv

import (
	"bytes"
	"fmt"
	"slices"

	"millrace/internal/codec/aac"
	"millrace/internal/codec/h264"
	"millrace/internal/codec/opus"
	"millrace/internal/media"
)

// videoTrack makes frames of video bodies.
type videoTrack struct {
	track      *media.Track
	enhanced   EnhancedVideo
	lengthSize int
}

// frame returns the frame in a video body, or nil when it holds none.
func (v *videoTrack) frame(b []byte, at media.Time) (*media.Frame, error) {
	body, err := ParseVideo(b)
	switch {
	case err != nil:
		return nil, nil // of another codec
	case body.Codec != media.H264:
		return v.other(body, at)
	case body.Kind == BodyConfig:
		return nil, v.configure(body.Payload)
	case body.Kind != BodyMedia || v.track == nil || v.track.Codec != media.H264:
		return nil, nil
	}
	u, err := h264.ParseUnit(body.Payload, v.lengthSize)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTag, err)
	}
	if params, changed := h264.MergeParams(v.track.Params, u.Params); changed {
		v.describe(params)
	}
	if u.Slices == 0 {
		return nil, nil
	}
	if (u.B || body.CTS != 0) && !v.track.Reorder {
		more := *v.track
		more.Reorder = true
		v.track = &more
	}
	return &media.Frame{
		Track: v.track, DTS: at, PTS: at + media.Time(body.CTS)*1e6,
		Key: u.Key, Discardable: u.Discardable, Data: u.Data,
	}, nil
}

// other is frame for what only the enhanced form has.
func (v *videoTrack) other(body Body, at media.Time) (f *media.Frame, err error) {
	switch body.Kind {
	case BodyConfig:
		err = v.enhanced.Configure(body.Codec, body.Payload)
	case BodyMedia:
		f, err = v.enhanced.Frame(body)
	}
	if t := v.enhanced.Track(); t != nil {
		v.track = t
	}
	if f != nil {
		f.DTS, f.PTS = at, at+f.PTS
	}
	return f, err
}

func (v *videoTrack) configure(record []byte) error {
	c, err := h264.ParseConfig(record)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTag, err)
	}
	v.lengthSize = c.LengthSize
	params := c.Params()
	if v.track != nil && v.track.Codec == media.H264 && slices.EqualFunc(v.track.Params, params, bytes.Equal) {
		return nil
	}
	v.describe(params)
	return nil
}

// describe replaces the track. Sizes that no SPS tells stay 0.
func (v *videoTrack) describe(params [][]byte) {
	t := &media.Track{Kind: media.Video, Codec: media.H264, Params: params}
	if len(params) > 0 {
		if s, err := h264.ParseSPS(params[0]); err == nil {
			t.Width, t.Height, t.Reorder = s.Width, s.Height, s.Reorders()
		}
	}
	v.track = t
}

// audioTrack makes frames of audio bodies.
type audioTrack struct{ track *media.Track }

// frame returns the frame in an audio body, or nil when it holds none.
func (a *audioTrack) frame(b []byte, at media.Time) (*media.Frame, error) {
	body, err := ParseAudio(b)
	switch {
	case err != nil:
		return nil, nil // of another codec
	case body.Kind == BodyConfig:
		return nil, a.configure(body.Codec, body.Payload)
	case body.Kind != BodyMedia || a.track == nil || a.track.Codec != body.Codec:
		return nil, nil
	}
	return &media.Frame{Track: a.track, DTS: at, PTS: at, Key: true, Data: body.Payload}, nil
}

func (a *audioTrack) configure(codec media.Codec, config []byte) error {
	if a.track != nil && a.track.Codec == codec && bytes.Equal(a.track.Config, config) {
		return nil
	}
	t := &media.Track{Kind: media.Audio, Codec: codec, Config: config}
	if codec == media.AAC {
		c, err := aac.ParseConfig(config)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrTag, err)
		}
		t.SampleRate, t.Channels = c.OutputRate, c.Channels
	} else {
		h, err := opus.ParseHead(config)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrTag, err)
		}
		t.SampleRate, t.Channels = opus.Rate, h.Channels
	}
	a.track = t
	return nil
}
