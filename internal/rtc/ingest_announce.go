package rtc

import (
	"bytes"
	"slices"

	"millrace/internal/codec/aac"
	"millrace/internal/codec/h264"
	"millrace/internal/codec/h265"
	"millrace/internal/media"
	wire "millrace/internal/wire/rtp"
)

// What a publisher's tracks are is known from what it sends: parameter sets and
// key frames, ADTS headers.

// mergeParams adds a parameter set to those in force.
func mergeParams(c media.Codec, held [][]byte, p []byte) ([][]byte, bool) {
	if c == media.H264 {
		return h264.MergeParams(held, [][]byte{bytes.Clone(p)})
	}
	if len(p) < 2 {
		return held, false
	}
	kind := func(nal []byte) byte { return nal[0] >> 1 & 0x3f } // H.265 section 7.3.1.2
	merged := slices.Clone(held)
	for i, h := range merged {
		if kind(h) == kind(p) {
			if bytes.Equal(h, p) {
				return held, false
			}
			merged[i] = bytes.Clone(p)
			return merged, true
		}
	}
	merged = append(merged, bytes.Clone(p))
	slices.SortStableFunc(merged, func(a, b []byte) int { return int(kind(a)) - int(kind(b)) })
	return merged, true
}

// describe returns the track that a layer shows, or nil before it tells.
func (l *layer) describe() *media.Track {
	t := &media.Track{Kind: media.Video, Codec: l.track.source.Codec, Width: l.width, Height: l.height, Params: l.params, Reorder: l.reorder}
	switch t.Codec {
	case media.H264:
		if len(l.params) < 2 || h264.Type(l.params[len(l.params)-1]) == h264.TypeSPS {
			return nil
		}
		sps, err := h264.ParseSPS(l.params[0])
		if err != nil {
			return nil
		}
		t.Width, t.Height, t.Reorder = sps.Width, sps.Height, l.reorder || sps.Reorders()
		l.width, l.height = sps.Width, sps.Height
	case media.H265:
		if len(l.params) < 3 {
			return nil
		}
		if w, h, ok := h265.Dimensions(h265.SPSOf(l.params)); ok {
			t.Width, t.Height, l.width, l.height = w, h, w, h
		}
	}
	return t
}

// announce says which tracks there are, when they are known or have changed.
func (in *ingest) announce(now int64) {
	video, audio := in.tracks[media.Video], in.tracks[media.Audio]
	if video != nil && video.forwarded != nil && video.forwarded.paramsChanged {
		l := video.forwarded
		if t := l.describe(); t != nil {
			video.track, l.paramsChanged = t, false
		}
	}
	var is [2]*media.Track
	waits := false
	for i, t := range []*receiveTrack{video, audio} {
		if t != nil {
			is[i] = t.track
			waits = waits || t.track == nil
		}
	}
	if is == in.announced || is == [2]*media.Track{} {
		return
	}
	if in.firstMedia < 0 {
		in.firstMedia = now
	}
	if waits && now-in.firstMedia < int64(announceAlone) {
		return
	}
	in.announced = is
	in.publisher.Announce(is[media.Video], is[media.Audio])
}

// hear looks at a packet of sound, and puts AAC into the log's form. It reports
// false for one that cannot be.
func (t *receiveTrack) hear(pk *media.Packet) bool {
	if pk.Codec != media.AAC {
		if t.track == nil {
			t.track = &media.Track{Kind: media.Audio, Codec: pk.Codec, SampleRate: t.source.ClockRate, Channels: 1}
			if t.source.Stereo {
				t.track.Channels = 2
			}
		}
		return true
	}
	if !pk.Start {
		return true // a later piece of a frame
	}
	config := t.source.Config
	if t.latm {
		adts, ok := wire.ADTSFromLATM(config, pk.Payload)
		if !ok {
			return false
		}
		pk.Payload = adts
	}
	h, err := aac.ParseADTS(pk.Payload)
	if err != nil {
		return false
	}
	pk.Marker = pk.Marker || h.FrameSize == len(pk.Payload)
	c := h.Config
	if t.latm {
		if c, err = aac.ParseConfig(config); err != nil {
			return false
		}
	} else if t.track == nil || t.track.SampleRate != c.OutputRate || t.track.Channels != c.Channels {
		if config, err = aac.LCConfig(c.CoreRate, c.Channels); err != nil {
			return false
		}
	}
	if t.track == nil || t.track.SampleRate != c.OutputRate || t.track.Channels != c.Channels {
		t.track = &media.Track{Kind: media.Audio, Codec: media.AAC, SampleRate: c.OutputRate, Channels: c.Channels, Config: config}
	}
	return true
}
