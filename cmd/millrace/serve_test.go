package main

import (
	"bufio"
	"io"
	"iter"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// server is a millrace process.
type server struct {
	*exec.Cmd
	banner   string
	log      strings.Builder // may be read once exited is closed
	stopping chan struct{}   // closed when a graceful stop begins
	exited   chan struct{}
}

// patience is a liveness bound of a process, which lasts as long as its test: what
// takes longer has hung.
const patience = 5 * time.Minute

// serve starts a process and waits for its banner.
func serve(t *testing.T, args ...string) *server {
	t.Helper()
	own := []string{"serve", "--rtc-ip=127.0.0.1", "--data-dir", t.TempDir()}
	for _, flag := range []string{"http", "rtmp", "srt", "rtc", "admin"} {
		own = append(own, "--"+flag+"-addr=127.0.0.1:0")
	}
	s := &server{
		Cmd:      exec.Command(os.Args[0], append(own, args...)...),
		stopping: make(chan struct{}), exited: make(chan struct{}),
	}
	s.Env = append(os.Environ(), runAsProgram+"=1")
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := s.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.AfterFunc(patience, func() { _ = s.Process.Kill() })
	t.Cleanup(func() {
		_ = s.Process.Kill() // most tests have ended it
		<-s.exited
		deadline.Stop()
	})
	ready := make(chan string, 1)
	var read sync.WaitGroup
	read.Go(func() {
		defer close(ready)
		text := ""
		for line := range lines(out) {
			text += line + "\n"
			if strings.Contains(line, "Ctrl-C") {
				ready <- text
			}
		}
	})
	read.Go(func() {
		for line := range lines(errs) {
			s.log.WriteString(line + "\n")
			if strings.Contains(line, "msg=stopping") {
				close(s.stopping)
			}
		}
	})
	go func() {
		read.Wait()
		_ = s.Wait() // its result is in ProcessState
		close(s.exited)
	}()
	if s.banner = <-ready; s.banner == "" {
		<-s.exited
		t.Fatalf("no banner: %s", &s.log)
	}
	return s
}

func lines(r io.Reader) iter.Seq[string] {
	return func(yield func(string) bool) {
		for s := bufio.NewScanner(r); s.Scan(); {
			if !yield(s.Text()) {
				return
			}
		}
	}
}

func (s *server) find(t *testing.T, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(s.banner)
	if m == nil {
		t.Fatalf("no %s in:\n%s", pattern, s.banner)
	}
	return m[1]
}

// The addresses that the banner names answer, and a signal stops the process
// gracefully.
func TestServeAndStop(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			s := serve(t)
			for _, url := range []string{s.find(t, `(http://localhost:\d+/)\n`), s.find(t, `Admin +(http://\S+/healthz)`)} {
				resp, err := http.Get(url) //nolint:gosec,noctx // an address that our own process printed
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					t.Errorf("%s: %s", url, resp.Status)
				}
			}
			if err := s.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			<-s.exited
			if code := s.ProcessState.ExitCode(); code != 0 {
				t.Errorf("exit status %d: %s", code, &s.log)
			}
		})
	}
}

// A graceful stop waits for the request that is being served; a second signal
// does not.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	s := serve(t)
	conn, err := net.Dial("tcp", s.find(t, `http://(localhost:\d+)/\n`))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// "Continue" says that the server has begun to wait for the body.
	_, err = io.WriteString(conn, "POST /live/demo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("%q, %v", line, err)
	}
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.stopping
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for running := true; running; {
		select {
		case <-s.exited:
			running = false
		case <-again.C:
			_ = s.Process.Signal(syscall.SIGTERM) // it may be gone just now
		}
	}
	if status := s.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("%v: %s", s.ProcessState, &s.log)
	}
}

func TestPortTaken(t *testing.T) {
	s := serve(t)
	addr := s.find(t, `http://(localhost:\d+)/\n`)
	addr = strings.Replace(addr, "localhost", "127.0.0.1", 1)
	status, out, errs := call("serve", "--data-dir", t.TempDir(), "--http-addr", addr,
		"--rtmp-addr=127.0.0.1:0", "--rtc-addr=127.0.0.1:0", "--srt-addr=", "--admin-addr=127.0.0.1:0")
	if status != 1 || out != "" || !strings.Contains(errs, "--http-addr: port taken") {
		t.Errorf("status %d, out %q, err %q", status, out, errs)
	}
}
