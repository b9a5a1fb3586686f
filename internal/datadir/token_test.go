package datadir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAdminTokenIsMadeOnceAndKeptSecret(t *testing.T) {
	path := t.TempDir()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	first, err := d.AdminToken()
	if err != nil || len(first) < tokenLeast {
		t.Fatalf("AdminToken() = %q, %v", first, err)
	}
	if again, err := d.AdminToken(); err != nil || again != first {
		t.Fatalf("second AdminToken() = %q, %v, want %q", again, err, first)
	}
	stat, err := os.Stat(filepath.Join(path, tokenFile))
	if err != nil || stat.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v, want 0600", stat.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(path, tokenFile), []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.AdminToken(); err == nil || !strings.Contains(err.Error(), "16 characters") {
		t.Fatalf("a short token: %v", err)
	}
}

// Where there is a token nothing is written: a full disk keeps no node from its
// start.
func TestTokenIsReadAlone(t *testing.T) {
	path := t.TempDir()
	dir, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	first, err := dir.AdminToken()
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := dir.AdminToken()
	if err != nil || again != first {
		t.Fatalf("%q, then %q, %v", first, again, err)
	}
	if after, err := os.Stat(path); err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("files were made in the directory: %v", err)
	}
}
