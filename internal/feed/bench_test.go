package feed

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// BenchmarkWalk is what a picture of 2.5 Mbit/s costs to write to viewers on
// loopback that keep up, the receiving half of the network included.
func BenchmarkWalk(b *testing.B) {
	const viewers = 400
	p, f := staged(b)
	if err := p.Write(frame(testVideo, 0, true)); err != nil {
		b.Fatal(err)
	}
	f.fill()
	w := &walker{log: f.log}
	var far [viewers]*net.TCPConn
	for i := range far {
		var near *net.TCPConn
		near, far[i] = pair(b)
		v := NewViewer(f, NewConn(b.Context(), near, bound, Plain{}), ViewerOptions{
			Patience: bound, Sent: prometheus.NewCounter(prometheus.CounterOpts{}),
			First: func() {}, OnSkip: func(reason.Reason, uint64) {},
		})
		v.cursor.begin(nil)
		if _, err := v.cursor.take(nil, time.Now()); err != nil || !w.park(v) {
			b.Fatal("a viewer is not taken")
		}
	}
	data, buf := make([]byte, 10_416), make([]byte, 1<<16)
	b.ReportAllocs()
	n, size, least := 0, 0, time.Hour
	for b.Loop() {
		b.StopTimer()
		for _, c := range far {
			if _, err := io.ReadFull(c, buf[:size]); err != nil {
				b.Fatal(err)
			}
		}
		n++
		at := media.Time(n) * media.Time(time.Second/30)
		f.render(&media.Frame{Track: testVideo, DTS: at, PTS: at, Data: data})
		size = f.log.entries[len(f.log.entries)-1].size
		b.StartTimer()
		before := spent(b)
		w.walk(time.Now())
		least = min(least, spent(b)-before)
	}
	if len(w.viewers) != viewers {
		b.Fatalf("%d viewers are left", len(w.viewers))
	}
	b.ReportMetric(float64(least.Nanoseconds())/viewers, "least-cpu-ns/viewer")
}

// spent is the processor time of this process so far.
func spent(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}
