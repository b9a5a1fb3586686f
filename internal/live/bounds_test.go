package live

import (
	"testing"
	"testing/synctest"
	"time"
)

// Both logs of a stream stay within Options.TailBytes and TailAge, though all
// that comes belongs to one group of pictures.
func TestTailIsBounded(t *testing.T) {
	for _, c := range []struct {
		name  string
		o     Options
		bytes int
		age   time.Duration
	}{
		{"bytes", Options{TailBytes: 64 << 10}, 64 << 10, maxAge},
		{"age", Options{TailAge: 6 * time.Second}, maxBytes, 6 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newTestHub(t, c.o)
				p := publishTracks(t, h, testName)
				packets := subscribe(t, h, testName).Packets()
				playRun(t, p, frameRun(0, 30*time.Second, time.Hour))
				s := p.stream
				s.mu.Lock()
				defer s.mu.Unlock()
				now := time.Now().UnixNano()
				for view, a := range map[string]struct {
					account account
					oldest  int64
				}{
					"frames":  {s.account, s.frames.at(s.frames.tail.Load()).Arrived},
					"packets": {packets.account, packets.At(packets.log.tail.Load()).Arrived},
				} {
					age := time.Duration(now - a.oldest)
					if a.account.bytes > c.bytes || age > c.age {
						t.Errorf("%s: %d bytes of %v, want at most %d and %v", view, a.account.bytes, age, c.bytes, c.age)
					}
					if a.account.bytes < c.bytes/2 && age < c.age/2 {
						t.Errorf("%s: only %d bytes of %v are kept", view, a.account.bytes, age)
					}
				}
			})
		})
	}
}
