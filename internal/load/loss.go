package load

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// LossOptions say how viewers behind a bad network are measured.
type LossOptions struct {
	URL      string
	Viewers  int
	For      time.Duration
	Within   time.Duration // from capture, in which a picture is in time
	Settle   time.Duration // 0: 3 s
	Feedback Feedback
	Network
}

// LossResult is what such viewers saw. Times are in ms.
type LossResult struct {
	RTT      float64   `json:"rtt"`
	Loss     float64   `json:"loss"`
	UpLoss   float64   `json:"up_loss"`
	Burst    float64   `json:"burst"`
	Viewers  int       `json:"viewers"`
	Expected int       `json:"expected"`   // pictures, over all viewers
	Decoded  float64   `json:"decodable"`  // share of them that ever could be decoded
	InTime   float64   `json:"in_time"`    // share that could be within the time
	Delay    Quantiles `json:"delay"`      // capture to decodable, of those that could
	Asked    float64   `json:"asked"`      // requests per lost packet, repeats included
	Repeats  float64   `json:"repeats"`    // packets of RTX per media packet
	Packets  float64   `json:"packets"`    // per viewer and second, all
	Mbit     float64   `json:"mbit"`       // per viewer
	GaveUp   uint64    `json:"gave_up"`    // packets asked for ten times in vain
	Dropped  uint64    `json:"dropped"`    // by the tool's own sockets
	Wrong    uint64    `json:"wrong"`      // packets that did not open
	ReadLate Quantiles `json:"read_late"`  // from a socket to its being read by the tool
	CPU      float64   `json:"server_cpu"` // share of one core
}

// tail is how long after the end pictures may still become decodable.
const tail = 2 * time.Second

// Loss measures viewers that lose packets and ask for them again. It blocks
// until all are gone.
func Loss(ctx context.Context, o LossOptions, pid int) (LossResult, error) {
	if o.Settle == 0 {
		o.Settle = settle
	}
	res := LossResult{RTT: millis(o.RTT), Loss: o.Loss, UpLoss: o.UpLoss, Burst: o.Burst}
	if o.RTT == 0 {
		o.RTT = time.Nanosecond // a network all the same
	}
	a, err := openAudience(ctx, o.Feedback, o.Network, false)
	if err != nil {
		return res, err
	}
	defer a.close()
	var all []*member
	for range o.Viewers {
		m, err := a.join(ctx, o.URL)
		if err != nil {
			return res, err
		}
		if m.viewer == nil {
			return res, fmt.Errorf("loss: %s is not played over WebRTC", bareURL(o.URL))
		}
		all = append(all, m)
	}
	if err := pause(ctx, o.Settle); err != nil {
		return res, err
	}
	server := process{pid}
	cpu := server.spent()
	before, began := sum(all), time.Now()
	for _, m := range all {
		m.readLate.reset()
	}
	if err := pause(ctx, o.For); err != nil {
		return res, err
	}
	got, ended := sum(all).less(before), time.Now()
	res.CPU = float64(server.spent()-cpu) / float64(ended.Sub(began))
	if err := pause(ctx, tail+o.RTT); err != nil {
		return res, err
	}
	a.close() // now the viewers belong to nobody else
	seconds := ended.Sub(began).Seconds() * float64(len(all))
	res.Viewers, res.Dropped, res.Wrong = len(all), got.Dropped, got.Wrong
	res.Packets, res.Mbit = float64(got.Packets)/seconds, float64(got.bytes)*8/1e6/seconds
	res.Repeats = float64(got.repeats) / max(1, float64(got.Packets-got.repeats))
	res.judge(all, began.UnixNano(), ended.UnixNano(), int64(o.Within))
	return res, nil
}

// judge looks at the pictures that were stamped from one moment to the other.
// What was published is what any viewer has seen, by number.
func (r *LossResult) judge(all []*member, from, to, within int64) {
	late := newHistogram()
	var delays []time.Duration
	first, last, inTime := uint32(1<<32-1), uint32(0), 0
	asked, lost := uint64(0), uint64(0)
	for _, m := range all {
		v := m.viewer
		late.merge(m.readLate)
		asked, r.GaveUp, lost = asked+v.repair.asked, r.GaveUp+v.repair.giveUps, lost+v.repair.absent
		for _, p := range v.shown {
			if p.stamp.at < from || p.stamp.at >= to {
				continue
			}
			first, last = min(first, p.number), max(last, p.number)
			d := p.at - p.stamp.at
			delays = append(delays, time.Duration(d))
			if d <= within {
				inTime++
			}
		}
	}
	r.ReadLate = late.quantiles()
	if len(delays) == 0 {
		return
	}
	r.Expected = int(last-first+1) * len(all)
	r.Decoded, r.InTime = float64(len(delays))/float64(r.Expected), float64(inTime)/float64(r.Expected)
	slices.Sort(delays)
	r.Delay = quantilesOf(delays)
	r.Asked = float64(asked) / max(1, float64(lost))
}

// LossHeader writes the head of a table of such results in Markdown.
func LossHeader(w io.Writer) {
	fmt.Fprintln(w, "| RTT ms | loss (up) % | burst | viewers | in time % | decodable % | delay p50 / p95 / p99 ms | requests per gap | RTX % | packets/s | Mbit/s | given up | by the tool | server CPU | read late ms |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
}

// Row writes r as a row of that table.
func (r LossResult) Row(w io.Writer) {
	fmt.Fprintf(w, "| %.0f | %g (%g) | %g | %d | %.2f | %.2f | %s | %.2f | %.1f | %.0f | %.2f | %d | %d | %.0f %% | %s |\n",
		r.RTT, 100*r.Loss, 100*r.UpLoss, r.Burst, r.Viewers, 100*r.InTime, 100*r.Decoded, r.Delay, r.Asked, 100*r.Repeats, r.Packets, r.Mbit,
		r.GaveUp, r.Dropped, 100*r.CPU, r.ReadLate)
}
