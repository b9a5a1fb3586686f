package datadir_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"millrace/internal/catalog"
	"millrace/internal/datadir"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string) *datadir.Dir {
	t.Helper()
	d, err := datadir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// write makes a data directory that holds one file.
func write(t *testing.T, name, content string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestFirstStartAndRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "data")
	if _, err := datadir.ReadDomains(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("before the first start: %v", err)
	}
	first, err := open(t, path).Domains()
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Domains) != 2 {
		t.Fatalf("domains: %+v", first.Domains)
	}
	in, out := first.Domains[0], first.Domains[1]
	if len(in.Auth.PrimaryKey) < 16 || len(out.Auth.PrimaryKey) < 16 || in.Auth.PrimaryKey == out.Auth.PrimaryKey {
		t.Errorf("keys %q and %q", in.Auth.PrimaryKey, out.Auth.PrimaryKey)
	}
	day := 24 * time.Hour
	want := []catalog.Domain{
		{
			Name: "push.localhost", Role: catalog.Ingest, Main: "play.localhost", Default: true,
			Auth: catalog.Auth{Enabled: true, PrimaryKey: in.Auth.PrimaryKey, Validity: day},
		},
		{
			Name: "play.localhost", Role: catalog.Streaming, Main: "play.localhost", Default: true, Mode: catalog.SubSecond,
			Auth: catalog.Auth{Enabled: true, PrimaryKey: out.Auth.PrimaryKey, Validity: day},
		},
	}
	if !reflect.DeepEqual(first.Domains, want) {
		t.Errorf("got %+v\nwant %+v", first.Domains, want)
	}

	second, err := open(t, path).Domains()
	if err != nil || !reflect.DeepEqual(first, second) {
		t.Errorf("a restart gives %+v, %v", second, err)
	}
	other, err := open(t, t.TempDir()).Domains()
	if err != nil || other.Domains[0].Auth.PrimaryKey == in.Auth.PrimaryKey {
		t.Errorf("another installation has the same key (%v)", err)
	}
	wantFiles(t, path, "domains.yaml")
}

// wantFiles checks that dir holds these files, for the owner's eyes only, and
// nothing left over.
func wantFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
		if fi, err := e.Info(); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", e.Name(), fi.Mode(), err)
		}
	}
	if !reflect.DeepEqual(got, names) {
		t.Errorf("files %v, want %v", got, names)
	}
}

// Processes that start for the first time at once agree on one set of keys.
func TestFirstStartsAtOnce(t *testing.T) {
	path := t.TempDir()
	var got [8]*catalog.Snapshot
	var all sync.WaitGroup
	for i := range got {
		d := open(t, path)
		all.Go(func() {
			s, err := d.Domains()
			if err != nil {
				t.Errorf("start %d: %v", i, err)
			}
			got[i] = s
		})
	}
	all.Wait()
	for _, s := range got[1:] {
		if !reflect.DeepEqual(s, got[0]) {
			t.Fatalf("different keys: %+v and %+v", got[0], s)
		}
	}
	wantFiles(t, path, "domains.yaml")
}

func TestUnusableDirectory(t *testing.T) {
	file := filepath.Join(write(t, "file", ""), "file")
	for path, want := range map[string]string{
		file:                         "make data directory",
		filepath.Join(file, "below"): "make data directory",
		"/proc/self/fd":              "write to data directory",
	} {
		if _, err := datadir.Open(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestUnsigned(t *testing.T) {
	signed, err := open(t, t.TempDir()).Domains()
	if err != nil {
		t.Fatal(err)
	}
	signed.Domains = append(signed.Domains, catalog.Domain{Name: "own.test", Auth: catalog.Auth{Enabled: true}})
	for i, d := range datadir.Unsigned(signed).Domains {
		if d.Auth.Enabled == d.Default {
			t.Errorf("%s: signing %v", d.Name, d.Auth.Enabled)
		}
		if !signed.Domains[i].Auth.Enabled {
			t.Errorf("%s: the original changed", d.Name)
		}
	}
}

func TestWithMode(t *testing.T) {
	made, err := open(t, t.TempDir()).Domains()
	if err != nil {
		t.Fatal(err)
	}
	made.Domains = append(made.Domains, catalog.Domain{Name: "own.test", Role: catalog.Streaming, Mode: catalog.SubSecond})
	for i, d := range datadir.WithMode(made, catalog.HalfSecond).Domains {
		if half := d.Mode == catalog.HalfSecond; half != (d.Name == "play.localhost") {
			t.Errorf("%s: mode %q", d.Name, d.Mode)
		}
		if made.Domains[i].Mode == catalog.HalfSecond {
			t.Errorf("%s: the original changed", d.Name)
		}
	}
}
