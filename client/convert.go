package client

import (
	"bytes"
	"errors"
	"fmt"

	"millrace/internal/codec/aac"
	"millrace/internal/codec/h264"
	"millrace/internal/media"
)

// startCode is what a Player puts before NAL units. A Publisher takes the short
// form of three bytes as well.
var startCode = []byte{0, 0, 0, 1}

// splitAnnexB returns the NAL units of a byte stream (H.264 annex B), which
// alias it.
func splitAnnexB(b []byte) [][]byte {
	var nals [][]byte
	at := bytes.Index(b, startCode[1:])
	for at >= 0 {
		b = b[at+3:]
		at = bytes.Index(b, startCode[1:])
		nal := b
		if at >= 0 {
			nal = b[:at]
		}
		if nal = bytes.TrimRight(nal, "\x00"); len(nal) > 0 { // trailing_zero_8bits
			nals = append(nals, nal)
		}
	}
	return nals
}

// joinAnnexB puts parameter sets and NAL units with 4-byte lengths behind start codes.
func joinAnnexB(params [][]byte, data []byte) []byte {
	b := make([]byte, 0, len(data)+h264.ParamsSize(params))
	for _, p := range params {
		b = append(append(b, startCode...), p...)
	}
	for nal := range h264.NALs(data) {
		b = append(append(b, startCode...), nal...)
	}
	return b
}

// errEmpty says that an access unit holds nothing to decode.
var errEmpty = errors.New("access unit holds no slice")

// frame makes a frame of a published unit. track is what has been announced; a
// unit of video that brings new parameter sets gets a new one.
func (u *AccessUnit) frame(track *media.Track) (*media.Frame, error) {
	f := &media.Frame{Track: track, DTS: media.Time(u.DTS), PTS: media.Time(u.PTS), Key: true, Data: u.Data}
	if !u.Capture.IsZero() {
		f.Capture = u.Capture.UnixNano()
	}
	if track.Codec != media.H264 {
		f.PTS = f.DTS
		return f, nil
	}
	var lengths []byte
	for _, nal := range splitAnnexB(u.Data) {
		lengths = h264.AppendNAL(lengths, nal)
	}
	unit, err := h264.ParseUnit(lengths, 4)
	if err != nil {
		return nil, fmt.Errorf("read access unit: %w", err)
	}
	if unit.Slices == 0 {
		return nil, errEmpty
	}
	if params, changed := h264.MergeParams(track.Params, unit.Params); changed {
		t := *track
		t.Params = params
		f.Track = &t
	}
	f.Key, f.Discardable, f.Data = unit.Key, unit.Discardable, unit.Data
	return f, nil
}

// track returns the description that is used inside, or why t cannot be sent.
func (t *Track) track() (*media.Track, error) {
	out := &media.Track{Width: t.Width, Height: t.Height, Reorder: t.BFrames, SampleRate: t.SampleRate, Channels: t.Channels}
	switch {
	case t.Kind == Video && t.Codec == H264:
		out.Kind, out.Codec = media.Video, media.H264
		out.Params, _ = h264.MergeParams(nil, splitAnnexB(t.Config))
	case t.Kind == Audio && t.Codec == AAC:
		c, err := aac.ParseConfig(t.Config)
		if err != nil {
			return nil, &TrackError{Kind: t.Kind, Codec: t.Codec, Detail: err.Error()}
		}
		out.Kind, out.Codec, out.Config = media.Audio, media.AAC, t.Config
		out.SampleRate, out.Channels = c.OutputRate, c.Channels
	case t.Kind == Audio && t.Codec == Opus:
		out.Kind, out.Codec, out.SampleRate = media.Audio, media.Opus, 48000
		if out.Channels == 0 {
			out.Channels = 2
		}
	default:
		return nil, &TrackError{Kind: t.Kind, Codec: t.Codec, Detail: "this codec cannot be sent"}
	}
	return out, nil
}

// trackOf is the inverse of Track.track.
func trackOf(t *media.Track) *Track {
	out := &Track{Width: t.Width, Height: t.Height, BFrames: t.Reorder, SampleRate: t.SampleRate, Channels: t.Channels, Config: t.Config}
	switch t.Codec {
	case media.H264:
		out.Codec, out.Config = H264, joinAnnexB(t.Params, nil)
	case media.AAC:
		out.Kind, out.Codec = Audio, AAC
	default:
		out.Kind, out.Codec = Audio, Opus
	}
	return out
}
