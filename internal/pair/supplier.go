package pair

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"millrace/internal/live"
)

// proto is what pairs are published by, for logs.
const proto = "pair"

// Supplier makes the pairs of any stream of a hub, while somebody reads them.
type Supplier struct {
	hub *live.Hub
	log *slog.Logger
}

var _ live.Supplier = (*Supplier)(nil)

// NewSupplier returns a supplier for hub; the caller adds it there. It starts
// nothing.
func NewSupplier(hub *live.Hub, log *slog.Logger) *Supplier { return &Supplier{hub, log} }

// Supplies says whether n names two tracks.
func (s *Supplier) Supplies(n live.Name) bool {
	return n.Variant == "" && strings.Contains(n.Track, ",")
}

// Supply publishes the pair n, that of pictures first, until ctx ends or the stream
// of one of the two does. It fails with what that fails with, like live.ErrNotFound.
func (s *Supplier) Supply(ctx context.Context, n live.Name) error {
	pictures, sound := n, n
	pictures.Track, sound.Track, _ = strings.Cut(n.Track, ",")
	video, err := s.hub.Subscribe(ctx, pictures)
	if err != nil {
		return fmt.Errorf("pair %s: %w", n, err)
	}
	defer video.Close()
	audio, err := s.hub.Subscribe(ctx, sound)
	if err != nil {
		return fmt.Errorf("pair %s: %w", n, err)
	}
	defer audio.Close()
	pub, err := s.hub.Publish(n, proto, "")
	if err != nil {
		return fmt.Errorf("pair %s: %w", n, err)
	}
	// Publishers of several tracks speak RTMP, and cannot be asked for key frames.
	pub.Describe(video.Description())
	p := newPair(pub, video, audio)
	err = p.run(ctx)
	why := live.ReasonOf(err)
	pub.Close(why)
	s.log.InfoContext(context.WithoutCancel(ctx), "pair closed", "stream", n.String(), "reason", string(why), "err", err, "frames", p.frames)
	return fmt.Errorf("pair %s: %w", n, err)
}
