package transcode

import (
	"context"
	"sync"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// variant is one running conversion. Its own goroutine moves video and, but for
// pathProcess, sound; there the process's goroutine moves the sound.
type variant struct {
	supplier *Supplier
	name     live.Name
	source   *live.Reader

	// What the source announced when the way of the sound was chosen.
	video, audio *media.Track
	path         string
	converter    *converter
	process      *process
	stopProcess  func()
	held         held

	mu     sync.Mutex // process and pump take turns
	pub    *live.Publisher
	voice  *voice
	counts *counts
	sound  *media.Track // announced
	failed error        // of the process, until the pump has seen it
}

func newVariant(s *Supplier, n live.Name, source *live.Reader, pub *live.Publisher) *variant {
	c := &counts{metrics: s.options.Metrics}
	to := toOpus()
	if n.Variant == live.VariantAAC {
		to = toAAC()
	}
	return &variant{
		supplier: s, name: n, source: source, pub: pub, counts: c,
		voice: &voice{target: to, filters: s.filters, counts: c},
	}
}

// run moves frames until ctx or the source ends, and says which.
func (v *variant) run(ctx context.Context) error {
	v.video, v.audio = v.source.Tracks()
	v.choose(ctx)
	defer v.take("")
	for {
		f, err := v.next(ctx)
		if err != nil {
			v.stop()
			_ = v.write(v.held.all()...)
			_ = v.write(v.voice.finish()...) // the source's end is what counts
			return err
		}
		if err := v.push(ctx, f); err != nil {
			return err
		}
	}
}

// push moves one frame of the source.
func (v *variant) push(ctx context.Context, f *media.Frame) error {
	v.mu.Lock()
	failed := v.failed
	v.failed = nil
	v.mu.Unlock()
	if failed != nil {
		v.mute(failed)
	}
	v.follow(ctx, f)
	if f.Track.Kind == media.Audio && v.path != pathSame {
		return v.convert(ctx, f)
	}
	if f.Track.Kind == media.Audio && v.overlaps(f) {
		v.unheard(reason.Late)
		return nil
	}
	if v.path == pathOpus && f.Track.Kind == media.Video {
		if err := v.write(v.converter.keepUp(f)...); err != nil {
			return err
		}
	}
	// The frame is shared with other readers of the source, and the hub writes
	// the stream's own times into what it is given. Data stays shared.
	own := *f
	return v.write(&own)
}

// overlaps says whether sound that needs no conversion begins before the end of
// what was converted last.
func (v *variant) overlaps(f *media.Frame) bool {
	late := v.voice.next().Sub(f.PTS)
	return v.voice.begun && late > 0 && late < maxSkip
}

// follow notices new tracks.
func (v *variant) follow(ctx context.Context, f *media.Frame) {
	if f.Track == v.video || f.Track == v.audio {
		return
	}
	video, audio := v.source.Tracks()
	if f.Track.Kind == media.Audio {
		// The source may have gone on to yet another one.
		audio = f.Track
	} else {
		video = f.Track
	}
	again := !sameSound(v.audio, audio)
	v.video, v.audio = video, audio
	if again {
		v.choose(ctx)
	} else {
		v.announce(v.sound)
	}
}

// sameSound says whether a decoder for a takes b.
func sameSound(a, b *media.Track) bool {
	return a == b || a != nil && b != nil && a.Codec == b.Codec && string(a.Config) == string(b.Config)
}

func (v *variant) announce(sound *media.Track) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sound = sound
	v.pub.Announce(v.video, sound)
}

// convert moves one frame of sound that is not what is wanted.
func (v *variant) convert(ctx context.Context, f *media.Frame) error {
	v.mu.Lock()
	v.counts.frames++
	v.mu.Unlock()
	switch v.path {
	case pathLC, pathOpus:
		begin := time.Now()
		out, err := v.converter.push(f)
		v.counts.worked(begin)
		if err != nil {
			if v.path == pathOpus {
				v.mute(err)
			} else {
				v.startProcess(ctx, err)
			}
			return v.convert(ctx, f)
		}
		return v.hold(out)
	case pathProcess:
		if !v.process.push(f) {
			v.unheard(reason.QueueFull)
		}
	default:
		v.unheard(reason.NoDecoder)
	}
	return nil
}

func (v *variant) unheard(why reason.Reason) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.counts.unheard(why)
}

// hear takes sound from the process.
func (v *variant) hear(s sound) {
	v.mu.Lock()
	defer v.mu.Unlock()
	// The pump sees it, too, when the right to publish is gone.
	_ = v.writeLocked(v.voice.write(s)...)
}

// write publishes frames, which are the hub's then.
func (v *variant) write(frames ...*media.Frame) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.writeLocked(frames...)
}

func (v *variant) writeLocked(frames ...*media.Frame) error {
	for _, f := range frames {
		if err := v.pub.Write(f); err != nil {
			return err
		}
	}
	return nil
}
