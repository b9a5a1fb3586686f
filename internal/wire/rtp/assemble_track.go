package rtp

import (
	"bytes"
	"slices"

	"millrace/internal/codec/av1"
	"millrace/internal/codec/h264"
	"millrace/internal/codec/h265"
	"millrace/internal/media"
)

// videoTrack keeps the description of the pictures in step with what comes in
// band: parameter sets, sequence headers, sizes.
type videoTrack struct {
	track *media.Track // never nil once a picture came
	fresh bool         // sets of an earlier publisher are void
}

// adopt takes what was announced.
func (v *videoTrack) adopt(t *media.Track) {
	if t != nil && t.Kind == media.Video && formatOf(t.Codec) != nil {
		v.track = t
		return
	}
	v.track = &media.Track{Kind: media.Video, Codec: media.H264}
}

// changed says that another publisher begins: its sets replace all.
func (v *videoTrack) changed() { v.fresh = true }

// usable says that a decoder of c could be set up.
func (v *videoTrack) usable(c media.Codec) bool {
	sets := v.track.Params
	switch {
	case v.track.Codec != c:
		return false
	case c == media.H264:
		return len(sets) > 1 && h264.Type(sets[0]) == h264.TypeSPS
	case c == media.H265:
		return h265.Complete(sets)
	case c == media.AV1:
		return len(sets) > 0
	}
	return true
}

// take notes what a whole access unit tells.
func (v *videoTrack) take(c media.Codec, u accessUnit) {
	if v.track.Codec != c {
		v.track = &media.Track{Kind: media.Video, Codec: c}
	}
	switch c {
	case media.H264:
		v.mergeH264(u.sets)
	case media.H265:
		v.mergeH265(u.sets)
	case media.AV1:
		if len(u.sets) > 0 {
			v.sequenceAV1(u.sets[0])
		}
	case media.VP9:
		if u.key && u.width > 0 {
			v.describeVP9(u)
		}
	}
}

// mergeH264 takes parameter sets. An SPS that cannot be read changes nothing.
func (v *videoTrack) mergeH264(sets [][]byte) {
	if len(sets) == 0 {
		return
	}
	params, changed := h264.MergeParams(v.held(sets, func(p []byte) bool { return h264.Type(p) == h264.TypeSPS }), sets)
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

// mergeH265 is mergeH264 for H265.
func (v *videoTrack) mergeH265(sets [][]byte) {
	if len(sets) == 0 {
		return
	}
	params, changed := h265.MergeParams(v.held(sets, func(p []byte) bool { return h265.SPSOf([][]byte{p}) != nil }), sets)
	if !changed || slices.EqualFunc(params, v.track.Params, bytes.Equal) {
		return
	}
	t := *v.track
	t.Params = params
	if sps := h265.SPSOf(params); sps != nil {
		w, h, ok := h265.Dimensions(sps)
		if !ok {
			return
		}
		t.Width, t.Height = w, h
	}
	v.track = &t
}

// held are the sets that fresh ones are added to: none of a publisher before, if
// there is a sequence among the fresh.
func (v *videoTrack) held(fresh [][]byte, isSequence func([]byte) bool) [][]byte {
	if v.fresh && slices.ContainsFunc(fresh, isSequence) {
		v.fresh = false
		return nil
	}
	return v.track.Params
}

// sequenceAV1 takes a sequence header without its size. One that cannot be read
// changes nothing.
func (v *videoTrack) sequenceAV1(sequence []byte) {
	if len(v.track.Params) == 1 && bytes.Equal(v.track.Params[0], sequence) {
		return
	}
	w, h, ok := av1.Dimensions(sequence)
	if !ok {
		return
	}
	t := *v.track
	t.Params, t.Width, t.Height = [][]byte{sequence}, w, h
	v.track = &t
}

// describeVP9 takes a key frame.
func (v *videoTrack) describeVP9(u accessUnit) {
	if v.track.Width == u.width && v.track.Height == u.height && (u.config == nil || bytes.Equal(v.track.Config, u.config)) {
		return
	}
	t := *v.track
	t.Width, t.Height = u.width, u.height
	if u.config != nil {
		t.Config = u.config
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
