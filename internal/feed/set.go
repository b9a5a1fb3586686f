package feed

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// Admission decides who may play what.
type Admission interface {
	// Play returns a reader of the requested stream, which the caller owns.
	// It waits, bounded by ctx, until the stream's tracks are known. Its
	// errors are *catalog.Denied and those of package live.
	Play(ctx context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error)
}

// Wish is what a viewer asks for.
type Wish struct {
	catalog.Request
	// Opus says that the viewer takes Opus as it is.
	Opus bool
	// Without are the kinds that it does not want.
	Without [2]bool
}

// OnlyArguments fill in Without from the URL's arguments onlyaudio and
// onlyvideo. Somebody who asks for both gets both.
func (w *Wish) OnlyArguments(onlyAudio, onlyVideo string) {
	a, v := onlyAudio == "1", onlyVideo == "1"
	w.Without = [2]bool{media.Video: a && !v, media.Audio: v && !a}
}

// key says which viewers share a Feed.
type key struct {
	name live.Name // of what was published
	opus bool      // they take sound as Opus
}

// Set is the feeds of one protocol. All fields are required and set before use.
type Set struct {
	Admission Admission
	Renderer  Renderer
	Log       *slog.Logger
	// OnDrop counts frames that a whole stream was not sent.
	OnDrop func(why reason.Reason, frames uint64)
	// StartTimeout bounds the wait for a variant's tracks.
	StartTimeout time.Duration
	// MaxAge is the age of what a viewer has not been sent yet at which it
	// goes on at the newest key frame.
	MaxAge time.Duration

	mu    sync.Mutex
	feeds map[key]*Feed
}

// Join returns the Feed of the source's stream, starting it for the first
// viewer. It takes ownership of source. Whoever joins must Part.
func (s *Set) Join(ctx context.Context, w Wish, source *live.Reader) (*Feed, error) {
	k := key{source.Name(), w.Opus}
	if f := s.share(k); f != nil {
		source.Close()
		return f, nil
	}
	r, err := s.hear(ctx, w, source)
	if err != nil {
		source.Close()
		return nil, err
	}
	return s.start(ctx, newFeed(k, s.Renderer, source, r, s.MaxAge, s.OnDrop)), nil
}

// share counts a viewer in at the feed of k, if that runs.
func (s *Set) share(k key) *Feed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shareLocked(k)
}

func (s *Set) shareLocked(k key) *Feed {
	f := s.feeds[k]
	if f == nil || f.log.ended() {
		return nil
	}
	f.viewers++
	return f
}

// start runs f for its first viewer, unless another viewer has started one
// like it meanwhile.
func (s *Set) start(ctx context.Context, f *Feed) *Feed {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.shareLocked(f.key); other != nil {
		f.close()
		return other
	}
	f.viewers = 1
	if s.feeds == nil {
		s.feeds = map[key]*Feed{}
	}
	s.feeds[f.key] = f
	// The feed outlives the request that started it.
	ctx, f.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	go func() {
		defer close(f.done)
		f.run(ctx)
		f.close()
	}()
	return f
}

// Part ends the feed with its last viewer, and waits until it has ended.
func (s *Set) Part(f *Feed) {
	if s.leave(f) {
		f.cancel(live.ErrClosed)
		<-f.done
	}
}

// leave counts a viewer out and says whether it was the last one.
func (s *Set) leave(f *Feed) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.viewers--; f.viewers > 0 {
		return false
	}
	if s.feeds[f.key] == f {
		delete(s.feeds, f.key)
	}
	return true
}

// Wanted is t, or nil where the viewer does not want its kind; t may be nil.
func (w Wish) Wanted(t *media.Track) *media.Track {
	if t == nil || w.Without[t.Kind] {
		return nil
	}
	return t
}
