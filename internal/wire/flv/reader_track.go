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
	lengthSize int
}

// frame returns the frame in a video body, or nil when it holds none.
func (v *videoTrack) frame(b []byte, at media.Time) (*media.Frame, error) {
	packet, cts, payload, ok := splitVideo(b)
	switch {
	case !ok:
		return nil, nil
	case packet == packetConfig:
		return nil, v.configure(payload)
	case packet != packetMedia || v.track == nil:
		return nil, nil
	}
	u, err := h264.ParseUnit(payload, v.lengthSize)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTag, err)
	}
	if params, changed := h264.MergeParams(v.track.Params, u.Params); changed {
		v.describe(params)
	}
	if u.Slices == 0 {
		return nil, nil
	}
	if (u.B || cts != 0) && !v.track.Reorder {
		more := *v.track
		more.Reorder = true
		v.track = &more
	}
	return &media.Frame{
		Track: v.track, DTS: at, PTS: at + media.Time(cts)*1e6,
		Key: u.Key, Discardable: u.Discardable, Data: u.Data,
	}, nil
}

// splitVideo takes the codec header off. ok is false for what is not H264.
func splitVideo(b []byte) (packet byte, cts int32, payload []byte, ok bool) {
	if len(b) < 5 {
		return 0, 0, nil, false
	}
	if b[0]&videoExHeader == 0 {
		if b[0]>>4 == frameCommand || b[0]&15 != videoAVC {
			return 0, 0, nil, false
		}
		return b[1], signed24(b[2:]), b[5:], true
	}
	if string(b[1:5]) != fourAVC {
		return 0, 0, nil, false
	}
	switch b[0] & 15 {
	case exSequenceStart:
		return packetConfig, 0, b[5:], true
	case exCodedFrames:
		if len(b) < 8 {
			return 0, 0, nil, false
		}
		return packetMedia, signed24(b[5:]), b[8:], true
	case exCodedFramesX:
		return packetMedia, 0, b[5:], true
	}
	return packetEnd, 0, nil, true
}

func signed24(b []byte) int32 {
	return int32(uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8) >> 8
}

func (v *videoTrack) configure(record []byte) error {
	c, err := h264.ParseConfig(record)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTag, err)
	}
	v.lengthSize = c.LengthSize
	params := c.Params()
	if v.track != nil && slices.EqualFunc(v.track.Params, params, bytes.Equal) {
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
	codec, packet, payload := splitAudio(b)
	switch {
	case codec == 0:
		return nil, nil
	case packet == packetConfig:
		return nil, a.configure(codec, payload)
	case packet != packetMedia || len(payload) == 0 || a.track == nil || a.track.Codec != codec:
		return nil, nil
	}
	return &media.Frame{Track: a.track, DTS: at, PTS: at, Key: true, Data: payload}, nil
}

// splitAudio takes the codec header off. codec is 0 for what is not carried.
func splitAudio(b []byte) (codec media.Codec, packet byte, payload []byte) {
	if len(b) < 2 {
		return 0, 0, nil
	}
	switch b[0] >> 4 {
	case soundAAC:
		return media.AAC, b[1], b[2:]
	case soundExHeader:
		if len(b) < 5 || b[0]&15 > exCodedFrames {
			return 0, 0, nil
		}
		switch string(b[1:5]) {
		case fourOpus:
			return media.Opus, b[0] & 15, b[5:]
		case fourAAC:
			return media.AAC, b[0] & 15, b[5:]
		}
	}
	return 0, 0, nil
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
