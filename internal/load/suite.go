package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Server is a server under test that the suite has started.
type Server struct {
	PID   int
	WHEP  []string // of its streams, unsigned
	WHIP  []string
	RTMP  []string
	SRT   []string
	FLV   []string
	Start time.Duration // from the start of the process to its first answer
	admin string
	token string
	dir   string
	cmd   *exec.Cmd
	done  chan error
}

// startWithin bounds the start of a server under test.
const startWithin = 30 * time.Second

// StartServer starts program as a server on free ports, with one processor,
// pinned to core 0 where taskset is there, and names that many streams on it.
// args are more of its command line. End stops it.
func StartServer(ctx context.Context, program string, streams int, more ...string) (*Server, error) {
	ports, err := freePorts(5)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "millrace-bench-")
	if err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	at := func(i int) string { return "127.0.0.1:" + strconv.Itoa(ports[i]) }
	args := []string{program, "serve", "--no-auth", "--stream-quota=0", "--data-dir", dir, "--log-level", "warn", "--http-addr", at(0),
		"--rtmp-addr", at(1), "--srt-addr", at(4), "--rtc-addr", at(2), "--admin-addr", at(3)}
	args = append(args, more...)
	if path, err := exec.LookPath("taskset"); err == nil {
		args = append([]string{path, "-c", "0"}, args...)
	}
	s := &Server{
		admin: "http://" + at(3),
		dir:   dir, done: make(chan error, 1), cmd: exec.Command(args[0], args[1:]...),
	}
	for i := range streams {
		path := "/live/load" + strconv.Itoa(i)
		s.WHEP, s.WHIP = append(s.WHEP, "http://"+at(0)+"/whep"+path), append(s.WHIP, "http://"+at(0)+"/whip"+path)
		s.SRT = append(s.SRT, "srt://"+at(4)+"?streamid=#!::r="+path+",m=publish")
		s.RTMP, s.FLV = append(s.RTMP, "rtmp://"+at(1)+path), append(s.FLV, "http://"+at(0)+path+".flv")
	}
	s.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	s.cmd.Stderr = os.Stderr
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start server: %w", errors.Join(err, os.RemoveAll(dir)))
	}
	go func() { s.done <- s.cmd.Wait() }() // End receives
	s.PID = s.cmd.Process.Pid
	if err := s.await(ctx); err != nil {
		return nil, errors.Join(err, s.End())
	}
	s.Start = time.Since(began)
	token, err := os.ReadFile(filepath.Join(dir, "admin-token"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read admin token: %w", err), s.End())
	}
	s.token = strings.TrimSpace(string(token))
	return s, nil
}

// await polls until the server answers.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if res, err := http.Get(s.admin + "/healthz"); err == nil { //nolint:noctx // loopback, bounded by the loop
			_ = res.Body.Close()
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("the server does not answer")
		}
	}
}

// End stops the server and removes its data.
func (s *Server) End() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(startWithin):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
	return os.RemoveAll(s.dir)
}

// Quantile reads the q-th quantile of a histogram from the server's metrics,
// as the upper bound of the bucket that holds it; the longest time there is for
// the last one, which has no bound.
func (s *Server) Quantile(ctx context.Context, name string, q float64) (time.Duration, error) {
	counts, err := s.histogram(ctx, name)
	if err != nil {
		return 0, err
	}
	total := 0.0
	if n := len(counts); n > 0 {
		total = counts[n-1].count
	}
	for _, c := range counts {
		if total > 0 && c.count >= q*total {
			if math.IsInf(c.le, 1) {
				return math.MaxInt64, nil
			}
			return time.Duration(c.le * float64(time.Second)), nil
		}
	}
	return 0, fmt.Errorf("metric %s is empty", name)
}

type bucket struct{ le, count float64 }

func (s *Server) histogram(ctx context.Context, name string) ([]bucket, error) {
	body, err := s.metrics(ctx)
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // only read from
	return readHistogram(body, name)
}

func (s *Server) metrics(ctx context.Context) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.admin+"/metrics", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	return res.Body, nil
}

// readHistogram reads the cumulative buckets of one histogram without labels.
func readHistogram(r io.Reader, name string) ([]bucket, error) {
	var out []bucket
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), name+`_bucket{le="`)
		if !ok {
			continue
		}
		le, count, ok := strings.Cut(rest, `"} `)
		if !ok {
			continue
		}
		b := bucket{le: math.Inf(1)}
		var err error
		if le != "+Inf" {
			if b.le, err = strconv.ParseFloat(le, 64); err != nil {
				return nil, fmt.Errorf("read metric %s: %w", name, err)
			}
		}
		if b.count, err = strconv.ParseFloat(count, 64); err != nil {
			return nil, fmt.Errorf("read metric %s: %w", name, err)
		}
		out = append(out, b)
	}
	return out, lines.Err()
}

// freePorts returns TCP ports that are free now.
func freePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close() //nolint:errcheck // it only holds the number
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// Value reads a metric without labels from the server.
func (s *Server) Value(ctx context.Context, name string) (float64, error) {
	body, err := s.metrics(ctx)
	if err != nil {
		return 0, err
	}
	defer body.Close() //nolint:errcheck // only read from
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(rest, 64)
		}
	}
	return 0, errors.Join(fmt.Errorf("metric %s is not there", name), lines.Err())
}
