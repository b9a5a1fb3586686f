package httplive

import (
	"net"

	"millrace/internal/feed"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/wire/flv"
)

// renderer renders media as FLV tags.
type renderer struct{}

func (renderer) Carries(t *media.Track) bool { return flv.Carries(t) }

func (renderer) Header(video, audio *media.Track) []byte {
	return flv.AppendFileHeader(nil, video, audio)
}

func (renderer) Describe(video, audio *media.Track, more media.Metadata, at uint32) []byte {
	return flv.AppendDescription(nil, video, audio, more, at)
}

func (renderer) Script(body []byte, at uint32) []byte { return flv.AppendScript(nil, body, at) }

func (renderer) Config(t *media.Track, at uint32) ([]byte, error) {
	return flv.AppendConfig(nil, t, at)
}

func (renderer) Frame(f *media.Frame, base media.Time) (net.Buffers, error) {
	t, err := flv.Render(f, base)
	return net.Buffers{t.Head, t.Body, t.Tail}, err
}

// fits refuses what cannot be sent of the tracks that q wants.
func (s *Server) fits(q wish, source *live.Reader) error {
	video, audio := source.Tracks()
	return feed.Fits(renderer{}, q.Wanted(video), q.Wanted(audio))
}
