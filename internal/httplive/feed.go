package httplive

import (
	"context"
	"errors"
	"sync"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/flv"
)

// feedStart is the timestamp of a feed's first frame. The track that comes
// second may start that much earlier and still keep its distance.
const feedStart = media.Time(500 * time.Millisecond)

// soundWait is how long sound waits for a picture to be sent with. A wake-up and
// a write cost a viewer the same however small they are; without this, sound
// takes more than half of them.
const soundWait = 40 * time.Millisecond

// codecCheck is how often a feed looks whether the stream is still one that FLV
// carries: of other video, there may be no frames that would tell.
const codecCheck = 500 * time.Millisecond

const (
	// oldKey is how old the newest key frame may be for a viewer to begin with.
	oldKey = time.Second
	// keyWait is how long a viewer waits for a newer one, which comes a round
	// trip after it was asked for.
	keyWait = time.Second
)

// feed reads one stream and renders each frame once, for all its viewers.
type feed struct {
	key feedKey
	// source is what was published, and reader the variant of it that is
	// rendered, or the same. Both are owned. Next is called by one goroutine at
	// a time, and of reader alone.
	source, reader *live.Reader
	log            *tagLog
	onDrop         func(why reason.Reason, frames uint64)
	cancel         context.CancelCauseFunc

	prefill sync.Once
	placed  bool
	base    media.Time
	configs [2]*config
	waiting time.Time // since when sound waits; zero: none does

	viewers int // guarded by Server.mu
}

// newFeed makes a feed that owns both readers.
func newFeed(key feedKey, source, r *live.Reader, maxAge time.Duration, onDrop func(reason.Reason, uint64)) *feed {
	f := &feed{key: key, source: source, reader: r, log: newTagLog(maxAge), onDrop: onDrop}
	video, audio := f.tracks()
	for kind, t := range []*media.Track{video, audio} {
		if t != nil {
			f.configs[kind] = newConfig(t, 0)
		}
	}
	f.log.configs = f.configs
	return f
}

// close gives the readers up.
func (f *feed) close() {
	f.reader.Close()
	f.source.Close()
}

// tracks returns those that viewers get; either may be nil.
func (f *feed) tracks() (video, audio *media.Track) {
	video, audio = f.reader.Tracks()
	if audio != nil && !f.takes(audio) {
		audio = nil
	}
	return video, audio
}

// takes says whether viewers get sound, or pictures, of t: Opus, if they asked
// for it.
func (f *feed) takes(t *media.Track) bool { return t.Codec != media.Opus || f.key.opus }

// fill renders what the stream has cached, so that the first viewer gets it in
// one write. It does not block; whoever calls it first does the work.
func (f *feed) fill() {
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
// that FLV does not carry it.
func (f *feed) run(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { f.watch(ctx, cancel) })
	defer watching.Wait()
	defer cancel(nil)
	f.fill()
	for {
		frame, err := f.next(ctx)
		if err != nil {
			f.log.end(err)
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
func (f *feed) freshen(ctx context.Context) {
	old, age, head, ok := f.log.newestKey()
	if !ok || age < oldKey || !f.source.RequestKey() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, keyWait)
	defer cancel()
	for f.log.wait(ctx, head) == nil && !f.log.ended() {
		var newest int64
		if newest, _, head, ok = f.log.newestKey(); ok && newest > old {
			return
		}
	}
}

// watch calls end when FLV does not carry the video any more.
func (f *feed) watch(ctx context.Context, end context.CancelCauseFunc) {
	tick := time.NewTicker(codecCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		video, _ := f.source.Tracks()
		if err := pictureFits(video); err != nil {
			end(err)
			return
		}
	}
}

// next returns the next frame, and lets waiting sound go in time.
func (f *feed) next(ctx context.Context) (*media.Frame, error) {
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
func (f *feed) goesNow(video bool) bool {
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

func (f *feed) render(frame *media.Frame) {
	if !f.takes(frame.Track) {
		f.onDrop(reason.NoDecoder, 1)
		return
	}
	if !f.placed {
		f.placed, f.base = true, frame.DTS-feedStart
	}
	kind := frame.Track.Kind
	if c := f.configs[kind]; c == nil || c.track != frame.Track {
		f.configs[kind] = newConfig(frame.Track, flv.Timestamp(frame.DTS, f.base))
	}
	if f.configs[kind].bytes == nil {
		f.onDrop(reason.UnsupportedMsg, 1)
		return
	}
	tag, err := flv.Render(frame, f.base)
	if err != nil {
		f.onDrop(reason.UnsupportedMsg, 1)
		return
	}
	video := kind == media.Video
	f.log.append(entry{
		tag: tag, at: frame.DTS, video: video, configs: f.configs,
		key: frame.Key && (video || f.configs[media.Video] == nil),
	}, f.goesNow(video))
}

// newConfig renders the configuration of t. Tracks that FLV does not carry, or
// whose parameters are not known yet, have none: their frames are left out.
func newConfig(t *media.Track, at uint32) *config {
	bytes, err := flv.AppendConfig(nil, t, at)
	if err != nil {
		bytes = nil
	}
	return &config{track: t, bytes: bytes}
}

// prelude is what every file begins with.
func (f *feed) prelude() []byte {
	video, audio := f.tracks()
	return flv.AppendMetadata(flv.AppendFileHeader(nil, video, audio), video, audio, 0)
}
