package flv

import (
	"bytes"
	"fmt"

	"millrace/internal/codec/aac"
	"millrace/internal/codec/opus"
	"millrace/internal/media"
)

// AudioTrack makes frames of the bodies of one audio track. The zero value is
// ready. One goroutine uses it.
type AudioTrack struct{ track *media.Track }

// Track is that of the frames, as described last; nil before it is known.
func (a *AudioTrack) Track() *media.Track { return a.track }

// Frame takes a body over. It returns a frame where there is sound in it and
// something to decode that with, which Opus does not need. The frame's times are
// what is to be added to the message's: less than a millisecond.
func (a *AudioTrack) Frame(b Body) (*media.Frame, error) {
	if b.Kind == BodyConfig {
		return nil, a.configure(b.Codec, b.Payload)
	}
	if b.Kind != BodyMedia || b.Codec == media.Opus && !a.hearsOpus(b.Payload) || a.track == nil || a.track.Codec != b.Codec {
		return nil, nil
	}
	at := media.Time(b.Nanos)
	return &media.Frame{Track: a.track, DTS: at, PTS: at, Key: true, Data: b.Payload}, nil
}

// hearsOpus says whether a packet is one, and describes the track where no
// configuration has.
func (a *AudioTrack) hearsOpus(packet []byte) bool {
	if opus.Samples(packet) == 0 {
		return false
	}
	if a.track == nil || a.track.Codec != media.Opus {
		channels := 1
		if opus.Stereo(packet) {
			channels = 2
		}
		a.track = &media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: opus.Rate, Channels: channels}
	}
	return true
}

// configure takes an AudioSpecificConfig or an OpusHead, which it keeps.
func (a *AudioTrack) configure(codec media.Codec, config []byte) error {
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
