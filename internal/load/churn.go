package load

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

// ChurnOptions say how viewers come and go.
type ChurnOptions struct {
	URL     string
	Rate    float64       // joins per second
	Viewers int           // who makes it more sends the oldest away
	For     time.Duration // from the first join
	Every   time.Duration // how often it is told
	Vanish  float64       // share of the viewers that leave without a word
	Verify  bool          // open every packet and compare the pictures
	PID     int
	Own     *Server // nil: its insides are not known
}

// ChurnRow is a part of a churn. Times are in ms.
type ChurnRow struct {
	At         float64   `json:"at"` // seconds
	Viewers    int       `json:"viewers"`
	Joins      int       `json:"joins"`
	Failed     int       `json:"failed"`
	FirstError string    `json:"first_error,omitempty"`
	Connect    Quantiles `json:"connect"`
	First      Quantiles `json:"first_packet"`
	Key        Quantiles `json:"first_key"`
	NoPacket   int       `json:"no_packet"` // viewers that left without having had one
	Wrong      uint64    `json:"wrong"`
	Strays     uint64    `json:"strays"` // packets for a viewer that had the port before
	Lost       uint64    `json:"lost"`
	Dropped    uint64    `json:"dropped"` // of the lost, by the tool's own sockets
	CPU        float64   `json:"server_cpu"`
	ToolCPU    float64   `json:"tool_cpu"`
	RSS        int64     `json:"rss"`        // bytes
	Goroutines int       `json:"goroutines"` // -1: not known
}

// ChurnResult is a churn as a whole.
type ChurnResult struct {
	Before ChurnRow   `json:"before"` // with nobody there
	Rows   []ChurnRow `json:"rows"`
	All    ChurnRow   `json:"all"`   // from the first join on
	After  ChurnRow   `json:"after"` // when all have gone and the server has noticed, or a minute later
}

// Left is how many goroutines more there are than before anybody came.
func (r ChurnResult) Left() int { return max(0, r.After.Goroutines-r.Before.Goroutines) }

const noticing = time.Minute

// Churn lets viewers come and go, and calls row with each part as it ends.
func Churn(ctx context.Context, o ChurnOptions, row func(ChurnRow)) (ChurnResult, error) {
	var res ChurnResult
	a, err := openAudience(ctx, None, Network{}, false)
	if err != nil {
		return res, err
	}
	defer a.close()
	a.verify = o.Verify
	c := &churn{ChurnOptions: o, audience: a, began: time.Now()}
	c.ended = c.mark(ctx)
	res.Before = c.ended.ChurnRow
	if err := c.run(ctx, func(r ChurnRow) { res.Rows = append(res.Rows, r); row(r) }); err != nil {
		return res, err
	}
	res.All = c.total()
	c.leaving.Wait()
	for began := time.Now(); ; {
		res.After = c.mark(ctx).ChurnRow
		if res.Left() == 0 || time.Since(began) > noticing {
			return res, nil
		}
		if err := pause(ctx, time.Second); err != nil {
			return res, err
		}
	}
}

type churn struct {
	ChurnOptions
	audience *audience
	began    time.Time
	joins    sync.WaitGroup
	leaving  sync.WaitGroup
	ended    mark // the part before
	all      []*member
	failed   int

	mu         sync.Mutex
	there      []*member // the oldest first
	came, gone []*member // in this part
	failures   int       // in this part
	why        string
}

// mark is a moment of a churn.
type mark struct {
	ChurnRow
	server, own time.Duration
	at          time.Time
}

func (c *churn) mark(ctx context.Context) mark {
	m := mark{at: time.Now(), server: (process{c.PID}).spent()}
	m.At, m.Goroutines = m.at.Sub(c.began).Seconds(), -1
	m.own, _ = ownCPU()
	if c.PID != 0 {
		m.RSS, _ = (process{c.PID}).rss()
	}
	if c.Own != nil {
		if n, err := c.Own.Value(ctx, "go_goroutines"); err == nil {
			m.Goroutines = int(n)
		}
	}
	return m
}

func (c *churn) run(ctx context.Context, row func(ChurnRow)) error {
	began, asked := time.Now(), 0
	join := time.NewTicker(time.Duration(float64(time.Second) / max(.01, c.Rate)))
	defer join.Stop()
	tell := time.NewTicker(c.Every)
	defer tell.Stop()
	over := time.NewTimer(c.For)
	defer over.Stop()
	defer c.joins.Wait()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-join.C: // a tick that was missed is made up for: the rate is what counts
			for due := 1 + int(time.Since(began).Seconds()*c.Rate); asked < due; asked++ {
				c.joins.Go(func() { c.one(ctx) })
			}
		case <-tell.C:
			row(c.part(ctx))
		case <-over.C:
			c.joins.Wait()
			for c.dismiss(ctx, 0) {
			}
			row(c.part(ctx))
			return nil
		}
	}
}

// one is a join, and the leaving of who has to.
func (c *churn) one(ctx context.Context) {
	m, err := c.audience.join(ctx, c.URL)
	c.mu.Lock()
	if err != nil {
		if c.failures++; c.why == "" {
			c.why = err.Error()
		}
		c.mu.Unlock()
		return
	}
	c.there, c.came = append(c.there, m), append(c.came, m)
	c.mu.Unlock()
	c.dismiss(ctx, c.Viewers)
}

// dismiss sends the oldest viewer away if there are more than that.
func (c *churn) dismiss(ctx context.Context, most int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.there) <= most {
		return false
	}
	m := c.there[0]
	c.there = c.there[1:]
	c.gone = append(c.gone, m)
	silent := rand.Float64() < c.Vanish
	c.leaving.Go(func() {
		if err := m.leave(ctx, !silent); err != nil && ctx.Err() == nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.failures++; c.why == "" {
				c.why = err.Error()
			}
		}
	})
	return true
}

// part ends a part.
func (c *churn) part(ctx context.Context) ChurnRow {
	m := c.mark(ctx)
	c.mu.Lock()
	r := c.row(c.came, c.gone)
	r.Viewers, r.Failed, r.FirstError = len(c.there), c.failures, c.why
	c.failed += c.failures
	c.all = append(c.all, c.came...)
	c.came, c.gone, c.failures = nil, nil, 0
	c.mu.Unlock()
	took := m.at.Sub(c.ended.at)
	r.CPU, r.ToolCPU = float64(m.server-c.ended.server)/float64(took), float64(m.own-c.ended.own)/float64(took)
	r.At, r.RSS, r.Goroutines = m.At, m.RSS, m.Goroutines
	c.ended = m
	return r
}

// row is the times of those who came, and what those who went have seen.
func (c *churn) row(came, gone []*member) (r ChurnRow) {
	var connect, first, key []time.Duration
	for _, m := range came {
		connect = append(connect, m.after(m.connected))
		first = appendIf(first, m.after(m.firstPacket.Load()))
		key = appendIf(key, m.after(m.firstKey.Load()))
	}
	for _, m := range gone {
		if m.packets.Load() == 0 {
			r.NoPacket++
		}
	}
	t := sum(gone)
	r.Joins, r.Wrong, r.Strays, r.Lost, r.Dropped = len(came), t.Wrong, t.strays, t.Lost, t.Dropped
	r.Connect, r.First, r.Key = quantilesOf(connect), quantilesOf(first), quantilesOf(key)
	return r
}

func (c *churn) total() ChurnRow {
	r := c.row(c.all, c.all)
	r.At, r.Failed, r.FirstError = c.ended.At, c.failed, c.why
	r.RSS, r.Goroutines = c.ended.RSS, c.ended.Goroutines
	return r
}

// ChurnHeader writes the head of a table of such rows in Markdown.
func ChurnHeader(w io.Writer) {
	fmt.Fprintln(w, "| s | viewers | joins | failed | connect p50 / p95 / p99 ms | first packet ms | first key frame ms | without packet | wrong | strays | lost (by the tool) | server CPU | RSS MB | goroutines | tool CPU |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
}

// Row writes r as a row of that table.
func (r ChurnRow) Row(w io.Writer) {
	fmt.Fprintf(w, "| %.0f | %d | %d | %d | %s | %s | %s | %d | %d | %d | %d (%d) | %.0f %% | %.1f | %d | %.0f %% |\n",
		r.At, r.Viewers, r.Joins, r.Failed, r.Connect, r.First, r.Key, r.NoPacket, r.Wrong, r.Strays, r.Lost, r.Dropped, 100*r.CPU,
		float64(r.RSS)/(1<<20), r.Goroutines, 100*r.ToolCPU)
}
