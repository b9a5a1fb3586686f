package kv_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"millrace/internal/catalog"
)

const domains = 8

func domain(i int) string { return fmt.Sprintf("d%d.test", i) }

func openCatalog(store catalog.Store) (*catalog.Catalog, error) {
	return catalog.Open(context.Background(), store, catalog.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
}

// count sets a domain's count, which is in a header.
func count(c *catalog.Catalog, name string, n int) error {
	return c.SetFunctions(context.Background(), "test", []string{name}, []catalog.Function{catalog.Header("X-Count", strconv.Itoa(n))})
}

func counted(d *catalog.Domain) int {
	n, _ := strconv.Atoi(d.Header.Get("X-Count"))
	return n
}

// writeChanges changes domains from several sides at once.
func writeChanges(dir string) error {
	s, b, err := openHere(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	c, err := openCatalog(b)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	for i := range domains {
		all.Go(func() {
			err := c.AddDomain(context.Background(), "test", catalog.Domain{Name: domain(i), Role: catalog.Streaming})
			for n := 1; err == nil; n++ {
				if err = count(c, domain(i), n); err == nil {
					fmt.Println("ok", i, n)
				}
			}
			fmt.Println(err)
		})
	}
	all.Wait()
	return nil
}

// room is an environment variable: how many bytes there are for a change.
const room = "MILLRACE_TEST_ROOM"

// tearChange makes a change for which there is not all the room that it needs in
// the file that it is committed to, and is killed then.
func tearChange(dir string) error {
	_, b, err := openHere(dir)
	if err != nil {
		return err
	}
	c, err := openCatalog(b)
	if err != nil {
		return err
	}
	for i := range domains { // what is staged is smaller than the file
		if err := c.AddDomain(context.Background(), "test", catalog.Domain{Name: domain(i), Role: catalog.Streaming}); err != nil {
			return err
		}
	}
	bytes, err := strconv.ParseInt(os.Getenv(room), 10, 64)
	if err != nil {
		return err
	}
	if err := boundFiles(strconv.FormatInt(blockSize(dir)+bytes, 10)); err != nil {
		return err
	}
	if err := count(c, domain(0), 1); err == nil {
		fmt.Println("ok")
	}
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// blockSize is the size of the file that the catalog's messages are in.
func blockSize(dir string) (size int64) {
	blocks, _ := filepath.Glob(filepath.Join(dir, "jetstream/$G/streams/KV_catalog/msgs/*.blk"))
	for _, path := range blocks {
		if info, err := os.Stat(path); err == nil {
			size = max(size, info.Size())
		}
	}
	return size
}

// wantAudited opens the store again and compares each domain with its audit
// entries: they tell each of its changes, and no other. It returns the counts.
func wantAudited(t *testing.T, dir string) (got []int) {
	t.Helper()
	_, b := open(t, dir)
	c, err := openCatalog(b)
	if err != nil {
		t.Fatal(err)
	}
	all, err := c.Audit(t.Context(), 100_000)
	if err != nil {
		t.Fatal(err)
	}
	for i := range domains {
		d := c.Snapshot().Domain(domain(i))
		if d == nil {
			got = append(got, -1)
			continue
		}
		n := counted(d)
		got = append(got, n)
		for _, e := range all {
			if e.Key != "domain/"+domain(i) {
				continue
			}
			var after catalog.Domain
			if err := json.Unmarshal(e.After, &after); err != nil {
				t.Fatal(err)
			}
			said := 0
			for _, f := range after.Functions {
				if f.Name == catalog.FuncHeader {
					said, _ = strconv.Atoi(f.Args["value"])
				}
			}
			if said != n {
				t.Fatalf("%s: the audit log has %d, the domain %d", domain(i), said, n)
			}
			n--
		}
		if n != -1 {
			t.Fatalf("%s: the audit log lacks the change to %d", domain(i), n)
		}
	}
	return got
}

// A process is killed while it makes changes from several sides: none that was
// acknowledged is lost, and none that was made lacks its audit entry.
func TestKilledChanges(t *testing.T) {
	t.Parallel()
	for _, after := range []int{1, 77} {
		dir := t.TempDir()
		cmd, lines := writer(t, "changes", dir, "")
		var last [domains]int
		for seen := 1; lines.Scan(); seen++ {
			var i, n int
			if _, err := fmt.Sscanf(lines.Text(), "ok %d %d", &i, &n); err != nil {
				t.Fatalf("%q: %v", lines.Text(), err)
			}
			last[i] = n
			if seen == after {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		for i, n := range wantAudited(t, dir) {
			if n < last[i] {
				t.Errorf("%s is at %d, acknowledged was %d", domain(i), n, last[i])
			}
		}
	}
}

// A process is killed when a part of a change is in its file, as much as there is
// room for: the change and its audit entry are there, or neither.
func TestTornChange(t *testing.T) {
	t.Parallel()
	torn := 0
	for _, bytes := range []int{10, 700, 1000, 100_000} {
		dir := t.TempDir()
		_, lines := writer(t, "torn", dir, "", room+"="+strconv.Itoa(bytes))
		ok := false
		for lines.Scan() {
			ok = lines.Text() == "ok"
		}
		n := wantAudited(t, dir)[0]
		if ok && n != 1 {
			t.Errorf("%d bytes: the change was acknowledged and is lost", bytes)
		}
		if !ok && n == 1 {
			torn++ // and completed
		}
	}
	if torn == 0 {
		t.Error("no change was torn: the test shows nothing")
	}
}
