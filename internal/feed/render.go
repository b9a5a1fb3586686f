package feed

import (
	"net"

	"millrace/internal/media"
)

// Renderer turns media into the bytes of one protocol. Any number of goroutines
// may use it. What it returns is shared by all viewers.
type Renderer interface {
	// Carries says whether t, which may be nil, can be sent.
	Carries(t *media.Track) bool
	// Prelude is what every viewer gets first. Either track may be nil.
	Prelude(video, audio *media.Track) []byte
	// Config is what a decoder is told about t before its frames, with the
	// given timestamp in milliseconds. It fails when t's parameters are missing.
	Config(t *media.Track, at uint32) ([]byte, error)
	// Frame is f in pieces, of which f.Data may be some. base is the point of
	// f's scale that becomes timestamp 0.
	Frame(f *media.Frame, base media.Time) (net.Buffers, error)
}
