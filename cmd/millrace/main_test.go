package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/datadir"
	"millrace/internal/links"
)

// runAsProgram, in the environment, makes the test binary behave as millrace:
// tests of signals need a process of their own.
const runAsProgram = "MILLRACE_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(runAsProgram) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// call runs a command line in this process.
func call(args ...string) (status int, out, errs string) {
	var o, e bytes.Buffer
	status = run(args, &o, &e)
	return status, o.String(), e.String()
}

// installation is a data directory after a first start.
func installation(t *testing.T) string {
	t.Helper()
	dir, err := datadir.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, err := dir.Catalog(t.Context(), catalog.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	return dir.Path()
}

func TestCommandLines(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "millrace.yaml")
	if err := os.WriteFile(bad, []byte("demo: true\nhttp-adr: :80\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty, data := t.TempDir(), installation(t)
	nothing := filepath.Join(t.TempDir(), "nothing.yaml")
	if err := os.WriteFile(nothing, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const vector = "rtmp://h/app/stream?auth_key=1740562218-0-0-7006cb10290acc11daa7f717b7a4f875\n"
	for _, c := range []struct {
		args   string
		status int
		out    string // part of standard output
		errs   string // part of standard error
	}{
		{"", 0, "Usage: millrace <command>", ""},
		{"--help", 0, "serve", ""},
		{"serve --help", 0, `--http-addr=":8080"`, ""},
		{"version", 0, "millrace ", ""},
		{"frobnicate", 2, "", "unexpected argument frobnicate"},
		{"serve --frobnicate", 2, "", "unknown flag --frobnicate\nmillrace serve --help"},
		{"sign", 2, "", "millrace sign --help"},
		{"catalog import " + nothing, 1, "", "the file is empty"},
		{"serve --http-addr 8080", 1, "", `http-addr: "8080" has no port`},
		{"serve --log-level loud", 2, "", "loud"},
		{"serve --config " + bad, 2, "", "2 | http-adr: :80"},
		{"serve --config " + empty + "/none.yaml", 2, "", "no such file"},
		{"serve --data-dir " + bad, 1, "", "--data-dir wants a directory"},

		{"sign rtmp://h/app/stream --key testkey0123 --at 1740562218", 0, vector, ""},
		{"sign rtmp://h/app/stream --key testkey0123 --at 2025-02-26T09:30:18Z", 0, vector, ""},
		{"sign rtmp://h/app/stream --key testkey0123 --at 1740562218 --validity 24h", 0, vector, ""},
		{"sign rtmp://h/app/stream --key k --at noon", 1, "", `"noon" is no time`},
		{"sign rtmp://h/app/stream --key k --validity=-1h", 1, "", "is over before it begins"},
		{"sign live/demo --key k", 1, "", "--key wants a whole URL"},
		{"sign live/demo --data-dir " + empty, 1, "", "start `millrace serve`"},
		{"sign live/de;mo --data-dir " + data, 1, "", `"live/de;mo" is no stream`},
		{"sign live/demo --rtmp-addr 1935 --data-dir " + data, 1, "", `rtmp-addr: "1935" has no port`},
		{"sign live/demo --domain none.test --data-dir " + data, 1, "", `no domain "none.test" here`},
		{"sign live/demo --data-dir " + data, 0, "OBS stream key  demo?auth_key=", ""},
		{"sign live/demo --tls --data-dir " + data, 0, "https://localhost:8443/whep/live/demo?auth_key=", ""},
		{"sign live/demo --data-dir " + data, 0, "WHIP            http://localhost:8080/live/demo?auth_key=", ""},
		{"sign live/demo --rts-mode half-second --data-dir " + data, 0, "publish  WHIP            http://localhost:8080/live/demo?auth_key=", ""},
		{"sign live/demo --rts-mode fast --data-dir " + data, 2, "", "--rts-mode"},
		{"serve --take-over never", 2, "", "--take-over"},
		{"sign http://localhost/live/demo.flv --json --data-dir " + data, 0, `{"url":"http://localhost/live/demo.flv?auth_key=`, ""},
	} {
		t.Run(c.args, func(t *testing.T) {
			status, out, errs := call(strings.Fields(c.args)...)
			if status != c.status || !strings.Contains(out, c.out) || !strings.Contains(errs, c.errs) {
				t.Errorf("status %d\nout: %s\nerr: %s\nwant %d, %q, %q", status, out, errs, c.status, c.out, c.errs)
			}
			if (status != 0) != (errs != "") {
				t.Errorf("status %d, but standard error is %q", status, errs)
			}
		})
	}
}

// The file of serve holds for sign too, and flags go before it.
func TestSignReadsTheFileOfServe(t *testing.T) {
	data := installation(t)
	file := filepath.Join(data, "millrace.yaml")
	if err := os.WriteFile(file, []byte("data-dir: "+data+"\nhttp-addr: :8081\nrtmp-addr: :1936\nno-auth: false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, errs := call("sign", "live/demo", "--config", file, "--rtmp-addr", ":1937", "--json")
	if status != 0 {
		t.Fatal(errs)
	}
	var set links.Set
	if err := json.Unmarshal([]byte(out), &set); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(set.Play.FLV, "http://localhost:8081/live/demo.flv?") || !strings.HasPrefix(set.Publish.RTMP, "rtmp://localhost:1937/live/demo?") {
		t.Errorf("got %+v", set)
	}
}
