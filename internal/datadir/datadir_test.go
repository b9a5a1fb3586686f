package datadir_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
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

var options = catalog.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler)}

func openCatalog(t *testing.T, path string) *datadir.Catalog {
	t.Helper()
	c, err := open(t, path).Catalog(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func export(t *testing.T, path string) (catalog.Document, error) {
	t.Helper()
	return datadir.Export(t.Context(), path, options.Log)
}

func TestFirstStartAndRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "data")
	if _, err := export(t, path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("before the first start: %v", err)
	}
	c := openCatalog(t, path)
	in, out := c.Snapshot().Default(catalog.Ingest), c.Snapshot().Default(catalog.Streaming)
	if in == nil || out == nil || len(c.Snapshot().Domains()) != 2 {
		t.Fatalf("domains: %+v", c.Snapshot().Domains())
	}
	if len(in.Auth.PrimaryKey) < 16 || len(out.Auth.PrimaryKey) < 16 || in.Auth.PrimaryKey == out.Auth.PrimaryKey {
		t.Errorf("keys %q and %q", in.Auth.PrimaryKey, out.Auth.PrimaryKey)
	}
	if in.Name != "push.localhost" || out.Name != "play.localhost" || in.Main != out.Name || out.Mode != catalog.SubSecond || in.Auth.Validity != 24*time.Hour {
		t.Errorf("got %+v and %+v", in, out)
	}
	first := c.Snapshot().Document()
	c.Close()

	second, err := export(t, path)
	if err != nil || len(second.Domains) != 2 || second.Domains[0].Functions[0].Args["auth_key1"] != first.Domains[0].Functions[0].Args["auth_key1"] {
		t.Errorf("a restart gives %+v, %v", second, err)
	}
	if other := openCatalog(t, t.TempDir()); other.Snapshot().Default(catalog.Ingest).Auth == in.Auth {
		t.Error("another installation has the same key")
	}
	if stat, err := os.Stat(filepath.Join(path, "store")); err != nil || stat.Mode().Perm() != 0o700 {
		t.Errorf("store: %v, %v", stat, err)
	}
}

// The domains of an older installation are taken over once.
func TestLegacyDomains(t *testing.T) {
	path := write(t, "domains.yaml", "domains:\n  - {name: own.test, type: streaming, default: true, signing: true, primary-key: own, validity-minutes: 30}\n")
	c := openCatalog(t, path)
	d := c.Snapshot().Domain("own.test")
	if d == nil || len(c.Snapshot().Domains()) != 1 || d.Auth.PrimaryKey != "own" || d.Auth.Validity != 30*time.Minute || d.Mode != catalog.SubSecond || d.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Fatalf("got %+v", d)
	}
	if _, err := os.Stat(filepath.Join(path, "domains.yaml.imported")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(path, "domains.yaml")); err == nil {
		t.Error("domains.yaml is still there")
	}
	bad := write(t, "domains.yaml", "domains:\n  - {name: own.test, type: edge}\n")
	if _, err := open(t, bad).Catalog(t.Context(), options); err == nil || !strings.Contains(err.Error(), "domains.yaml") {
		t.Errorf("a bad file: %v", err)
	}
}

// While one process has the catalog, others are told who.
func TestTaken(t *testing.T) {
	path := t.TempDir()
	c := openCatalog(t, path)
	var taken *datadir.Taken
	if _, err := open(t, path).Catalog(t.Context(), options); !errors.As(err, &taken) || taken.Admin != "" {
		t.Fatalf("got %v", err)
	}
	if err := c.Announce("127.0.0.1:9"); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, path).Catalog(t.Context(), options); !errors.As(err, &taken) || taken.Admin != "127.0.0.1:9" {
		t.Fatalf("got %v", err)
	}
	c.Close()
	if _, err := export(t, path); err != nil {
		t.Fatal(err)
	}
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
