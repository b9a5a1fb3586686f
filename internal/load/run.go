package load

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Options of a step of load.
type Options struct {
	URL      string        // what to play, with its signature
	Viewers  int           // how many
	Joins    int           // per second
	For      time.Duration // how long to measure once all are there
	PID      int           // of the server, 0: its cost is not measured
	Settle   time.Duration // for a server to become calm, before and between; 0: 3 s
	Feedback Feedback
	// WholeRuns has the sockets of WebRTC viewers take the runs of a segmented send
	// whole (UDP_GRO): the kernel cuts them for nobody then, as where a network card
	// does that. Linux.
	WholeRuns bool
	Verify    bool // open every packet, and compare the pictures with what was published
}

// hundred is from which viewer on memory is looked at once more: what the stream
// and the first joins cost is paid then.
const hundred = 100

// Run puts one step of load on a server and measures it. It blocks until all
// viewers are gone.
func Run(ctx context.Context, o Options) (Result, error) {
	if o.Settle == 0 {
		o.Settle = settle
	}
	a, err := openAudience(ctx, o.Feedback, Network{}, o.WholeRuns)
	if err != nil {
		return Result{}, err
	}
	defer a.close()
	a.verify = o.Verify
	r := &run{Options: o, audience: a}
	for _, upTo := range []int{1, hundred, o.Viewers} {
		if n := min(upTo, o.Viewers); n > r.asked {
			if err := r.fill(ctx, n); err != nil {
				return r.res, err
			}
			if err := pause(ctx, o.Settle); err != nil {
				return r.res, err
			}
		}
		if err := r.weigh(); err != nil {
			return r.res, err
		}
	}
	r.res.Viewers = len(r.members)
	return r.res, r.measure(ctx)
}

// run is one step of load.
type run struct {
	Options
	audience *audience
	asked    int
	weights  []weight
	res      Result

	mu      sync.Mutex
	members []*member
}

// weight is the server's resident memory with a number of viewers.
type weight struct {
	viewers int
	rss     int64
}

// fill lets viewers join until n were asked for.
func (r *run) fill(ctx context.Context, n int) error {
	every := time.NewTicker(time.Second / time.Duration(max(r.Joins, 1)))
	defer every.Stop()
	var joins sync.WaitGroup
	defer joins.Wait()
	for ; r.asked < n; r.asked++ {
		select {
		case <-every.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		joins.Go(func() {
			m, err := r.audience.join(ctx, r.URL)
			r.mu.Lock()
			defer r.mu.Unlock()
			if err == nil {
				r.members = append(r.members, m)
			} else if r.res.Failed++; r.res.FirstError == "" {
				r.res.FirstError = err.Error()
			}
		})
	}
	return nil
}

func (r *run) weigh() error {
	if r.PID == 0 {
		return nil
	}
	rss, err := (process{r.PID}).rss()
	r.weights = append(r.weights, weight{len(r.members), rss})
	return err
}

// pause waits for d, or says why it did not.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// measure watches the viewers for the time that the options say: joins are paid
// for, and nobody catches up any more.
func (r *run) measure(ctx context.Context) error {
	before, number := sum(r.members), newest(r.members)
	for _, m := range r.members {
		m.delays.reset()
		m.readLate.reset()
	}
	cpu, own, err := r.spent()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := pause(ctx, r.For); err != nil {
		return err
	}
	took := time.Since(began)
	got := sum(r.members).less(before)
	cpuAfter, ownAfter, err := r.spent()
	if err != nil {
		return err
	}
	res := &r.res
	res.totals = got
	if all := int(newest(r.members)-number) * len(r.members); all > 0 {
		res.Whole = float64(got.Frames) / float64(all)
	}
	res.PacketsPerSecond = float64(got.Packets) / took.Seconds()
	res.MbitPerSecond = float64(got.bytes) * 8 / 1e6 / took.Seconds()
	res.ToolCPU = float64(ownAfter-own) / float64(took)
	if r.PID != 0 {
		res.CPU = float64(cpuAfter-cpu) / float64(took)
		if got.Packets > 0 {
			res.MicrosPerPacket = float64((cpuAfter - cpu).Microseconds()) / float64(got.Packets)
		}
		if n := len(r.members); n > 0 {
			res.MillisPerViewerSecond = 1000 * res.CPU / float64(n)
		}
		res.KBPerViewer = slope(r.weights[0], r.weights[2])
		res.KBPerViewerBeyond = slope(r.weights[1], r.weights[2])
	}
	r.times()
	return nil
}

// newest is the number of the newest picture that anybody has.
func newest(all []*member) (n uint32) {
	for _, m := range all {
		n = max(n, m.number.Load())
	}
	return n
}

// spent is the processor time of the server and of this process so far.
func (r *run) spent() (server, own time.Duration, err error) {
	if r.PID != 0 {
		if server, err = (process{r.PID}).cpu(); err != nil {
			return 0, 0, err
		}
	}
	own, err = ownCPU()
	if err != nil {
		return 0, 0, fmt.Errorf("measure the tool: %w", err)
	}
	return server, own, nil
}

// slope is the memory per viewer in KB from one weight to the other.
func slope(a, b weight) float64 {
	if b.viewers <= a.viewers {
		return 0
	}
	return float64(b.rss-a.rss) / 1024 / float64(b.viewers-a.viewers)
}

func (r *run) times() {
	delays, late := newHistogram(), newHistogram()
	var connect, first, key []time.Duration
	for _, m := range r.members {
		delays.merge(m.delays)
		late.merge(m.readLate)
		connect = append(connect, m.after(m.connected))
		first = appendIf(first, m.after(m.firstPacket.Load()))
		key = appendIf(key, m.after(m.firstKey.Load()))
	}
	r.res.Delay, r.res.ReadLate = delays.quantiles(), late.quantiles()
	r.res.Connect, r.res.First, r.res.Key = quantilesOf(connect), quantilesOf(first), quantilesOf(key)
}

func appendIf(to []time.Duration, d time.Duration) []time.Duration {
	if d > 0 {
		to = append(to, d)
	}
	return to
}

// quantilesOf sorts d.
func quantilesOf(d []time.Duration) Quantiles {
	if len(d) == 0 {
		return Quantiles{}
	}
	slices.Sort(d)
	at := func(q int) float64 { return millis(d[min(len(d)-1, len(d)*q/100)]) }
	return Quantiles{at(50), at(95), at(99)}
}
