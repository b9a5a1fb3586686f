package signal

import (
	"context"
	"errors"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

// choose decides what of the stream goes to the viewer, and from which variant
// of it. It takes over r, and returns it or the variant's reader, which is then
// the caller's; on an error there is none.
func (s *Server) choose(ctx context.Context, q catalog.Request, offer *sdp.Offer, w wish, r *live.Reader, mode catalog.Mode) (*live.Reader, sdp.Selection, error) {
	if variant := soundFor(offer, r); w.audio && variant != "" {
		converted, err := s.convert(ctx, q, offer, w, r, mode, variant)
		if err != nil {
			r.Close()
			return nil, sdp.Selection{}, err
		}
		if converted != nil {
			r.Close()
			r = converted
		}
	}
	video, audio := w.tracks(r)
	sel, err := offer.SelectPlay(video, audio)
	if err != nil {
		r.Close()
		return nil, sdp.Selection{}, err
	}
	if sel.Audio == nil && w.audio && offer.Wants(media.Audio) {
		s.silent(q, r, audio)
	}
	return r, sel, nil
}

// soundFor names the variant of the stream that the viewer can hear, "" where
// that is the stream itself or no conversion helps.
func soundFor(offer *sdp.Offer, r *live.Reader) string {
	_, audio := r.Tracks()
	switch {
	case audio == nil:
	case audio.Codec == media.AAC && offer.TakesOpus() && !offer.TakesAAC():
		return live.VariantOpus
	case audio.Codec == media.Opus && offer.TakesAAC() && !offer.TakesOpus():
		return live.VariantAAC
	}
	return ""
}

// convert returns a reader of the named variant of the stream. It is nil without
// an error when there is none to be had and a picture to show all the same. The
// source's reader stays open meanwhile, so that its stream is not given up.
func (s *Server) convert(ctx context.Context, q catalog.Request, offer *sdp.Offer, w wish, source *live.Reader, mode catalog.Mode, variant string) (*live.Reader, error) {
	video, audio := w.tracks(source)
	useless := "the stream's audio is " + audio.Codec.String() + ", the offer takes none, and "
	if mode == catalog.HalfSecond {
		return nil, &sdp.Mismatch{Reason: reason.Codec, Detail: useless + "a half-second domain converts nothing"}
	}
	picture := video != nil && offer.Wants(media.Video)
	if picture {
		if _, err := offer.SelectPlay(video, nil); err != nil {
			return nil, err // before a conversion is started for nobody
		}
	}
	r, _, err := s.admission.Play(ctx, q, variant)
	if err == nil {
		return r, nil
	}
	var denied *catalog.Denied
	switch {
	case errors.As(err, &denied), ctx.Err() != nil, errors.Is(err, live.ErrShutdown):
		return nil, err
	case !picture && errors.Is(err, live.ErrNotFound):
		return nil, &sdp.Mismatch{Reason: reason.Codec, Detail: useless + "this server cannot convert it"}
	case !picture:
		return nil, err
	}
	return nil, nil
}

// tracks returns the reader's tracks that the viewer asked for.
func (w wish) tracks(r *live.Reader) (video, audio *media.Track) {
	video, audio = r.Tracks()
	if !w.video {
		video = nil
	}
	if !w.audio {
		audio = nil
	}
	return video, audio
}

// silent notes that a viewer gets no sound from a stream that has some.
func (s *Server) silent(q catalog.Request, r *live.Reader, audio *media.Track) {
	switch {
	case audio != nil:
		s.metrics.mute(q.Protocol, reason.Codec)
	case r.Name().Variant != "":
		s.metrics.mute(q.Protocol, reason.NoDecoder)
	}
}
