package feed

import (
	"net"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// maxBatch is how many bytes a viewer takes at a time, if there is more than
// one frame of them: its age is looked at between batches.
const maxBatch = 512 << 10

// cursor is one viewer's position in a log, and what becomes of it when the
// viewer is slow. One goroutine uses it.
type cursor struct {
	log      *frameLog
	patience time.Duration
	onSkip   func(why reason.Reason, frames uint64)

	place
	late time.Time // since when the viewer is too old; zero: it is not
}

// place is where a cursor stands. Cursors at one place take the same.
type place struct {
	without [2]bool // kinds that are not wanted
	pos     int64
	keyed   bool       // a video key frame was taken
	told    [2]*config // what the decoder knows
}

// begin places the cursor at the newest key frame, or at the oldest frame when
// there is none, and returns the configurations to send first.
func (c *cursor) begin(batch net.Buffers) net.Buffers {
	l := c.log
	l.mu.Lock()
	defer l.mu.Unlock()
	c.pos = max(l.key, l.first)
	configs := l.configs
	if c.pos < l.head() {
		configs = l.entries[c.pos-l.first].configs
	}
	return c.tell(batch, configs)
}

// tell appends the configurations that the decoder does not know yet.
func (c *cursor) tell(batch net.Buffers, configs [2]*config) net.Buffers {
	for kind, cfg := range configs {
		if cfg != nil && cfg != c.told[kind] && !c.without[kind] {
			c.told[kind] = cfg
			if len(cfg.bytes) > 0 {
				batch = append(batch, cfg.bytes)
			}
		}
	}
	return batch
}

// take appends the bytes of all that is new, up to maxBatch, and moves on. When
// there is nothing new it fails as the log has ended, if it has. It fails with
// live.ErrSlow when the viewer has been too old for too long.
func (c *cursor) take(batch net.Buffers, now time.Time) (net.Buffers, error) {
	l := c.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.pos >= l.head() {
		c.late = time.Time{}
		return batch, l.err
	}
	if err := c.catchUp(now); err != nil {
		return batch, err
	}
	for size := 0; size < maxBatch && c.pos < l.head(); c.pos++ {
		e := &l.entries[c.pos-l.first]
		if e.describes && c.without != [2]bool{} {
			continue
		}
		if e.script {
			batch = append(batch, e.pieces...)
			size += e.size
			continue
		}
		if c.without[e.kind] {
			continue
		}
		if e.kind == media.Video && !c.keyed {
			if !e.key {
				c.onSkip(reason.SkipKeyWait, 1)
				continue
			}
			c.keyed = true
		}
		batch = c.tell(batch, e.configs)
		batch = append(batch, e.pieces...)
		size += e.size
	}
	return batch, nil
}

// catchUp moves the cursor to the newest key frame when what it has not taken
// yet is too old, or gone. The caller holds the log's lock.
func (c *cursor) catchUp(now time.Time) error {
	l := c.log
	if c.pos < l.first && l.key < l.first {
		c.skipTo(l.first, reason.SkipOverrun) // out of bounds, and no key frame left
	} else if c.pos >= l.first && l.newest.Sub(l.entries[c.pos-l.first].at) <= l.maxAge {
		return nil
	}
	switch {
	case c.late.IsZero():
		c.late = now
	case now.Sub(c.late) > c.patience:
		return live.ErrSlow
	}
	if l.key > c.pos {
		c.skipTo(l.key, reason.SkipAge)
	}
	return nil
}

func (c *cursor) skipTo(pos int64, why reason.Reason) {
	c.onSkip(why, uint64(pos-c.pos))
	c.pos, c.keyed = pos, false
}
