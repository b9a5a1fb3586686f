package rtc

import (
	"encoding/binary"
	"sync"
	"time"
)

// wideBox holds transport-wide feedback for a shard's next turn. It wakes
// nobody: there is as much feedback as there are frames, and it can wait for the
// next one.
type wideBox struct {
	mu    sync.Mutex
	told  []wideTold
	bytes []byte

	heard []wideTold // the shard's
	taken []byte
}

type wideTold struct {
	viewer   *viewer
	from, to int
}

// maxWideBytes bounds the box: a flood takes no more.
const maxWideBytes = 1 << 20

// put adds one feedback, which it copies. It reports whether there was room.
func (w *wideBox) put(v *viewer, b []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.bytes)+len(b) > maxWideBytes {
		return false
	}
	from := len(w.bytes)
	w.bytes = append(w.bytes, b...)
	w.told = append(w.told, wideTold{v, from, len(w.bytes)})
	return true
}

// take empties the box into heard and taken.
func (w *wideBox) take() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.heard)
	w.told, w.heard = w.heard[:0], w.told
	w.bytes, w.taken = w.taken[:0], w.bytes
}

// hear gives the viewers' links what their viewers told.
func (sh *shard) hear(now int64) {
	w := &sh.wide
	w.take()
	for _, t := range w.heard {
		if t.viewer.left || !t.viewer.joined.Load() {
			continue
		}
		if !t.viewer.link.told(w.taken[t.from:t.to], now) {
			sh.server.refuse(refusedSRTCP)
		} else {
			sh.miss(t.viewer, now)
		}
		if v := t.viewer; v.link.over > 0 && v.phase != audioOnly {
			sh.choose(sh.groups[v.packets], v, now)
		}
	}
}

// takeWide posts the transport-wide feedback in a compound RTCP packet to the
// viewer's shard, and returns what is left of it: most often nothing.
func (v *viewer) takeWide(plain []byte) []byte {
	at := 0
	for at+4 <= len(plain) {
		n := 4 + 4*int(binary.BigEndian.Uint16(plain[at+2:]))
		if at+n > len(plain) || !isWide(plain[at:]) {
			return plain[at:]
		}
		if !v.shard.wide.put(v, plain[at:at+n]) {
			v.session.server.refuse(refusedFlood)
		} else if v.origins.eager.Load() {
			v.shard.ring()
		}
		at += n
	}
	return plain[at:]
}

// noteSent tells the link of the packets in o.arena[from:], which are numbered
// from wide on.
func (v *viewer) noteSent(o *outbox, from int, wide uint16) {
	if n := int(v.wide - wide); n > 0 {
		v.link.note(wide, n, len(o.arena)-from, o.at)
		v.origins.note(v, o.arena[from:])
	}
}

// meter measures a rate over about a second.
type meter struct {
	rate  float64 // bit/s
	bytes int
	since int64 // Unix ns
}

func (m *meter) add(bytes int, now int64) {
	m.bytes += bytes
	passed := now - m.since
	if passed < int64(500*time.Millisecond) {
		return
	}
	is := float64(m.bytes) * 8e9 / float64(passed)
	switch {
	case m.since == 0 || passed > int64(5*time.Second):
	case m.rate == 0:
		m.rate = is
	default:
		m.rate += (is - m.rate) * 0.4
	}
	m.bytes, m.since = 0, now
}
