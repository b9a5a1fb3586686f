package srt

import (
	"net"

	"millrace/internal/feed"
	"millrace/internal/media"
	"millrace/internal/wire/ts"
)

// renderer renders media as MPEG-TS.
type renderer struct{ mux *ts.Muxer }

// Fresh returns a renderer for one feed: continuity counters go on within it.
func (*renderer) Fresh() feed.Renderer { return &renderer{mux: ts.NewMuxer()} }

func (*renderer) Carries(t *media.Track) bool { return ts.Carries(t) }

// Header is empty: tables come with the first frame.
func (*renderer) Header(_, _ *media.Track) []byte { return nil }

func (*renderer) Describe(_, _ *media.Track, _ media.Metadata, _ uint32) []byte { return nil }

func (*renderer) Script([]byte, uint32) []byte { return nil }

// Config has no bytes of its own: the next frame brings tables and parameters.
func (r *renderer) Config(t *media.Track, _ uint32) ([]byte, error) { return []byte{}, r.mux.Set(t) }

func (r *renderer) Frame(f *media.Frame, base media.Time) (net.Buffers, error) {
	b, err := r.mux.Frame(f, base)
	return net.Buffers{b}, err
}
