package carry

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"millrace/client"
)

// Line writes statistics to a terminal, one line that is written over each
// second, or line by line to anything else. A nil Line writes nothing.
type Line struct {
	W io.Writer
	// Live writes a line each second. Without it only the last is written.
	Live bool
	// Received says that the figures are a player's.
	Received bool

	began time.Time
	last  client.Stats
	at    time.Time
}

const lineEvery = time.Second

// follow writes lines until stop is called, which waits for the last.
func (l *Line) follow(stats func() client.Stats) (stop func()) {
	if l == nil {
		return func() {}
	}
	l.began = time.Now()
	l.at = l.began
	if !l.Live {
		return func() {}
	}
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		tick := time.NewTicker(lineEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				l.write(stats(), time.Now())
			case <-done:
				if isTerminal(l.W) {
					l.print("\n")
				}
				return
			}
		}
	})
	return func() { close(done); wait.Wait() }
}

func (l *Line) print(text string) { _, _ = io.WriteString(l.W, text) }

func (l *Line) write(s client.Stats, now time.Time) {
	rate := float64(s.Bytes-l.last.Bytes) * 8 / now.Sub(l.at).Seconds()
	l.last, l.at = s, now
	text := l.text(&s, rate)
	if isTerminal(l.W) {
		l.print("\r\x1b[K" + text)
		return
	}
	l.print(text + "\n")
}

// text is the line.
func (l *Line) text(s *client.Stats, rate float64) string {
	if s.State != client.Connected {
		text := s.State.String()
		if s.Err != nil {
			text += ": " + s.Err.Error()
		}
		return text
	}
	parts := []string{fmt.Sprintf("%.2f Mbit/s", rate/1e6)}
	if s.RTT > 0 {
		parts = append(parts, "rtt "+millis(s.RTT))
	}
	if l.Received {
		if s.DelayKnown {
			parts = append(parts, "delay "+millis(s.Delay))
		}
		if s.FirstFrame > 0 {
			parts = append(parts, "first frame "+millis(s.FirstFrame))
		}
	}
	parts = append(parts, counted(s, l.Received)...)
	return strings.Join(parts, "  ")
}

// counted are the figures that add up.
func counted(s *client.Stats, received bool) []string {
	share := 0.0
	if total := s.Packets + s.Lost; total > 0 {
		share = float64(s.Lost) / float64(total) * 100
	}
	parts := []string{fmt.Sprintf("lost %d (%.1f %%)", s.Lost, share), fmt.Sprintf("nack %d", s.NACKed)}
	if received {
		parts = append(parts, fmt.Sprintf("recovered %d", s.Recovered))
	} else {
		parts = append(parts, fmt.Sprintf("resent %d", s.Recovered))
	}
	parts = append(parts, fmt.Sprintf("key frames asked %d", s.KeyRequests))
	if s.Dropped > 0 {
		parts = append(parts, fmt.Sprintf("dropped %d", s.Dropped))
	}
	if s.Reconnects > 0 {
		parts = append(parts, fmt.Sprintf("reconnects %d", s.Reconnects))
	}
	return parts
}

// total writes the last line.
func (l *Line) total(did string, s client.Stats) {
	if l == nil {
		return
	}
	span := time.Since(l.began)
	parts := []string{fmt.Sprintf("%s %d access units in %.1f s", did, s.Units, span.Seconds())}
	parts = append(parts, fmt.Sprintf("%.2f Mbit/s", float64(s.Bytes)*8/1e6/max(span.Seconds(), 0.001)))
	if s.FirstFrame > 0 {
		parts = append(parts, "first frame "+millis(s.FirstFrame))
	}
	l.print(strings.Join(append(parts, counted(&s, l.Received)...), ", ") + "\n")
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1e3) }

// isTerminal says whether a reader or writer is one: a character device that is
// not the null device.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	stat, err := f.Stat()
	if err != nil || stat.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(stat, null)
}
