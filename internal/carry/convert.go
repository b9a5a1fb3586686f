package carry

import (
	"slices"

	"millrace/client"
	"millrace/internal/codec/h264"
	"millrace/internal/media"

	bytestream "github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// startCode goes before each NAL unit of a byte stream (H.264 annex B).
var startCode = []byte{0, 0, 0, 1}

// byteStream is a frame of H264 as client has it, parameter sets first.
func byteStream(f *media.Frame) []byte {
	b := make([]byte, 0, len(f.Data)+h264.ParamsSize(f.Track.Params))
	if f.Key {
		for _, p := range f.Track.Params {
			b = append(append(b, startCode...), p...)
		}
	}
	for nal := range h264.NALs(f.Data) {
		b = append(append(b, startCode...), nal...)
	}
	return b
}

// nals are the NAL units of a byte stream; none if it is not one.
func nals(b []byte) [][]byte {
	var all bytestream.AnnexB
	if err := all.Unmarshal(b); err != nil {
		return nil
	}
	return all
}

// describe is a track as client has it.
func describe(t *media.Track) *client.Track {
	if t == nil {
		return nil
	}
	out := &client.Track{
		Kind: client.Kind(t.Kind), Width: t.Width, Height: t.Height, BFrames: t.Reorder,
		SampleRate: t.SampleRate, Channels: t.Channels, Config: t.Config,
	}
	switch t.Codec {
	case media.H264:
		out.Codec, out.Config = client.H264, byteStream(&media.Frame{Track: t, Key: true})
	case media.AAC:
		out.Codec = client.AAC
	case media.Opus:
		out.Codec = client.Opus
	}
	return out
}

// track is the inverse of describe.
func track(t *client.Track) *media.Track {
	if t == nil {
		return nil
	}
	out := &media.Track{
		Kind: media.Kind(t.Kind), Width: t.Width, Height: t.Height, Reorder: t.BFrames,
		SampleRate: t.SampleRate, Channels: t.Channels, Config: t.Config,
	}
	switch t.Codec {
	case client.H264:
		out.Codec, out.Config = media.H264, nil
		out.Params, _ = h264.MergeParams(nil, nals(t.Config))
	case client.AAC:
		out.Codec = media.AAC
	case client.Opus:
		out.Codec = media.Opus
	}
	return out
}

// pick returns the track of a kind, or nil.
func pick(all []*client.Track, k client.Kind) *client.Track {
	if i := slices.IndexFunc(all, func(t *client.Track) bool { return t.Kind == k }); i >= 0 {
		return all[i]
	}
	return nil
}

// frame is an access unit as the FLV writer wants it.
func frame(u *client.AccessUnit, t *media.Track) *media.Frame {
	f := &media.Frame{Track: t, DTS: media.Time(u.DTS), PTS: media.Time(u.PTS), Key: u.Key, Data: u.Data}
	if t.Codec == media.H264 {
		f.Data = make([]byte, 0, len(u.Data)+16)
		for _, n := range nals(u.Data) {
			switch h264.Type(n) {
			case h264.TypeSPS, h264.TypePPS, h264.TypeDelimiter:
			default:
				f.Data = h264.AppendNAL(f.Data, n)
			}
		}
	}
	return f
}
