package feed

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// feedStart is the timestamp of a feed's first frame. The track that comes
// second may start that much earlier and still keep its distance.
const feedStart = media.Time(500 * time.Millisecond)

// soundWait is how long sound waits for a picture to be sent with. A wake-up and
// a write cost a viewer the same however small they are; without this, sound
// takes more than half of them.
const soundWait = 40 * time.Millisecond

// codecCheck is how often a Feed looks whether the stream is still one that can be
// sent: of other video, there may be no frames that would tell.
const codecCheck = 500 * time.Millisecond

const (
	// oldKey is how old the newest key frame may be for a viewer to begin with.
	oldKey = time.Second
	// keyWait is how long a viewer waits for a newer one, which comes a round
	// trip after it was asked for.
	keyWait = time.Second
)

// Feed reads one stream and renders each frame once, for all its viewers. A Set
// makes them.
type Feed struct {
	key      key
	renderer Renderer
	// source is what was published, and reader the variant of it that is
	// rendered, or the same. Both are owned. Next is called by one goroutine at
	// a time, and of reader alone.
	source, reader *live.Reader
	log            *frameLog
	onDrop         func(why reason.Reason, frames uint64)
	cancel         context.CancelCauseFunc
	done           chan struct{} // closed when the feed has ended

	prefill sync.Once
	placed  bool
	base    media.Time
	configs [2]*config
	waiting time.Time // since when sound waits; zero: none does

	walkers walkers
	viewers int // guarded by Set.mu
}

// newFeed makes a feed that owns both readers.
func newFeed(k key, renderer Renderer, source, r *live.Reader, maxAge time.Duration, onDrop func(reason.Reason, uint64)) *Feed {
	f := &Feed{key: k, renderer: fresh(renderer), source: source, reader: r, log: newFrameLog(maxAge), onDrop: onDrop, done: make(chan struct{})}
	video, audio := f.tracks()
	for kind, t := range []*media.Track{video, audio} {
		if t != nil {
			f.configs[kind] = f.newConfig(t, 0)
		}
	}
	f.log.configs = f.configs
	return f
}

// close gives the readers up.
func (f *Feed) close() {
	f.reader.Close()
	f.source.Close()
}

// tracks returns those that viewers get; either may be nil.
func (f *Feed) tracks() (video, audio *media.Track) {
	video, audio = f.reader.Tracks()
	if audio != nil && !f.takes(audio) {
		audio = nil
	}
	return video, audio
}

// takes says whether viewers get sound, or pictures, of t: Opus, if they asked
// for it.
func (f *Feed) takes(t *media.Track) bool { return t.Codec != media.Opus || f.key.opus }

// fill renders what the stream has cached, so that the first viewer gets it in
// one write. It does not block; whoever calls it first does the work.
func (f *Feed) fill() {
	f.prefill.Do(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // Next then returns what is there and waits for nothing
		for {
			frame, err := f.reader.Next(ctx)
			if err != nil {
				return // an end of the stream comes again in run
			}
			f.render(frame)
		}
	})
}

// run renders frames until the stream ends, ctx does, or the video becomes such
// that it cannot be sent.
func (f *Feed) run(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { f.watch(ctx, cancel) })
	defer watching.Wait()
	defer cancel(nil)
	defer f.walkers.close()
	f.fill()
	for {
		frame, err := f.next(ctx)
		if err != nil {
			f.log.close(err)
			break
		}
		f.render(frame)
	}
	for why, frames := range f.reader.Skips() {
		f.onDrop(why, frames)
	}
}

// freshen asks the publisher for a key frame if the newest one is old, and waits
// for it a while, so that a viewer who joins begins with the present. A publisher
// that cannot be asked is not waited for.
func (f *Feed) freshen(ctx context.Context) {
	old, age, head, ok := f.log.newestKey()
	if !ok || age < oldKey || !f.source.RequestKey() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, keyWait)
	defer cancel()
	for f.log.wait(ctx, head, nil) == nil && !f.log.ended() {
		var newest int64
		if newest, _, head, ok = f.log.newestKey(); ok && newest > old {
			return
		}
	}
}

// watch calls end when the video cannot be sent any more.
func (f *Feed) watch(ctx context.Context, end context.CancelCauseFunc) {
	tick := time.NewTicker(codecCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		video, _ := f.source.Tracks()
		if err := pictureFits(f.renderer, video); err != nil {
			end(err)
			return
		}
	}
}

// next returns the next frame, and lets waiting sound go in time.
func (f *Feed) next(ctx context.Context) (*media.Frame, error) {
	if f.waiting.IsZero() {
		return f.reader.Next(ctx)
	}
	limited, cancel := context.WithDeadline(ctx, f.waiting.Add(soundWait))
	defer cancel()
	frame, err := f.reader.Next(limited)
	if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return frame, err
	}
	f.log.wake()
	f.waiting = time.Time{}
	return f.reader.Next(ctx)
}

// goesNow says whether a frame is sent at once, and notes since when sound waits.
func (f *Feed) goesNow(video bool) bool {
	now := time.Now()
	if video || f.configs[media.Video] == nil || !f.waiting.IsZero() && now.Sub(f.waiting) >= soundWait {
		f.waiting = time.Time{}
		return true
	}
	if f.waiting.IsZero() {
		f.waiting = now
	}
	return false
}

func (f *Feed) render(frame *media.Frame) {
	if !f.takes(frame.Track) {
		f.onDrop(reason.NoDecoder, 1)
		return
	}
	if !f.placed {
		f.placed, f.base = true, frame.DTS-feedStart
	}
	f.say(frame)
	kind := frame.Track.Kind
	if c := f.configs[kind]; c == nil || c.track != frame.Track {
		f.configs[kind] = f.newConfig(frame.Track, timestamp(frame.DTS, f.base))
	}
	if f.configs[kind].bytes == nil {
		f.onDrop(reason.UnsupportedMsg, 1)
		return
	}
	pieces, err := f.renderer.Frame(frame, f.base)
	if err != nil {
		f.onDrop(reason.UnsupportedMsg, 1)
		return
	}
	video := kind == media.Video
	f.log.append(entry{
		pieces: pieces, size: Length(pieces), at: frame.DTS, kind: kind, configs: f.configs,
		key: frame.Key && (video || f.configs[media.Video] == nil),
	}, f.goesNow(video))
}

// say renders what the publisher has said before frame. It goes out with that.
func (f *Feed) say(frame *media.Frame) {
	for _, body := range frame.Scripts {
		at := timestamp(frame.DTS, f.base)
		var b []byte
		describes := media.Describes(body)
		if describes {
			video, audio := f.tracks()
			b = f.renderer.Describe(video, audio, f.source.Description(), at)
		} else {
			b = f.renderer.Script(body, at)
		}
		if b != nil {
			f.log.append(entry{pieces: net.Buffers{b}, size: len(b), at: frame.DTS, script: true, describes: describes, configs: f.configs}, false)
		}
	}
}

// newConfig renders the configuration of t. Tracks that cannot be sent, or whose
// parameters are not known yet, have none: their frames are left out.
func (f *Feed) newConfig(t *media.Track, at uint32) *config {
	bytes, err := f.renderer.Config(t, at)
	if err != nil {
		bytes = nil
	}
	return &config{track: t, bytes: bytes}
}

// prelude is what a viewer without the given kinds gets first.
func (f *Feed) prelude(without [2]bool) []byte {
	video, audio := f.tracks()
	if without[media.Video] {
		video = nil
	}
	if without[media.Audio] {
		audio = nil
	}
	return append(f.renderer.Header(video, audio), f.renderer.Describe(video, audio, f.source.Description(), 0)...)
}

// timestamp converts t to milliseconds since base, modulo 2^32.
func timestamp(t, base media.Time) uint32 { return uint32(max(0, (t - base).Millis())) }
