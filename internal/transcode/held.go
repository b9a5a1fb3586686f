package transcode

import (
	"context"
	"errors"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
)

// maxHeld is how many packets may be held back, which is more than fit into the
// time that they may be.
const maxHeld = 16

// held is sound that waits so that it leaves evenly. Only the pump uses it.
type held struct {
	even   media.Even
	frames []*media.Frame
	due    []int64 // Unix ns, one per frame, in order
}

// all gives up everything that is held.
func (h *held) all() []*media.Frame { return h.until(len(h.frames)) }

func (h *held) until(n int) []*media.Frame {
	out := h.frames[:n:n]
	h.frames, h.due = h.frames[n:], h.due[n:]
	return out
}

// ready gives up what is due.
func (h *held) ready(now int64) []*media.Frame {
	n := max(0, len(h.frames)-maxHeld)
	for n < len(h.due) && h.due[n] <= now {
		n++
	}
	return h.until(n)
}

// hold writes packets when it is their time. Players of AAC have buffers that
// are much longer than bursts of sound, so only Opus is held.
func (v *variant) hold(frames []*media.Frame) error {
	if v.name.Variant != live.VariantOpus {
		return v.write(frames...)
	}
	h, now := &v.held, media.Now()
	for _, f := range frames {
		h.frames, h.due = append(h.frames, f), append(h.due, h.even.Due(f.DTS, now))
	}
	return v.write(h.ready(now)...)
}

// next waits for the source's next frame, and writes what is held meanwhile.
func (v *variant) next(ctx context.Context) (*media.Frame, error) {
	for {
		if err := v.write(v.held.ready(media.Now())...); err != nil {
			return nil, err
		}
		if len(v.held.frames) == 0 {
			return v.source.Next(ctx)
		}
		until, cancel := context.WithDeadline(ctx, time.Unix(0, v.held.due[0]))
		f, err := v.source.Next(until)
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return f, err
		}
	}
}
