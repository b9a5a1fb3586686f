package rtmp

import (
	"bytes"
	"fmt"
	"slices"

	"millrace/internal/codec/aac"
	"millrace/internal/codec/h264"
	"millrace/internal/codec/opus"
	"millrace/internal/media"
	"millrace/internal/wire/flv"
)

// videoTrack makes frames of video tags.
type videoTrack struct {
	track      *media.Track
	enhanced   flv.EnhancedVideo
	lengthSize int
}

// configure takes an avcC. Its parameter sets replace those in force.
func (v *videoTrack) configure(avcC []byte) error {
	c, err := h264.ParseConfig(avcC)
	if err != nil {
		return fmt.Errorf("read video configuration: %w", err)
	}
	sps, err := h264.ParseSPS(c.SPS[0])
	if err != nil {
		return fmt.Errorf("read video configuration: %w", err)
	}
	v.lengthSize = c.LengthSize
	if params := c.Params(); v.track == nil || v.track.Codec != media.H264 || !slices.EqualFunc(v.track.Params, params, bytes.Equal) {
		v.describe(params, sps)
	}
	return nil
}

// describe begins a new track. Where its SPS says nothing about reordering,
// what was seen so far holds on.
func (v *videoTrack) describe(params [][]byte, sps h264.SPS) {
	reorder := sps.Reorders() || sps.MaxReorder < 0 && v.track != nil && v.track.Codec == media.H264 && v.track.Reorder
	v.track = &media.Track{
		Kind: media.Video, Codec: media.H264, Params: params,
		Width: sps.Width, Height: sps.Height, Reorder: reorder,
	}
}

// frame makes the frame of a video tag's payload, which it takes over; nil when
// there is no picture in it or nothing to decode it with.
func (v *videoTrack) frame(payload []byte, cts int32) (*media.Frame, error) {
	if v.track == nil || v.track.Codec != media.H264 {
		return nil, nil
	}
	u, err := h264.ParseUnit(payload, v.lengthSize)
	if err != nil {
		return nil, err
	}
	if len(u.Params) > 0 {
		v.merge(u.Params)
	}
	if u.Slices == 0 {
		return nil, nil
	}
	if (u.B || cts != 0) && !v.track.Reorder {
		reordered := *v.track
		reordered.Reorder = true
		v.track = &reordered
	}
	return &media.Frame{Track: v.track, Key: u.Key, Discardable: u.Discardable, Data: u.Data}, nil
}

// body is configure or frame for what only the enhanced form has.
func (v *videoTrack) body(b flv.Body) (f *media.Frame, err error) {
	if b.Kind == flv.BodyConfig {
		err = v.enhanced.Configure(b.Codec, b.Payload)
	} else {
		f, err = v.enhanced.Frame(b)
	}
	if t := v.enhanced.Track(); t != nil {
		v.track = t
	}
	return f, err
}

// merge takes parameter sets that came among a picture's NAL units. An SPS that
// cannot be read changes nothing.
func (v *videoTrack) merge(fresh [][]byte) {
	params, changed := h264.MergeParams(v.track.Params, fresh)
	if !changed {
		return
	}
	current := params[0]
	for _, p := range fresh {
		if h264.Type(p) == h264.TypeSPS {
			current = p
		}
	}
	if sps, err := h264.ParseSPS(current); err == nil {
		v.describe(params, sps)
	}
}

// audioTrack makes frames of audio tags.
type audioTrack struct{ track *media.Track }

// configure takes an AudioSpecificConfig or an OpusHead, which it keeps.
func (a *audioTrack) configure(codec media.Codec, config []byte) error {
	if a.track != nil && a.track.Codec == codec && bytes.Equal(a.track.Config, config) {
		return nil
	}
	t := &media.Track{Kind: media.Audio, Codec: codec, Config: config}
	if codec == media.AAC {
		c, err := aac.ParseConfig(config)
		if err != nil {
			return fmt.Errorf("read audio configuration: %w", err)
		}
		t.SampleRate, t.Channels = c.OutputRate, c.Channels
	} else {
		h, err := opus.ParseHead(config)
		if err != nil {
			return fmt.Errorf("read audio configuration: %w", err)
		}
		t.SampleRate, t.Channels = opus.Rate, h.Channels
	}
	a.track = t
	return nil
}

// frame makes the frame of an audio tag's payload; nil when there is nothing to
// decode it with. Opus needs no configuration.
func (a *audioTrack) frame(codec media.Codec, payload []byte) *media.Frame {
	if codec == media.Opus && (a.track == nil || a.track.Codec != codec) && opus.Samples(payload) > 0 {
		channels := 1
		if opus.Stereo(payload) {
			channels = 2
		}
		a.track = &media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: opus.Rate, Channels: channels}
	}
	if a.track == nil || a.track.Codec != codec || codec == media.Opus && opus.Samples(payload) == 0 {
		return nil
	}
	return &media.Frame{Track: a.track, Key: true, Data: payload}
}
