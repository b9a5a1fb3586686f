package httplive_test

import (
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"millrace/internal/media"
)

// drainVariable makes the test binary a second process that plays 100 times
// and throws everything away, so that the benchmark measures the server alone.
const drainVariable = "MILLRACE_TEST_DRAIN"

const drained = 100

// drain plays from addr on plain sockets until the server closes them.
func drain(addr string) int {
	done := make(chan error)
	for range drained {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return 1
		}
		go func() {
			fmt.Fprintf(conn, "GET /live/demo.flv HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			_, err := io.Copy(io.Discard, conn)
			done <- err
		}()
	}
	for range drained {
		<-done
	}
	return 0
}

// BenchmarkFanOut sends 2.5 Mbit/s of video (30 frames/s) and 128 kbit/s of
// AAC in real time to 100 viewers on loopback. cpu-us/viewer-s is what the
// server spends on one viewer in one second, all in.
func BenchmarkFanOut(b *testing.B) {
	for _, name := range []string{"HTTP/1.1", "not hijacked"} {
		b.Run(name, func(b *testing.B) { fanOut(b, starts[name]) })
	}
}

func fanOut(b *testing.B, start func(*httptest.Server)) {
	s := newStage(b, stageOptions{start: start})
	video, audio := tracks(frames(b))
	p := s.publish(b, video, audio)
	began := time.Now()
	picture, sound := make([]byte, 10_416), make([]byte, 340)
	publish := func(track *media.Track, key bool, data []byte) {
		ts := media.Time(time.Since(began))
		write(b, p, &media.Frame{Track: track, DTS: ts, PTS: ts, Key: key, Data: data})
	}
	publish(video, true, picture)
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), drainVariable+"="+strings.TrimPrefix(s.web.URL, "http://"))
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	for range drained {
		await(b, s.played)
	}
	pictures, sounds := time.NewTicker(time.Second/30), time.NewTicker(time.Second*1024/48000)
	defer pictures.Stop()
	defer sounds.Stop()
	cpu, wall, n := cpuTime(b), time.Now(), 0
	for b.Loop() { // one iteration is one picture
		for shown := false; !shown; {
			select {
			case <-pictures.C:
				n++
				publish(video, n%60 == 0, picture)
				shown = true
			case <-sounds.C:
				publish(audio, true, sound)
			}
		}
	}
	spent := cpuTime(b) - cpu
	b.ReportMetric(float64(spent.Microseconds())/drained/time.Since(wall).Seconds(), "cpu-us/viewer-s")
	s.server.Close()
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
