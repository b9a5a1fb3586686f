package load

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// IdleOptions say how streams that nobody watches are measured.
type IdleOptions struct {
	Publish []string // where to, one stream each
	Picture Picture
	Start   int           // streams that begin per second
	Fill    time.Duration // until all tails are as long as they get
	For     time.Duration
	PID     int
}

// IdleResult is what the streams cost the server.
type IdleResult struct {
	Streams     int     `json:"streams"`
	Mbit        float64 `json:"mbit_per_second_each"`
	CPU         float64 `json:"server_cpu"` // of one core
	KBPerStream float64 `json:"kb_per_stream"`
	ToolCPU     float64 `json:"tool_cpu"`
}

// Idle publishes streams and measures the server. It blocks until they have ended.
func Idle(ctx context.Context, o IdleOptions) (r IdleResult, err error) {
	r.Streams, r.Mbit = len(o.Publish), float64(o.Picture.Bits)/1e6
	server := process{o.PID}
	empty, err := server.rss()
	if err != nil {
		return r, err
	}
	publishing, stop := context.WithCancelCause(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop(nil)
	tick := time.NewTicker(time.Second / time.Duration(max(1, o.Start)))
	defer tick.Stop()
	for _, to := range o.Publish {
		all.Go(func() {
			if err := Publish(publishing, to, Source{Picture: o.Picture}); publishing.Err() == nil {
				stop(fmt.Errorf("a publisher ended: %w", err)) // nothing is left to measure
			}
		})
		select {
		case <-tick.C:
		case <-publishing.Done():
			return r, context.Cause(publishing)
		}
	}
	if err := pause(publishing, o.Fill); err != nil {
		return r, err
	}
	began, before := time.Now(), server.spent()
	own, err := ownCPU()
	if err != nil {
		return r, err
	}
	if err := pause(publishing, o.For); err != nil {
		return r, err
	}
	took := time.Since(began)
	r.CPU = float64(server.spent()-before) / float64(took)
	if after, err := ownCPU(); err == nil {
		r.ToolCPU = float64(after-own) / float64(took)
	}
	full, err := server.rss()
	r.KBPerStream = float64(full-empty) / 1024 / float64(max(1, r.Streams))
	return r, err
}

// Table writes r as a table in Markdown.
func (r IdleResult) Table(w io.Writer) {
	fmt.Fprintln(w, "| streams | Mbit/s each | server CPU | KB/stream | tool CPU |")
	fmt.Fprintln(w, "|---|---|---|---|---|")
	fmt.Fprintf(w, "| %d | %.1f | %.0f %% | %.0f | %.0f %% |\n", r.Streams, r.Mbit, 100*r.CPU, r.KBPerStream, 100*r.ToolCPU)
}
