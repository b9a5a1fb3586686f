package rtp

import "millrace/internal/media"

// Shape is what one RTP payload tells about its access unit without the rest
// of it.
type Shape struct {
	// Key says that the payload belongs to an access unit that decoding can
	// start at. Every slice of such an H264 or H265 picture tells, and so do
	// parameter sets; of VP8, VP9 and AV1 only the first payload does.
	Key bool
	// Discardable says that no other access unit refers to this one, as far as
	// the payload tells: false where it does not.
	Discardable bool
	// Params are the whole H264 or H265 parameter sets that it holds.
	// They share memory with the payload.
	Params [][]byte
	// Width and Height of the picture, where the payload tells (VP8, VP9 and
	// AV1 key frames); else 0. For H264 and H265 the parameter sets tell.
	Width, Height int
}

// Inspect reads a payload. ok is false for one that is malformed: no receiver
// can use it. It allocates only for payloads that hold parameter sets or, for
// VP9 and AV1, begin a key frame. Of sound nothing is to be known.
func Inspect(c media.Codec, payload []byte) (s Shape, ok bool) {
	if len(payload) == 0 {
		return Shape{}, false
	}
	switch c {
	case media.H264:
		return inspectH264(payload)
	case media.VP8:
		return inspectVP8(payload)
	case media.VP9:
		return inspectVP9(payload)
	case media.AV1:
		return inspectAV1(payload)
	case media.H265:
		return inspectH265(payload)
	case media.AAC, media.Opus:
		return Shape{}, true
	}
	return Shape{}, false
}
