package live

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// A log against a plain map: positions keep their values through growth and
// reuse of slots, and what was dropped is gone.
func TestLogAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLog[int64]()
		model := map[int64]*int64{}
		var head, tail int64
		key := int64(-1)
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				// Long runs force growth beyond the first ring.
				n := rapid.Int64Range(1, 3*firstRingSize).Draw(t, "n")
				isKey := rapid.Bool().Draw(t, "key")
				newKey := int64(-1)
				for range n {
					v := head
					l.put(head, &v)
					if l.at(head) != nil {
						t.Fatalf("position %d is visible before publish", head)
					}
					model[head] = &v
					if isKey {
						newKey = head
					}
					head++
				}
				l.publish(head, newKey)
				if isKey {
					key = newKey
				}
			},
			"drop": func(t *rapid.T) {
				for range rapid.Int64Range(0, head-tail).Draw(t, "n") {
					if got := l.drop(); got != model[tail] {
						t.Fatalf("drop at %d = %v", tail, got)
					}
					delete(model, tail)
					tail++
				}
			},
			"": func(t *rapid.T) {
				for pos := tail - 3; pos < head+3; pos++ {
					if got := l.at(pos); got != model[pos] {
						t.Fatalf("at(%d) = %v, want %v; log is [%d, %d)", pos, got, model[pos], tail, head)
					}
				}
				want := head
				if key >= tail {
					want = key
				}
				if got := l.start(); got != want {
					t.Fatalf("start = %d, want %d", got, want)
				}
				if size := int64(len(l.ring.Load().slots)); size > firstRingSize && size > 8*3*firstRingSize*100 {
					t.Fatalf("ring of %d slots", size)
				}
			},
		})
	})
}

// Growth happens only when the entries held do not fit.
func TestLogRingSize(t *testing.T) {
	l := newLog[int64]()
	for pos := range int64(100_000) {
		l.put(pos, &pos)
		l.publish(pos+1, -1)
		if pos >= 999 {
			l.drop()
		}
	}
	if got := len(l.ring.Load().slots); got != 1024 {
		t.Fatalf("ring for 1000 entries has %d slots, want 1024", got)
	}
	live := 0
	for i := range l.ring.Load().slots {
		if l.ring.Load().slots[i].Load() != nil {
			live++
		}
	}
	if live != 999 {
		t.Fatalf("ring keeps %d entries alive, want 999", live)
	}
}

// Readers beside one appender that grows, trims and reuses slots all the time:
// a position yields its own value or nothing, and nothing only once it is gone.
func TestLogConcurrentReaders(t *testing.T) {
	const total = 60_000
	l := newLog[int64]()
	var readers sync.WaitGroup
	var seen, lost atomic.Int64
	for range 4 {
		readers.Go(func() {
			for pos := int64(0); pos < total; {
				if pos >= l.head.Load() {
					runtime.Gosched()
					continue
				}
				v := l.at(pos)
				switch {
				case v == nil && l.tail.Load() <= pos:
					t.Errorf("at(%d) = nil, but tail is %d", pos, l.tail.Load())
					return
				case v == nil:
					lost.Add(1)
					pos = l.start()
				case *v != pos:
					t.Errorf("at(%d) = %d", pos, *v)
					return
				default:
					seen.Add(1)
					pos++
				}
			}
		})
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	window := int64(1)
	for pos := range int64(total) {
		l.put(pos, &pos)
		key := int64(-1)
		if rnd.IntN(30) == 0 {
			key = pos
		}
		l.publish(pos+1, key)
		if rnd.IntN(500) == 0 {
			window = rnd.Int64N(2000)
			runtime.Gosched()
		}
		for pos+1-l.tail.Load() > window {
			l.drop()
		}
	}
	readers.Wait()
	t.Logf("read %d, overrun %d times", seen.Load(), lost.Load())
}

// A reader that starts while the first key is being appended must not end up
// behind it: it would wait for a whole group of pictures.
func TestLogStartNeverMissesKey(t *testing.T) {
	var current atomic.Pointer[log[int64]]
	current.Store(newLog[int64]())
	var stop atomic.Bool
	var reader sync.WaitGroup
	reader.Go(func() {
		for !stop.Load() {
			if at := current.Load().start(); at != 0 {
				t.Errorf("start = %d, behind the key at 0", at)
				return
			}
		}
	})
	for range 20_000 {
		l := newLog[int64]()
		current.Store(l)
		var v int64
		l.put(0, &v)
		l.publish(1, 0)
	}
	stop.Store(true)
	reader.Wait()
}
