package load

import (
	"fmt"
	"io"
	"time"
)

// Header writes the head of a table of results in Markdown.
func Header(w io.Writer) {
	fmt.Fprintln(w, "| viewers | failed | packets/s | Mbit/s | lost | server CPU | µs/packet | KB/viewer | delay p50 / p95 / p99 ms | connect p50 / p95 ms | first packet p50 / p95 ms |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|")
}

// Row writes r as a row of that table. Delays are from the stream's capture
// clock, which runs with the promptest frames, to a viewer's socket.
func (r Result) Row(w io.Writer) {
	if r.Failed > 0 {
		defer fmt.Fprintf(w, "\n%d viewers failed, the first one: %s\n", r.Failed, r.FirstError)
	}
	fmt.Fprintf(w, "| %d | %d | %.0f | %.1f | %d | %.0f %% | %.2f | %.0f | %s / %s / %s | %s / %s | %s / %s |\n",
		r.Viewers, r.Failed, r.PacketsPerSecond, r.MbitPerSecond, r.Lost, 100*r.CPU, r.MicrosPerPacket, r.KBPerViewer,
		ms(r.Delay[0]), ms(r.Delay[1]), ms(r.Delay[2]), ms(r.Connect[0]), ms(r.Connect[1]), ms(r.First[0]), ms(r.First[1]))
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond)) }
