package rtp

import (
	"bytes"
	"slices"

	"millrace/internal/codec/h264"
	"millrace/internal/media"
)

// videoTrack keeps the description of an H264 track in step with the parameter
// sets that come in band.
type videoTrack struct {
	track *media.Track // never nil once a picture came
	fresh bool         // sets of an earlier publisher are void
}

// adopt takes what was announced.
func (v *videoTrack) adopt(t *media.Track) {
	if t != nil && t.Kind == media.Video && t.Codec == media.H264 {
		v.track = t
		return
	}
	v.track = &media.Track{Kind: media.Video, Codec: media.H264}
}

// changed says that another publisher begins: its sets replace all.
func (v *videoTrack) changed() { v.fresh = true }

// usable says that a decoder could be set up.
func (v *videoTrack) usable() bool {
	return len(v.track.Params) > 1 && h264.Type(v.track.Params[0]) == h264.TypeSPS
}

// merge takes parameter sets of a whole access unit, in own memory. An SPS that
// cannot be read changes nothing.
func (v *videoTrack) merge(sets [][]byte) {
	if len(sets) == 0 {
		return
	}
	held := v.track.Params
	if v.fresh && slices.ContainsFunc(sets, func(p []byte) bool { return h264.Type(p) == h264.TypeSPS }) {
		held, v.fresh = nil, false
	}
	params, changed := h264.MergeParams(held, sets)
	if !changed || slices.EqualFunc(params, v.track.Params, bytes.Equal) {
		return
	}
	current := params[0]
	for _, p := range sets {
		if h264.Type(p) == h264.TypeSPS {
			current = p
		}
	}
	t := *v.track
	t.Params = params
	if s, err := h264.ParseSPS(current); err == nil {
		t.Width, t.Height, t.Reorder = s.Width, s.Height, s.Reorders()
	} else if h264.Type(current) == h264.TypeSPS {
		return // nothing could be set up with it
	}
	v.track = &t
}

// of returns the track of a picture. reordered says that the picture itself
// shows that presentation order differs from decode order.
func (v *videoTrack) of(reordered bool) *media.Track {
	if reordered && !v.track.Reorder {
		t := *v.track
		t.Reorder = true
		v.track = &t
	}
	return v.track
}
