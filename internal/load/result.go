package load

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// Quantiles are milliseconds.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (q Quantiles) String() string { return fmt.Sprintf("%.1f / %.1f / %.1f", q.P50, q.P95, q.P99) }

func (h *histogram) quantiles() Quantiles {
	return Quantiles{millis(h.quantile(.5)), millis(h.quantile(.95)), millis(h.quantile(.99))}
}

func (h *histogram) reset() {
	for i := range h.buckets {
		h.buckets[i].Store(0)
	}
}

// totals are counts over all viewers while measuring.
type totals struct {
	Packets uint64 `json:"packets"`
	Frames  uint64 `json:"frames"`
	Lost    uint64 `json:"lost"`    // packets missing
	Late    uint64 `json:"late"`    // packets out of order, or repeated
	Dropped uint64 `json:"dropped"` // of the lost, by the tool's own sockets
	Wrong   uint64 `json:"wrong"`   // did not open, or are not what was published
	bytes   uint64
	repeats uint64
	strays  uint64
}

func sum(all []*member) (t totals) {
	for _, m := range all {
		t.Packets += m.packets.Load()
		t.Frames += m.frames.Load()
		t.Lost += m.lost.Load()
		t.Late += m.late.Load()
		t.Dropped += m.dropped.Load()
		t.Wrong += m.wrong.Load()
		t.bytes += m.bytes.Load()
		t.repeats += m.repeats.Load()
		t.strays += m.strays.Load()
	}
	return t
}

func (t totals) less(o totals) totals {
	return totals{
		t.Packets - o.Packets, t.Frames - o.Frames, t.Lost - o.Lost, t.Late - o.Late,
		t.Dropped - o.Dropped, t.Wrong - o.Wrong, t.bytes - o.bytes, t.repeats - o.repeats, t.strays - o.strays,
	}
}

// Result of a step of load. Times are in ms.
type Result struct {
	Viewers    int    `json:"viewers"`
	Failed     int    `json:"failed"`
	FirstError string `json:"first_error,omitempty"`
	totals
	Whole                 float64   `json:"whole"`              // share of the pictures that came whole: a server may leave some out
	PacketsPerSecond      float64   `json:"packets_per_second"` // received by all viewers
	MbitPerSecond         float64   `json:"mbit_per_second"`
	CPU                   float64   `json:"server_cpu"` // share of one core
	ToolCPU               float64   `json:"tool_cpu"`
	MicrosPerPacket       float64   `json:"server_us_per_packet"`
	MillisPerViewerSecond float64   `json:"server_ms_per_viewer_second"`
	KBPerViewer           float64   `json:"kb_per_viewer"`        // from the second viewer on, resident
	KBPerViewerBeyond     float64   `json:"kb_per_viewer_beyond"` // from the 101st on
	Delay                 Quantiles `json:"delay"`                // from the publisher's stamp to a viewer's socket
	Connect               Quantiles `json:"connect"`              // from the request until media can flow
	First                 Quantiles `json:"first_packet"`         // from the request
	Key                   Quantiles `json:"first_key"`            // to the first whole key frame, from the request
	ReadLate              Quantiles `json:"read_late"`            // from a socket to its being read by the tool
}

// Header writes the head of a table of results in Markdown.
func Header(w io.Writer) {
	fmt.Fprintln(w, "| viewers | failed | packets/s | Mbit/s | lost (by the tool) | whole pictures % | server CPU | µs/packet | ms/viewer/s | KB/viewer | beyond 100 | delay p50 / p95 / p99 ms | connect ms | first packet ms | first key frame ms | tool CPU | read late ms |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
}

// Row writes r as a row of that table.
func (r Result) Row(w io.Writer) {
	fmt.Fprintf(w, "| %d | %d | %.0f | %.1f | %d (%d) | %.2f | %.0f %% | %.2f | %.2f | %.0f | %.0f | %s | %s | %s | %s | %.0f %% | %s |\n",
		r.Viewers, r.Failed, r.PacketsPerSecond, r.MbitPerSecond, r.Lost, r.Dropped, 100*r.Whole, 100*r.CPU, r.MicrosPerPacket, r.MillisPerViewerSecond,
		r.KBPerViewer, r.KBPerViewerBeyond, r.Delay, r.Connect, r.First, r.Key, 100*r.ToolCPU, r.ReadLate)
}

// Trouble is a sentence about what went wrong; empty when nothing did.
func (r Result) Trouble() string {
	switch {
	case r.Failed > 0:
		return fmt.Sprintf("%d viewers failed, the first one: %s", r.Failed, r.FirstError)
	case r.Wrong > 0:
		return fmt.Sprintf("%d packets did not open or were not what was published", r.Wrong)
	case r.Frames == 0:
		return "no stamped frame came: is the stream published by this tool?"
	}
	return ""
}

// WriteJSON writes a report into a file, indented.
func WriteJSON(path string, report any) error {
	b, err := json.MarshalIndent(report, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(b, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
