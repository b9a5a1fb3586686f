package flv

import (
	"fmt"

	"millrace/internal/codec/h264"
	"millrace/internal/codec/opus"
	"millrace/internal/media"
)

// AppendFileHeader appends the file header, which promises the tracks that are
// not nil, and PreviousTagSize 0.
func AppendFileHeader(b []byte, video, audio *media.Track) []byte {
	flags := byte(0)
	if Carries(video) {
		flags |= flagVideo
	}
	if Carries(audio) {
		flags |= flagAudio
	}
	return append(b, 'F', 'L', 'V', 1, flags, 0, 0, 0, fileHeaderSize, 0, 0, 0, 0)
}

// AppendConfig appends the tag that tells a decoder about t (the "sequence
// header"), with the given timestamp in milliseconds. It fails when t's codec
// is not carried or its parameters are missing.
func AppendConfig(b []byte, t *media.Track, at uint32) ([]byte, error) {
	switch t.Codec {
	case media.H264:
		record, err := h264.BuildConfig(t.Params)
		if err != nil {
			return b, fmt.Errorf("write H264 configuration: %w", err)
		}
		body := append([]byte{frameKey<<4 | videoAVC, packetConfig, 0, 0, 0}, record...)
		return appendTag(b, tagVideo, at, body), nil
	case media.H265, media.AV1, media.VP9:
		record, err := record(t)
		if err != nil {
			return b, fmt.Errorf("write %s configuration: %w", t.Codec, err)
		}
		body := append([]byte{videoExHeader | frameKey<<4 | exSequenceStart}, fourCCs[t.Codec]...)
		return appendTag(b, tagVideo, at, append(body, record...)), nil
	case media.AAC:
		if len(t.Config) == 0 {
			return b, fmt.Errorf("write AAC configuration: %w", ErrUnsupported)
		}
		return appendTag(b, tagAudio, at, append([]byte{aacHead, packetConfig}, t.Config...)), nil
	case media.Opus:
		body := append([]byte{soundExHeader<<4 | exSequenceStart}, fourOpus...)
		return appendTag(b, tagAudio, at, appendOpusHead(body, t)), nil
	}
	return b, unsupported(t.Codec)
}

// appendOpusHead appends the identification header; a source that brings none
// gets one without pre-skip, as WebRTC has no such thing.
func appendOpusHead(b []byte, t *media.Track) []byte {
	if len(t.Config) > 0 {
		return append(b, t.Config...)
	}
	channels := t.Channels
	if channels != 1 {
		channels = 2
	}
	return opus.Head{Channels: channels, InputRate: opus.Rate}.Append(b)
}
