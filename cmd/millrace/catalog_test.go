package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What was exported is imported elsewhere, from and into files, and from and into
// a server that runs, whose URLs are signed with the new keys at once.
func TestCatalogExportAndImport(t *testing.T) {
	from, file := installation(t), filepath.Join(t.TempDir(), "catalog.yaml")
	if status, _, errs := call("catalog", "export", "--data-dir", from, "-o", file); status != 0 {
		t.Fatal(errs)
	}
	if stat, err := os.Stat(file); err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", stat, err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	export := func(dir string) string {
		t.Helper()
		status, out, errs := call("catalog", "export", "--data-dir", dir)
		if status != 0 {
			t.Fatal(errs)
		}
		return out
	}

	stopped := t.TempDir()
	if status, _, errs := call("catalog", "import", file, "--data-dir", stopped); status != 0 || !strings.Contains(errs, "2 domains") {
		t.Fatal(status, errs)
	}
	if got := export(stopped); got != string(whole) {
		t.Errorf("stopped: got\n%s\nwant\n%s", got, whole)
	}

	running := t.TempDir()
	serve(t, "--data-dir", running)
	if export(running) == string(whole) {
		t.Error("a new installation has the keys of another")
	}
	if status, _, errs := call("catalog", "import", file, "--data-dir", running); status != 0 {
		t.Fatal(errs)
	}
	if got := export(running); got != string(whole) {
		t.Errorf("running: got\n%s\nwant\n%s", got, whole)
	}
	key := func(dir string) string {
		t.Helper()
		status, out, errs := call("sign", "rtmp://localhost/live/x", "--at", "1740562218", "--data-dir", dir)
		if status != 0 {
			t.Fatal(errs)
		}
		return out
	}
	if key(running) != key(from) {
		t.Error("the running server signs with other keys")
	}
	if status, _, errs := call("serve", "--data-dir", running, "--http-addr=127.0.0.1:0", "--rtmp-addr=127.0.0.1:0", "--rtc-addr=127.0.0.1:0", "--srt-addr=", "--admin-addr=127.0.0.1:0"); status != 1 || !strings.Contains(errs, "in use by a running millrace") {
		t.Errorf("a second server: %d, %s", status, errs)
	}

	bad := strings.Replace(strings.Replace(string(whole), "type: ingest", "type: edge", 1), "status: online", "status: on", 1)
	if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, errs := call("catalog", "import", file, "--data-dir", running)
	if status != 1 || !strings.Contains(errs, `"edge" is neither`) || !strings.Contains(errs, `"on" is neither`) {
		t.Errorf("a bad file: %d, %s", status, errs)
	}
	if got := export(running); got != string(whole) {
		t.Error("a bad file has changed something")
	}
}
