package httplive_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"millrace/internal/media"
	"millrace/internal/wire/flv"
)

// drainVariable makes the test binary a second process that plays 400 times
// and throws everything away, so that the benchmark measures the server alone.
const drainVariable = "MILLRACE_TEST_DRAIN"

const (
	drained = 400
	sampled = 50 // every so manieth viewer looks at the times in pictures
)

// drain plays from addr on plain sockets until the server closes them, and
// prints the median delay of pictures in milliseconds.
func drain(addr string) int {
	delays := make(chan []time.Duration)
	for i := range drained {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return 1
		}
		fmt.Fprintf(conn, "GET /live/demo.flv HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		go func() {
			if i%sampled == 0 {
				delays <- delaysOf(conn)
				return
			}
			_, _ = io.Copy(io.Discard, conn)
			delays <- nil
		}()
	}
	var all []time.Duration
	for range drained {
		all = append(all, <-delays...)
	}
	slices.Sort(all)
	if len(all) == 0 {
		return 1
	}
	fmt.Println(float64(all[len(all)/2].Microseconds()) / 1000)
	return 0
}

// delaysOf plays from conn and returns how old pictures were.
func delaysOf(conn net.Conn) (all []time.Duration) {
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	for r := flv.NewReader(resp.Body); ; {
		f, err := r.Next()
		if err != nil {
			return all
		}
		if f.Track.Kind == media.Video {
			all = append(all, time.Since(time.Unix(0, int64(binary.BigEndian.Uint64(f.Data[5:])))))
		}
	}
}

// BenchmarkFanOut sends 2.5 Mbit/s of video (30 frames/s) and 128 kbit/s of
// AAC in real time to 400 viewers on loopback. cpu-us/viewer-s is what the
// server spends on one viewer in one second, all in; p50-ms is how old a picture
// is when a viewer has it.
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
	sound := make([]byte, 340)
	picture := func(key bool) []byte {
		b := append(make([]byte, 0, 10_416), 0, 0, 0x28, 0xac, 0x41)
		if key {
			b[4] = 0x65
		}
		return binary.BigEndian.AppendUint64(b, uint64(time.Now().UnixNano()))[:10_416]
	}
	publish := func(track *media.Track, key bool, data []byte) {
		ts := media.Time(time.Since(began))
		write(b, p, &media.Frame{Track: track, DTS: ts, PTS: ts, Key: key, Data: data})
	}
	publish(video, true, picture(true))
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), drainVariable+"="+strings.TrimPrefix(s.web.URL, "http://"))
	var said strings.Builder
	cmd.Stdout = &said
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
				publish(video, n%60 == 0, picture(n%60 == 0))
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
	delay, err := strconv.ParseFloat(strings.TrimSpace(said.String()), 64)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(delay, "p50-ms")
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
