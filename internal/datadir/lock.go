package datadir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const lockFile = "lock"

// Taken says that a running node has the data directory open.
type Taken struct {
	Path string
	// Admin is the node's admin address, or "" while it starts.
	Admin string
}

func (e *Taken) Error() string {
	return fmt.Sprintf("data directory %s is in use by a running millrace", e.Path)
}

// lock keeps all other processes from opening the catalog until the file is
// closed, by the end of this process at the latest. The error is *Taken where
// one of them has it.
func lock(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) //nolint:gosec // a file descriptor
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		return f, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		taken := &Taken{Path: dir}
		if said, err := os.ReadFile(path); err == nil {
			taken.Admin = strings.TrimSpace(string(said))
		}
		return nil, errors.Join(taken, f.Close())
	}
	return nil, fmt.Errorf("lock data directory: %w", errors.Join(err, f.Close()))
}
