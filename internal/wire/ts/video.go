package ts

import (
	"bytes"
	"slices"

	"millrace/internal/codec/h264"
	"millrace/internal/codec/h265"
	"millrace/internal/media"
)

// picture makes frames of one PID's pictures.
type picture struct {
	codec media.Codec
	track *media.Track
	// held are the H265 parameter sets in force: VPS, SPS, PPS.
	held [3][][]byte
}

// nals walks the NAL units of a byte stream (H.264 annex B). They alias b.
func nals(b []byte, each func(nal []byte)) {
	start := []byte{0, 0, 1}
	at := bytes.Index(b, start)
	for at >= 0 {
		b = b[at+len(start):]
		at = bytes.Index(b, start)
		nal := b
		if at >= 0 {
			nal = b[:at]
		}
		if nal = bytes.TrimRight(nal, "\x00"); len(nal) > 0 {
			each(nal)
		}
	}
}

// frame makes the frame of a unit's payload, which it copies; nil when there is
// no picture in it or nothing to decode it with. Its times are not set.
func (v *picture) frame(body []byte, reordered bool) *media.Frame {
	data := make([]byte, 0, len(body)+16) // start codes of 3 bytes grow
	if v.codec == media.H265 {
		return v.frame265(data, body, reordered)
	}
	nals(body, func(nal []byte) { data = h264.AppendNAL(data, nal) })
	u, err := h264.ParseUnit(data, 4)
	if err != nil || u.Slices == 0 {
		return nil
	}
	if len(u.Params) > 0 {
		v.merge(u.Params)
	}
	if v.track == nil {
		return nil
	}
	v.reorders(u.B || reordered)
	return &media.Frame{Track: v.track, Key: u.Key, Discardable: u.Discardable, Data: u.Data}
}

// merge takes parameter sets. A sequence that cannot be read changes nothing.
func (v *picture) merge(fresh [][]byte) {
	var held [][]byte
	if v.track != nil {
		held = v.track.Params
	}
	params, changed := h264.MergeParams(held, fresh)
	if !changed || h264.Type(params[len(params)-1]) != h264.TypePPS {
		return
	}
	current := params[0]
	for _, p := range fresh {
		if h264.Type(p) == h264.TypeSPS {
			current = p
		}
	}
	sps, err := h264.ParseSPS(current)
	if err != nil {
		return
	}
	was := v.track != nil && v.track.Reorder
	v.track = &media.Track{
		Kind: media.Video, Codec: media.H264, Params: params, Width: sps.Width, Height: sps.Height,
		Reorder: sps.Reorders() || sps.MaxReorder < 0 && was,
	}
}

// reorders notes that the sequence holds B-frames.
func (v *picture) reorders(seen bool) {
	if seen && !v.track.Reorder {
		t := *v.track
		t.Reorder = true
		v.track = &t
	}
}

// NAL unit types of H265 that are no part of a picture (table 7-1).
const (
	h265Delimiter = 35
	h265Filler    = 38
)

func (v *picture) frame265(data, body []byte, reordered bool) *media.Frame {
	key, slicesSeen, changed := false, 0, false
	var fresh [3][][]byte
	nals(body, func(nal []byte) {
		t, ok := h265.Type(nal)
		switch {
		case !ok, t >= h265Delimiter && t <= h265Filler:
		case h265.IsParam(t):
			fresh[t-h265.TypeVPS] = append(fresh[t-h265.TypeVPS], slices.Clone(nal))
		default:
			if h265.IsSlice(t) {
				slicesSeen++
				key = key || h265.IsStart(t)
			}
			data = h264.AppendNAL(data, nal)
		}
	})
	for i, sets := range fresh {
		if len(sets) > 0 && len(sets) <= maxSets && !slices.EqualFunc(sets, v.held[i], bytes.Equal) {
			v.held[i], changed = sets, true
		}
	}
	if changed && len(v.held[1]) > 0 && len(v.held[2]) > 0 {
		if w, h, ok := h265.Dimensions(v.held[1][0]); ok {
			was := v.track != nil && v.track.Reorder
			v.track = &media.Track{
				Kind: media.Video, Codec: media.H265, Params: slices.Concat(v.held[:]...), Width: w, Height: h, Reorder: was,
			}
		}
	}
	if slicesSeen == 0 || v.track == nil {
		return nil
	}
	v.reorders(reordered)
	return &media.Frame{Track: v.track, Key: key, Data: data}
}

// maxSets bounds how many parameter sets of a type are kept.
const maxSets = 16
