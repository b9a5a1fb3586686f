package kv_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"millrace/internal/catalog"
)

// writeAgain writes until there is no room, makes room and goes on, all in one
// process. Room is what its files may have or, where there is a ballast, what
// that leaves of the disk.
func writeAgain(dir string) error {
	s, b, err := openHere(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	ballast := filepath.Join(filepath.Dir(dir), "ballast")
	full := false
	made := 0
	deadline := time.Now().Add(50 * time.Second)
	for made < 12 && time.Now().Before(deadline) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_, err := b.Put(ctx,
			catalog.Write{Key: fmt.Sprintf("a/%d", made), Value: make([]byte, 5000)},
			catalog.Write{Key: fmt.Sprintf("b/%d", made), Value: make([]byte, 5000)})
		cancel()
		switch {
		case err == nil, errors.Is(err, catalog.ErrConflict): // made, but not acknowledged
			fmt.Println("ok", made)
			made++
		case !full:
			full = true
			fmt.Println("failed", err)
			if err := errors.Join(boundFiles(""), os.RemoveAll(ballast)); err != nil {
				return err
			}
		}
	}
	if !full {
		return errors.New("there was room enough")
	}
	if made < 12 {
		return errors.New("it does not write again")
	}
	return nil
}

// A node goes on when its disk has room again.
func TestRoomAgain(t *testing.T) {
	t.Parallel()
	again := func(t *testing.T, dir, bytes string) {
		_, lines := writer(t, "again", dir, bytes)
		made, failed := 0, 0
		for lines.Scan() {
			switch {
			case strings.HasPrefix(lines.Text(), "ok"):
				made++
			case strings.HasPrefix(lines.Text(), "failed"):
				failed++
			}
		}
		if made != 12 || failed == 0 {
			t.Fatalf("%d writes, %d failed", made, failed)
		}
		_, b := open(t, dir)
		for _, prefix := range []string{"a/", "b/"} {
			if all, err := b.List(t.Context(), prefix); err != nil || len(all) != 12 {
				t.Errorf("%d entries, %v", len(all), err)
			}
		}
	}
	t.Run("bounded files", func(t *testing.T) { again(t, t.TempDir(), "40000") })
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		return // only root may do that
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	t.Run("small disk", func(t *testing.T) {
		dir := filepath.Join(disk, "store")
		if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(disk, "ballast"), make([]byte, 4<<20-150_000), 0o600)); err != nil {
			t.Fatal(err)
		}
		again(t, dir, "")
	})
}
