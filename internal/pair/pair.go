package pair

import (
	"context"
	"sync"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
)

// maxApart is how far the sound's place may stray before it is put right: less than
// what is heard as out of step.
const maxApart = media.Time(20e6)

// pair is one that is running.
type pair struct {
	readers [2]*live.Reader // by the kind that is taken of each

	begun chan struct{} // closed by the first picture
	late  *time.Timer   // ends the pair unless that comes

	mu     sync.Mutex // the readers' goroutines take turns
	pub    *live.Publisher
	tracks [2]*media.Track
	// offset is when, in Unix ns, the scale of the pictures' stream begins. The
	// two scales have nothing in common but when things were captured.
	offset int64
	placed bool
	shift  media.Time // of sound
	frames uint64
}

func newPair(pub *live.Publisher, video, audio *live.Reader) *pair {
	p := &pair{readers: [2]*live.Reader{media.Video: video, media.Audio: audio}, pub: pub, begun: make(chan struct{})}
	p.tracks[media.Video], _ = video.Tracks()
	_, p.tracks[media.Audio] = audio.Tracks()
	pub.Announce(p.tracks[media.Video], p.tracks[media.Audio])
	return p
}

// run moves frames until ctx or one of the streams ends, and says which. It fails
// with live.ErrLate where no picture comes.
func (p *pair) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p.late = time.AfterFunc(live.StartWait, func() { cancel(live.ErrLate) })
	defer p.late.Stop()
	var both sync.WaitGroup
	for _, kind := range []media.Kind{media.Video, media.Audio} {
		both.Go(func() { cancel(p.move(ctx, kind)) })
	}
	both.Wait()
	return context.Cause(ctx)
}

// move takes one kind of frames from its stream to the pair. Sound waits for the
// first picture, whose scale it is put on.
func (p *pair) move(ctx context.Context, kind media.Kind) error {
	for {
		f, err := p.readers[kind].Next(ctx)
		if err != nil {
			return err
		}
		if f.Track.Kind != kind {
			continue
		}
		if kind == media.Audio {
			select {
			case <-p.begun:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		// The frame is shared with other readers, and the hub writes the stream's own
		// times into what it is given. Data stays shared.
		own := *f
		if err := p.write(&own); err != nil {
			return err
		}
	}
}

// write publishes f, which is the hub's then.
func (p *pair) write(f *media.Frame) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	kind := f.Track.Kind
	if p.tracks[kind] != f.Track {
		p.tracks[kind] = f.Track
		p.pub.Announce(p.tracks[media.Video], p.tracks[media.Audio])
	}
	offset := f.Capture - int64(f.PTS)
	if kind == media.Video {
		if f.Key || len(f.Scripts) > 0 { // what is said of the stream may be new
			p.pub.Describe(p.readers[kind].Description())
		}
		if p.offset == 0 {
			p.late.Stop()
			defer close(p.begun)
		}
		p.offset = offset
	} else {
		if shift := media.Time(offset - p.offset); !p.placed || max(shift-p.shift, p.shift-shift) > maxApart {
			p.placed, p.shift = true, shift
		}
		f.DTS += p.shift
		f.PTS += p.shift
	}
	p.frames++
	return p.pub.Write(f)
}
