package transcode

import (
	"millrace/internal/media"
	"millrace/internal/wire/flv"
)

// What ffmpeg reads from its pipe: FLV with one AAC track. It carries the
// AudioSpecificConfig of any kind of AAC, which ADTS does not, and one tag is
// one frame, which ffmpeg takes up without waiting for the next.

// appendPipeHeader appends the file header and the tag with the configuration.
func appendPipeHeader(b []byte, t *media.Track) ([]byte, error) {
	return flv.AppendConfig(flv.AppendFileHeader(b, nil, t), t, 0)
}

// appendPipeTag appends the tag of one access unit of t at a time in ms.
func appendPipeTag(b []byte, t *media.Track, ms int64, unit []byte) ([]byte, error) {
	tag, err := flv.Render(&media.Frame{Track: t, DTS: media.Time(ms * 1e6), PTS: media.Time(ms * 1e6), Data: unit}, 0)
	if err != nil {
		return b, err
	}
	return tag.Append(b), nil
}
