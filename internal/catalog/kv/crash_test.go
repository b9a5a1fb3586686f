package kv_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/catalog/kv"
)

// The environment of a test binary that is to be a writer: what it writes, the
// directory of its store, and the most bytes that a file of its may have.
const (
	writerKind  = "MILLRACE_TEST_WRITER"
	writerDir   = "MILLRACE_TEST_STORE"
	writerBytes = "MILLRACE_TEST_FILE_BYTES"
)

const writes = 1000

// writers write and say on standard output what is acknowledged.
var writers = map[string]func(dir string) error{
	"entries": writeEntries, "changes": writeChanges, "torn": tearChange, "again": writeAgain,
}

func TestMain(m *testing.M) {
	if write := writers[os.Getenv(writerKind)]; write != nil {
		if err := boundFiles(os.Getenv(writerBytes)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := write(os.Getenv(writerDir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// boundFiles sets the most bytes that a file of this process may have; "" takes
// the bound away. A write beyond it fails like one to a full disk, for any user.
func boundFiles(bytes string) error {
	limit := syscall.Rlimit{}
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	if bytes != "" {
		n, err := strconv.ParseUint(bytes, 10, 64)
		if err != nil {
			return err
		}
		limit.Cur = n
	}
	signal.Ignore(syscall.SIGXFSZ)
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
}

// openHere opens a store in a writer.
func openHere(dir string) (*kv.Server, *kv.Store, error) {
	s, err := kv.Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, nil, err
	}
	b, err := s.Bucket(context.Background(), "catalog", 0)
	return s, b, err
}

// writeEntries says when writing fails, and ends in order.
func writeEntries(dir string) error {
	s, b, err := openHere(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	patience := 30 * time.Second
	if os.Getenv(writerBytes) != "" {
		patience = 10 * time.Second // one write is to fail
	}
	for i := range writes {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		_, err := b.Put(ctx, catalog.Write{Key: key(i), Value: value(i)})
		cancel()
		if err != nil {
			fmt.Println("failed", err)
			return nil
		}
		fmt.Println("ok", i)
	}
	return nil
}

func key(i int) string   { return fmt.Sprintf("domain/d%d.test", i) }
func value(i int) []byte { return []byte(strings.Repeat(strconv.Itoa(i)+" ", 100)) }

// writer starts a writer. Its lines are what it says.
func writer(t *testing.T, kind, dir, bytes string, env ...string) (cmd *exec.Cmd, lines *bufio.Scanner) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writerKind+"="+kind, writerDir+"="+dir, writerBytes+"="+bytes)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(60*time.Second, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		limit.Stop()
		_ = cmd.Process.Kill() // most have ended
		_ = cmd.Wait()
	})
	return cmd, bufio.NewScanner(out)
}

// wantWritten opens the store again: everything up to the last acknowledged
// entry is there, and it takes more.
func wantWritten(t *testing.T, dir string, last int) {
	t.Helper()
	_, b := open(t, dir)
	for i := range last + 1 {
		e, err := b.Get(t.Context(), key(i))
		if err != nil || string(e.Value) != string(value(i)) {
			t.Fatalf("acknowledged entry %d of %d: %q, %v", i, last, e.Value, err)
		}
	}
	if _, err := b.Put(t.Context(), catalog.Write{Key: "domain/after.test", Value: []byte("x")}); err != nil {
		t.Errorf("the store takes no more: %v", err)
	}
}

// A process is killed in the midst of its writes, several times at different
// ones.
func TestKilled(t *testing.T) {
	t.Parallel()
	for _, at := range []int{0, 37, 500} {
		dir := t.TempDir()
		cmd, lines := writer(t, "entries", dir, "")
		last := -1
		for lines.Scan() {
			if _, err := fmt.Sscanf(lines.Text(), "ok %d", &last); err != nil {
				t.Fatalf("%q: %v", lines.Text(), err)
			}
			if last == at {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if last < at {
			t.Fatalf("the writer ended at %d", last)
		}
		wantWritten(t, dir, last)
	}
}

// The disk is full: a write is refused, and when there is room again the store
// opens with all that was acknowledged.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, lines := writer(t, "entries", dir, "100000")
	last, failed := -1, ""
	for lines.Scan() {
		if _, err := fmt.Sscanf(lines.Text(), "ok %d", &last); err != nil {
			failed = lines.Text()
		}
	}
	if !strings.HasPrefix(failed, "failed") || last < 10 {
		t.Fatalf("after %d writes: %q", last+1, failed)
	}
	wantWritten(t, dir, last)
}

// A store that was closed opens again with everything, deletions included.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	s, b := open(t, dir)
	var gone uint64
	for i := range 50 {
		rev, err := b.Put(t.Context(), catalog.Write{Key: key(i), Value: value(i)})
		if err != nil {
			t.Fatal(err)
		}
		gone = rev
	}
	if _, err := b.Put(t.Context(), catalog.Write{Key: key(49), Revision: gone}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	_, b = open(t, dir)
	if _, err := b.Get(t.Context(), key(49)); !errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("a deleted entry: %v", err)
	}
	s2, err := b.List(t.Context(), "domain/")
	if err != nil || len(s2) != 49 {
		t.Errorf("%d entries, %v", len(s2), err)
	}
}
