package load

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// process reads a server's cost from the system.
type process struct{ pid int }

// clockTick is the unit of CPU time in /proc: 100 per second on Linux.
const clockTick = 10 * time.Millisecond

// cpu is the processor time used so far, of user and system.
func (p process) cpu() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0, fmt.Errorf("read processor time: unexpected %q", rest)
	}
	user, err := strconv.ParseInt(f[11], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	system, err := strconv.ParseInt(f[12], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	return time.Duration(user+system) * clockTick, nil
}

// spent is cpu, and 0 where it cannot be read or there is no process.
func (p process) spent() time.Duration {
	if p.pid == 0 {
		return 0
	}
	d, err := p.cpu()
	if err != nil {
		return 0
	}
	return d
}

// rss is the resident memory in bytes.
func (p process) rss() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.pid))
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0, fmt.Errorf("read memory: unexpected %q", b)
	}
	pages, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	return pages * int64(os.Getpagesize()), nil
}
