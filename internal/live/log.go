package live

import "sync/atomic"

// log is an append-only sequence of *T with a bounded tail. One goroutine at a
// time appends and trims; any number of others read, without a lock.
//
// A reader is safe against the appender by this order: the appender moves tail
// past a slot before it reuses or clears the slot, and moves head after it has
// filled one. A reader loads the slot and then checks that tail has not passed.
// key moves before head does, so that whoever sees a key frame behind head also
// sees key point at it.
type log[T any] struct {
	ring atomic.Pointer[ring[T]]
	head atomic.Int64 // next position to be written
	tail atomic.Int64 // oldest position still kept
	key  atomic.Int64 // newest position that decoding can start at; -1: none
}

// ring holds position p in slot p & mask.
type ring[T any] struct {
	mask  int64
	slots []atomic.Pointer[T]
}

const firstRingSize = 256

func newLog[T any]() *log[T] {
	l := &log[T]{}
	l.ring.Store(newRing[T](firstRingSize))
	l.key.Store(-1)
	return l
}

func newRing[T any](size int64) *ring[T] {
	return &ring[T]{mask: size - 1, slots: make([]atomic.Pointer[T], size)}
}

// put appends v without publishing it; publish makes it visible. The capacity
// grows as far as the trim policy lets the log grow.
func (l *log[T]) put(at int64, v *T) {
	r := l.ring.Load()
	if at-l.tail.Load() > r.mask {
		bigger := newRing[T](2 * int64(len(r.slots)))
		for p := l.tail.Load(); p < at; p++ {
			bigger.slots[p&bigger.mask].Store(r.slots[p&r.mask].Load())
		}
		l.ring.Store(bigger)
		r = bigger
	}
	r.slots[at&r.mask].Store(v)
}

// publish makes all positions before head visible. key is the newest of them
// that decoding can start at, or negative for the same as before.
func (l *log[T]) publish(head, key int64) {
	if key >= 0 {
		l.key.Store(key)
	}
	l.head.Store(head)
}

// start returns where a new reader begins: at the newest key, or at the head
// where the log holds none. head is loaded first: a key that is appended
// meanwhile then lies at or behind it.
func (l *log[T]) start() int64 {
	head := l.head.Load()
	if key := l.key.Load(); key >= l.tail.Load() {
		return key
	}
	return head
}

// at returns the value at pos, or nil when it is not there (yet, or any more).
func (l *log[T]) at(pos int64) *T {
	if pos >= l.head.Load() || pos < l.tail.Load() {
		return nil
	}
	r := l.ring.Load()
	v := r.slots[pos&r.mask].Load()
	if l.tail.Load() > pos {
		return nil
	}
	return v
}

// drop forgets the oldest value and returns it. The caller checks that there is one.
func (l *log[T]) drop() *T {
	p := l.tail.Load()
	r := l.ring.Load()
	l.tail.Store(p + 1)
	return r.slots[p&r.mask].Swap(nil)
}
