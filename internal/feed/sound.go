package feed

import (
	"context"
	"fmt"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// Fits refuses streams that r does not carry. Either track may be nil.
func Fits(r Renderer, video, audio *media.Track) error {
	if err := pictureFits(r, video); err != nil {
		return err
	}
	if video == nil && !r.Carries(audio) {
		return &catalog.Denied{Reason: reason.Codec, Detail: "the stream has nothing that can be sent this way"}
	}
	return nil
}

// pictureFits refuses video that r does not carry; nil is none.
func pictureFits(r Renderer, video *media.Track) error {
	if video == nil || r.Carries(video) {
		return nil
	}
	return &catalog.Denied{
		Reason: reason.Codec,
		Detail: fmt.Sprintf("the stream's video is %s, which is not sent this way: play it over WebRTC", video.Codec),
	}
}

// hear returns a reader of source's stream whose sound every player takes: that
// of the AAC variant, which follows the source to whatever codec its publisher
// comes back with. Viewers that take Opus get the source as it is. So does
// everybody when there is no variant; its sound is left out then if it is Opus.
func (s *Set) hear(ctx context.Context, w Wish, source *live.Reader) (*live.Reader, error) {
	if w.Opus {
		return source, nil
	}
	limited, cancel := context.WithTimeout(ctx, s.StartTimeout)
	defer cancel()
	r, _, err := s.Admission.Play(limited, w.Request, live.VariantAAC)
	if err == nil {
		return r, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	video, audio := source.Tracks()
	if audio == nil || audio.Codec != media.Opus {
		return source, nil
	}
	if video == nil || w.Without[media.Video] {
		return nil, &catalog.Denied{
			Reason: reason.Codec,
			Detail: "the stream's sound is Opus, which cannot be converted now: ask for it with audio=opus",
		}
	}
	s.Log.Warn("stream is played without sound", "stream", source.Name().String(), "reason", string(reason.NoDecoder), "err", err)
	return source, nil
}
