package flv

import (
	"millrace/internal/codec/av1"
	"millrace/internal/codec/h265"
	"millrace/internal/codec/vp9"
	"millrace/internal/media"
)

// fourCCs are the names of video codecs that the enhanced form alone carries.
var fourCCs = map[media.Codec]string{media.H265: "hvc1", media.AV1: "av01", media.VP9: "vp09"}

// FourCC is the name of a codec in the enhanced form; "" where it has none here.
func FourCC(c media.Codec) string {
	switch c {
	case media.H264:
		return fourAVC
	case media.AAC:
		return fourAAC
	case media.Opus:
		return fourOpus
	}
	return fourCCs[c]
}

// codecOf is the inverse of FourCC for video.
func codecOf(four string) (media.Codec, bool) {
	for _, c := range []media.Codec{media.H264, media.H265, media.AV1, media.VP9} {
		if FourCC(c) == four {
			return c, true
		}
	}
	return 0, false
}

// record is the configuration record of a video track in the enhanced form.
func record(t *media.Track) ([]byte, error) {
	switch t.Codec {
	case media.H265:
		return h265.BuildConfig(t.Params)
	case media.AV1:
		if len(t.Params) == 0 {
			return nil, unsupported(t.Codec)
		}
		return av1.BuildConfig(t.Params[0])
	case media.VP9:
		if len(t.Config) > 0 {
			return t.Config, nil
		}
		return vp9.ParseConfig(nil).Record(), nil
	}
	return nil, unsupported(t.Codec)
}

// enhancedHead appends what stands before a frame's data.
func enhancedHead(b []byte, f *media.Frame, cts int64) []byte {
	first := byte(videoExHeader | frameInter<<4)
	if f.Key {
		first = videoExHeader | frameKey<<4
	}
	four := fourCCs[f.Track.Codec]
	switch {
	case f.Track.Codec != media.H265:
		return append(append(b, first|exCodedFrames), four...)
	case cts == 0:
		return append(append(b, first|exCodedFramesX), four...)
	}
	return append(append(append(b, first|exCodedFrames), four...), byte(cts>>16), byte(cts>>8), byte(cts))
}
