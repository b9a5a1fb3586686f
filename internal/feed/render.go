package feed

import (
	"net"

	"millrace/internal/media"
)

// Renderer turns media into the bytes of one protocol. Any number of goroutines
// may use it. What it returns is shared by all viewers.
//
// One whose bytes depend on what it rendered before has a method Fresh: each
// Feed then renders with one of its own, from one goroutine at a time but for
// Carries, Header and Describe.
type Renderer interface {
	// Carries says whether t, which may be nil, can be sent.
	Carries(t *media.Track) bool
	// Header is what every viewer gets first. Either track may be nil.
	Header(video, audio *media.Track) []byte
	// Describe tells viewers of the stream, behind the Header and when that changes,
	// with the given timestamp in milliseconds. Either track may be nil. more is what
	// the publisher has said besides. It is nil where the protocol has no such thing.
	Describe(video, audio *media.Track, more media.Metadata, at uint32) []byte
	// Script is one of a frame's Scripts, with the given timestamp in
	// milliseconds; nil where the protocol has no such thing.
	Script(body []byte, at uint32) []byte
	// Config is what a decoder is told about t before its frames, with the
	// given timestamp in milliseconds. It fails when t's parameters are missing.
	Config(t *media.Track, at uint32) ([]byte, error)
	// Frame is f in pieces, of which f.Data may be some. base is the point of
	// f's scale that becomes timestamp 0.
	Frame(f *media.Frame, base media.Time) (net.Buffers, error)
}

// fresh is the Renderer that a new Feed renders with.
func fresh(r Renderer) Renderer {
	if of, ok := r.(interface{ Fresh() Renderer }); ok {
		return of.Fresh()
	}
	return r
}
