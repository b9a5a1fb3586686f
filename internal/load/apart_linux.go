package load

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

const (
	loopbackRPS = "/sys/class/net/lo/queues/rx-0/rps_cpus"
	maxBacklog  = "/proc/sys/net/core/netdev_max_backlog"
	// backlog holds what a walk over a thousand viewers leaves in one go.
	backlog = 100_000
)

// ReceiveApart has processor core do the receiving half of loopback (receive
// packet steering) and returns what puts the system's settings back. A sender
// then pays for about what it would pay for a network card: without it, it also
// pays for what another machine would do. It needs root, and is of the whole
// network namespace.
func ReceiveApart(core int) (restore func() error, err error) {
	rps, err := set(loopbackRPS, strconv.FormatUint(1<<core, 16))
	if err != nil {
		return nil, fmt.Errorf("move loopback's receiving half: %w", err)
	}
	queue, err := set(maxBacklog, strconv.Itoa(backlog))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("move loopback's receiving half: %w", err), rps())
	}
	return func() error { return errors.Join(rps(), queue()) }, nil
}

// set writes a setting and returns what writes its former value.
func set(file, value string) (restore func() error, err error) {
	before, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(file, []byte(value), 0o644); err != nil { //nolint:gosec // the mode of a file that is there
		return nil, err
	}
	return func() error {
		if err := os.WriteFile(file, []byte(strings.TrimSpace(string(before))), 0o644); err != nil { //nolint:gosec // as above
			return fmt.Errorf("put %s back to %s: %w", file, before, err)
		}
		return nil
	}, nil
}
