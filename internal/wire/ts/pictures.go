package ts

import "millrace/internal/media"

// Pictures makes frames of access units of H264 or H265 that come in another
// container than MPEG-TS, with their parameter sets in band. One goroutine uses it.
type Pictures struct{ picture picture }

// NewPictures returns a Pictures of a codec.
func NewPictures(c media.Codec) *Pictures { return &Pictures{picture{codec: c}} }

// Frame makes the frame of an access unit with start codes (H.264 annex B), which
// it copies; nil when there is no picture in it or nothing to decode it with.
// reordered says that PTS is not DTS. Times are not set.
func (p *Pictures) Frame(unit []byte, reordered bool) *media.Frame {
	return p.picture.frame(unit, reordered)
}
