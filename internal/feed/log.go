package feed

import (
	"context"
	"net"
	"sync"
	"time"

	"millrace/internal/media"
)

// Bounds of a log's tail: it keeps everything since the newest key frame, and
// before that what is not too old for a viewer, within these.
const (
	maxLogBytes = 64 << 20
	maxLogAge   = 20 * time.Second
)

// config is what a decoder is told about a track, rendered once per change.
type config struct {
	track *media.Track
	bytes []byte // nil: the track is not carried
}

// entry is one rendered frame and what a decoder must have been told before it.
type entry struct {
	pieces net.Buffers
	size   int        // of all pieces
	at     media.Time // DTS
	kind   media.Kind
	script bool // it is of no kind, for all viewers
	// describes says that it is about both kinds, for viewers that get both.
	describes bool
	key       bool // a viewer can begin here
	configs   [2]*config
}

// frameLog is the shared, bounded tail of one stream's rendered frames. The Feed
// appends; cursors read.
type frameLog struct {
	maxAge time.Duration

	mu      sync.Mutex
	entries []entry // from position first on
	first   int64
	key     int64 // newest position to begin at; below first: none
	bytes   int
	newest  media.Time
	configs [2]*config // newest
	err     error      // the log has ended
	bell    chan struct{}
}

func newFrameLog(maxAge time.Duration) *frameLog { return &frameLog{maxAge: maxAge, key: -1} }

// head is the position behind the newest entry. The caller holds l.mu.
func (l *frameLog) head() int64 { return l.first + int64(len(l.entries)) }

// append adds e, and wakes all who wait if now is set; else they find it when
// something else wakes them.
func (l *frameLog) append(e entry, now bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.key {
		l.key = l.head()
	}
	l.entries = append(l.entries, e)
	l.bytes += e.size
	l.newest = max(l.newest, e.at)
	l.configs = e.configs
	l.trim()
	if now {
		l.ring()
	}
}

// newestKey returns the newest position to begin at, and how old it is; ok is
// false when there is none. head is the position behind the newest entry.
func (l *frameLog) newestKey() (pos int64, age time.Duration, head int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.key < l.first {
		return 0, 0, l.head(), false
	}
	return l.key, l.newest.Sub(l.entries[l.key-l.first].at), l.head(), true
}

// wake wakes all who wait.
func (l *frameLog) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring()
}

// trim drops what nobody may need any more. The caller holds l.mu.
func (l *frameLog) trim() {
	for len(l.entries) > 1 {
		age := l.newest.Sub(l.entries[0].at)
		if l.bytes <= maxLogBytes && age <= maxLogAge && (l.first >= l.key || age <= l.maxAge) {
			return
		}
		l.bytes -= l.entries[0].size
		l.entries[0] = entry{}
		l.entries = l.entries[1:]
		l.first++
	}
}

// end returns the position behind the newest entry.
func (l *frameLog) end() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head()
}

// close makes cursors fail with err once they have read the rest.
func (l *frameLog) close(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
	l.ring()
}

func (l *frameLog) ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err != nil
}

// ring wakes all who wait. The caller holds l.mu.
func (l *frameLog) ring() {
	if l.bell != nil {
		close(l.bell)
		l.bell = nil
	}
}

// wait returns when there is something at pos, the log has ended, or other says
// so. It fails with the cause of ctx.
func (l *frameLog) wait(ctx context.Context, pos int64, other <-chan struct{}) error {
	l.mu.Lock()
	if pos < l.head() || l.err != nil {
		l.mu.Unlock()
		return nil
	}
	if l.bell == nil {
		l.bell = make(chan struct{})
	}
	bell := l.bell
	l.mu.Unlock()
	select {
	case <-bell:
		return nil
	case <-other:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
