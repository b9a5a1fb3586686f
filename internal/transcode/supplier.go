package transcode

import (
	"context"
	"fmt"
	"log/slog"

	"millrace/internal/live"
)

// Options configure a Supplier.
type Options struct {
	// FFmpeg is the path of the program for kinds of AAC that are not decoded
	// in process (see FindFFmpeg); "" means that there is none. Opus and AAC-LC
	// never need it.
	FFmpeg  string
	Metrics *Metrics     // required
	Log     *slog.Logger // nil: silent
}

// Supplier makes the Opus and the AAC variant of any stream of a hub, while
// somebody reads them.
type Supplier struct {
	hub     *live.Hub
	options Options
	filters *filters
}

var _ live.Supplier = (*Supplier)(nil)

// NewSupplier returns a supplier for hub; the caller adds it there.
func NewSupplier(hub *live.Hub, o Options) *Supplier {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Supplier{hub: hub, options: o, filters: &filters{}}
}

// Supplies says whether n names an Opus or an AAC variant.
func (s *Supplier) Supplies(n live.Name) bool {
	return n.Variant == live.VariantOpus || n.Variant == live.VariantAAC
}

// Supply publishes the variant n of its source until ctx ends or the source
// does. It fails with what the source fails with, like live.ErrNotFound.
func (s *Supplier) Supply(ctx context.Context, n live.Name) error {
	source, err := s.hub.Subscribe(ctx, n.Source())
	if err != nil {
		return fmt.Errorf("supply %s: %w", n, err)
	}
	defer source.Close()
	pub, err := s.hub.Publish(n, n.Variant, "")
	if err != nil {
		return fmt.Errorf("supply %s: %w", n, err)
	}
	// Who wants to begin with a picture now asks whoever has the camera, and who
	// goes over from the source or to it goes on where it was.
	pub.MadeOf(source)
	v := newVariant(s, n, source, pub)
	err = v.run(ctx)
	why := live.ReasonOf(err)
	pub.Close(why)
	s.options.Log.Info("variant closed", "stream", n.String(), "reason", string(why), "err", err,
		"frames", v.counts.frames, "packets", v.counts.made,
		"undecoded", v.counts.failed, "jumps", v.counts.jumps, "lost", v.counts.gone)
	return fmt.Errorf("supply %s: %w", n, err)
}
