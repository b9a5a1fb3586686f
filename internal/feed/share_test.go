package feed

import (
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// counting counts how often something is framed.
type counting struct {
	Plain
	n int
}

func (c *counting) Frame(out, batch net.Buffers, size int) net.Buffers {
	c.n++
	return c.Plain.Frame(out, batch, size)
}

// TestSharesAreMadeOnce has viewers of different kinds take turns: what each kind is
// sent is made once.
func TestSharesAreMadeOnce(t *testing.T) {
	p, f := staged(t)
	if err := p.Write(frame(testVideo, 0, true)); err != nil {
		t.Fatal(err)
	}
	f.fill()
	framing := &counting{}
	w := &walker{log: f.log}
	kinds := [][2]bool{{}, {media.Video: true}, {media.Audio: true}}
	const viewers = 9
	for i := range viewers {
		near, _ := pair(t)
		v := NewViewer(f, NewConn(t.Context(), near, bound, framing), ViewerOptions{
			Without: kinds[i%len(kinds)], Patience: bound, Sent: prometheus.NewCounter(prometheus.CounterOpts{}),
			First: func() {}, OnSkip: func(reason.Reason, uint64) {},
		})
		v.cursor.begin(nil)
		if _, err := v.cursor.take(nil, time.Now()); err != nil {
			t.Fatal(err)
		}
		if !w.park(v) {
			t.Fatal("there is something for a viewer that has all")
		}
	}
	before := framing.n
	for i := range 5 {
		f.render(frame(testVideo, time.Duration(2*i+1)*time.Millisecond, false))
		f.render(frame(testAudio, time.Duration(2*i+2)*time.Millisecond, true))
		w.walk(time.Now())
		if len(w.viewers) != viewers {
			t.Fatalf("%d of %d viewers are still parked", len(w.viewers), viewers)
		}
	}
	if n := framing.n - before; n != 5*len(kinds) {
		t.Errorf("made %d times, want once a walk for each of %d kinds: %d", n, len(kinds), 5*len(kinds))
	}
	if w.made != 0 || len(w.shares) != len(kinds) {
		t.Errorf("%d shares are kept, %d of them in use", len(w.shares), w.made)
	}
}
