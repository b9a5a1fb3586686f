package rtp

import "millrace/internal/media"

// Shape is what one RTP payload tells about its access unit without the rest
// of it.
type Shape struct {
	// Key says that the payload belongs to an access unit that decoding can
	// start at. Where only the first payload tells (VP8, AV1), others do not.
	Key bool
	// Discardable says that no other access unit refers to this one, as far as
	// the payload tells.
	Discardable bool
	// Params are the whole H264 or H265 parameter sets that it holds.
	// They share memory with the payload.
	Params [][]byte
	// Width and Height of the picture, where the payload tells (VP8 and VP9
	// key frames); else 0.
	Width, Height int
}

// Inspect reads a payload. ok is false for one that is malformed.
func Inspect(c media.Codec, payload []byte) (s Shape, ok bool) { return Shape{}, false }
