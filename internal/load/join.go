package load

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

// JoinOptions say how single viewers are timed.
type JoinOptions struct {
	URLs  []string // more than one: each viewer switches to the next
	Joins int
	Every time.Duration // from one join to the next, on average: where a join makes a key frame, an even one would have the same age each time
	PID   int
}

// JoinResult is what the viewers waited for, in ms from the request.
type JoinResult struct {
	Joins      int       `json:"joins"`
	Failed     int       `json:"failed"`
	FirstError string    `json:"first_error,omitempty"`
	Switched   bool      `json:"switched"`
	Age        Quantiles `json:"age"` // of the newest key frame at the request
	Connect    Quantiles `json:"connect"`
	First      Quantiles `json:"first_packet"`
	Key        Quantiles `json:"first_key"` // the whole of it
	NoKey      int       `json:"no_key"`    // viewers that got none within two seconds
	Behind     Quantiles `json:"behind"`    // 2 s after the join: delay beyond that of a viewer that was there
	Delay      Quantiles `json:"delay"`     // of the viewer that was there
}

const (
	joinCalm  = 2 * time.Second        // after which a viewer should be live
	joinWatch = 500 * time.Millisecond // how long its delay is looked at then
)

// Join times viewers that come one after the other, beside one that is there all
// the time. It blocks until all are gone.
func Join(ctx context.Context, o JoinOptions) (JoinResult, error) {
	j := &joining{JoinOptions: o, res: JoinResult{Joins: o.Joins, Switched: len(o.URLs) > 1}}
	a, err := openAudience(ctx, None, Network{}, false)
	if err != nil {
		return j.res, err
	}
	defer a.close()
	j.audience = a
	for _, url := range o.URLs {
		m, err := a.join(ctx, url)
		if err != nil {
			return j.res, err
		}
		j.there = append(j.there, m)
	}
	if err := pause(ctx, settle); err != nil {
		return j.res, err
	}
	var watching sync.WaitGroup
	defer watching.Wait()
	for i := range o.Joins {
		if err := pause(ctx, time.Duration((.2+1.6*rand.Float64())*float64(o.Every))); err != nil {
			return j.res, err
		}
		watching.Go(func() { j.one(ctx, i) })
	}
	watching.Wait()
	r := &j.res
	r.Age, r.Connect, r.First, r.Key = quantilesOf(j.ages), quantilesOf(j.connects), quantilesOf(j.firsts), quantilesOf(j.keys)
	r.Behind, r.Delay = quantilesOf(j.behinds), quantilesOf(j.delays)
	return *r, nil
}

type joining struct {
	JoinOptions
	audience *audience
	there    []*member

	mu                                            sync.Mutex
	before                                        *member // who switches next
	ages, connects, firsts, keys, behinds, delays []time.Duration
	res                                           JoinResult
}

// one is one viewer, from its request to its leaving.
func (j *joining) one(ctx context.Context, i int) {
	there := j.there[i%len(j.there)]
	age := time.Now().UnixNano() - there.newestKey.Load()
	if j.res.Switched {
		j.mu.Lock()
		before := j.before
		j.before = nil
		j.mu.Unlock()
		if before != nil {
			go before.leave(ctx, true) //nolint:errcheck // beside the joining; what counts is the new stream
		}
	}
	m, err := j.audience.join(ctx, j.URLs[i%len(j.URLs)])
	if err == nil {
		err = pause(ctx, joinCalm)
	}
	if err != nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		if j.res.Failed++; j.res.FirstError == "" {
			j.res.FirstError = err.Error()
		}
		return
	}
	here, reference := m.watch(), there.watch()
	_ = pause(ctx, joinWatch)
	delay, behind := reference(), here()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ages = append(j.ages, time.Duration(age))
	j.connects = append(j.connects, m.after(m.connected))
	j.firsts = appendIf(j.firsts, m.after(m.firstPacket.Load()))
	if key := m.firstKey.Load(); key != 0 {
		j.keys = append(j.keys, m.after(key))
	} else {
		j.res.NoKey++
	}
	if delay > 0 && behind > 0 {
		j.delays, j.behinds = append(j.delays, delay), append(j.behinds, behind-delay)
	}
	if j.res.Switched {
		j.before = m
		return
	}
	_ = m.leave(ctx, true)
}

// watch begins to look at delays, and returns how to get the median since.
func (s *seen) watch() func() time.Duration {
	before := newHistogram()
	before.merge(s.delays)
	return func() time.Duration { return s.delays.since(before).quantile(.5) }
}

// since returns the counts that came after a copy was made.
func (h *histogram) since(before *histogram) *histogram {
	out := newHistogram()
	for i := range h.buckets {
		out.buckets[i].Store(h.buckets[i].Load() - before.buckets[i].Load())
	}
	return out
}

// JoinHeader writes the head of a table of such results in Markdown.
func JoinHeader(w io.Writer) {
	fmt.Fprintln(w, "| joins | failed | age of the key frame p50 / p95 / p99 ms | connect ms | first packet ms | first key frame ms | without | delay there ms | behind it after 2 s ms |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|")
}

// Row writes r as a row of that table.
func (r JoinResult) Row(w io.Writer) {
	fmt.Fprintf(w, "| %d | %d | %s | %s | %s | %s | %d | %s | %s |\n",
		r.Joins, r.Failed, r.Age, r.Connect, r.First, r.Key, r.NoKey, r.Delay, r.Behind)
}
