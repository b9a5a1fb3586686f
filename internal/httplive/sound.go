package httplive

import (
	"context"
	"fmt"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/flv"
)

// feedKey says which viewers share a feed.
type feedKey struct {
	name live.Name // of what was published
	opus bool      // they take sound as Opus
}

// fits refuses streams that FLV does not carry.
func fits(video, audio *media.Track) error {
	if err := pictureFits(video); err != nil {
		return err
	}
	if video == nil && !flv.Carries(audio) {
		return &catalog.Denied{Reason: reason.Codec, Detail: "the stream has nothing that FLV carries"}
	}
	return nil
}

// pictureFits refuses video that FLV does not carry here; nil is none.
func pictureFits(video *media.Track) error {
	if video == nil || flv.Carries(video) {
		return nil
	}
	return &catalog.Denied{
		Reason: reason.Codec,
		Detail: fmt.Sprintf("the stream's video is %s, which is not sent as FLV: play it over WebRTC", video.Codec),
	}
}

// hear returns a reader of source's stream whose sound every player of FLV
// takes: that of the AAC variant, which follows the source to whatever codec
// its publisher comes back with. Viewers that ask for Opus get the source as it
// is. So does everybody when there is no variant; its sound is left out then if
// it is Opus.
func (s *Server) hear(ctx context.Context, q wish, source *live.Reader) (*live.Reader, error) {
	if q.opus {
		return source, nil
	}
	limited, cancel := context.WithTimeout(ctx, s.config.StartTimeout)
	defer cancel()
	r, _, err := s.admission.Play(limited, q.Request, live.VariantAAC)
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
	if video == nil {
		return nil, &catalog.Denied{
			Reason: reason.Codec,
			Detail: "the stream's sound is Opus, which cannot be converted now: ask for it with " + audioArgument + "=" + audioOpus,
		}
	}
	s.log.Warn("stream is played without sound", "stream", source.Name().String(), "reason", string(reason.NoDecoder), "err", err)
	return source, nil
}
