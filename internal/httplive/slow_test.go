package httplive_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"millrace/internal/httplive"
	"millrace/internal/media"
	"millrace/internal/wire/flv"
)

// lazy connects a viewer with a small receive buffer that reads nothing yet.
func (s *stage) lazy(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.web.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(16 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET /live/demo.flv HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	await(t, s.played)
	return conn
}

// heavy returns the i-th of a sequence of 100 KB pictures, a tenth of a second
// apart, every tenth of them a key frame. The first bytes hold i.
func heavy(track *media.Track, i int) *media.Frame {
	ts := media.Time(i) * media.Time(100*time.Millisecond)
	data := make([]byte, 100_000)
	nal := len(data) - 4
	copy(data, []byte{byte(nal >> 24), byte(nal >> 16), byte(nal >> 8), byte(nal), 0x41, byte(i >> 8), byte(i)})
	if i%10 == 0 {
		data[4] = 0x65
	}
	return &media.Frame{Track: track, DTS: ts, PTS: ts, Key: i%10 == 0, Data: data}
}

func number(f *media.Frame) int { return int(f.Data[5])<<8 | int(f.Data[6]) }

// stalled is how long a write waits in tests of viewers that do not read. Those
// that do must not be taken for such on a machine that is starved.
const stalled = 4 * time.Second

const many = 200 // heavy frames: 20 MB, 20 s

// TestSlowViewerIsSkipped lets one viewer read nothing while 20 s of media are
// published, and another read all of it.
func TestSlowViewerIsSkipped(t *testing.T) {
	s := newStage(t, stageOptions{config: httplive.Config{WriteTimeout: 10 * time.Minute, Patience: 10 * time.Minute}})
	video, _ := tracks(frames(t))
	p := s.publish(t, video, nil)
	write(t, p, heavy(video, 0))
	conn := s.lazy(t)
	brisk, _ := s.get(t)
	next(t, brisk, 1)
	for i := 1; i < many; i++ {
		write(t, p, heavy(video, i))
		if got := number(next(t, brisk, 1)[0]); got != i {
			t.Fatalf("the brisk viewer got frame %d instead of %d", got, i)
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	checkSkips(t, flv.NewReader(resp.Body))
	if n := s.count(t, "millrace_httplive_skipped_frames_total", map[string]string{"reason": "skip_age"}) +
		s.count(t, "millrace_httplive_skipped_frames_total", map[string]string{"reason": "skip_overrun"}); n < 100 {
		t.Errorf("%v skipped frames are counted", n)
	}
}

// checkSkips reads to the last frame and checks that each gap ends at a key
// frame, and that most of the media was left out.
func checkSkips(t *testing.T, r *flv.Reader) {
	t.Helper()
	last, seen := -1, 0
	for last < many-1 {
		f := next(t, r, 1)[0]
		i := number(f)
		if i <= last || (i != last+1 && !f.Key) {
			t.Fatalf("frame %d (key %v) after %d", i, f.Key, last)
		}
		last = i
		seen++
	}
	if seen > many/2 {
		t.Errorf("the slow viewer was sent %d frames of %d", seen, many)
	}
}

func TestViewerThatDoesNotReadIsClosed(t *testing.T) {
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, stageOptions{start: start, config: httplive.Config{WriteTimeout: stalled}})
			video, _ := tracks(frames(t))
			p := s.publish(t, video, nil)
			write(t, p, heavy(video, 0))
			s.get(t) // and never reads
			brisk, _ := s.get(t)
			next(t, brisk, 1)
			for i := 1; i < many; i++ {
				write(t, p, heavy(video, i))
				next(t, brisk, 1)
			}
			if line := s.closed(t); line["reason"] != "slow" || line["proto"] != "http-flv" {
				t.Errorf("closing line %v", line)
			}
			if n := s.count(t, "millrace_httplive_closes_total", map[string]string{"reason": "slow"}); n != 1 {
				t.Errorf("%v slow viewers are counted", n)
			}
			write(t, p, heavy(video, many))
			if got := number(next(t, brisk, 1)[0]); got != many {
				t.Errorf("the other viewer got frame %d", got)
			}
		})
	}
}

func TestSlowWebSocketIsClosed(t *testing.T) {
	t.Parallel()
	s := newStage(t, stageOptions{config: httplive.Config{WriteTimeout: stalled}})
	video, _ := tracks(frames(t))
	p := s.publish(t, video, nil)
	write(t, p, heavy(video, 0))
	s.dial(t) // never reads
	brisk, _ := s.get(t)
	next(t, brisk, 1)
	for i := 1; i < many; i++ {
		write(t, p, heavy(video, i))
		next(t, brisk, 1)
	}
	if line := s.closed(t); line["reason"] != "slow" || line["proto"] != "ws-flv" {
		t.Errorf("closing line %v", line)
	}
}

// TestServerClosesBlockedViewers checks that a write that blocks does not keep
// Close for long.
func TestServerClosesBlockedViewers(t *testing.T) {
	s := newStage(t, stageOptions{config: httplive.Config{WriteTimeout: 10 * time.Minute, Patience: 10 * time.Minute}})
	video, _ := tracks(frames(t))
	p := s.publish(t, video, nil)
	write(t, p, heavy(video, 0))
	s.lazy(t)
	s.dial(t)
	brisk, _ := s.get(t)
	next(t, brisk, 1)
	for i := 1; i < many; i++ {
		write(t, p, heavy(video, i))
		next(t, brisk, 1)
	}
	s.server.Close()
	for range 3 {
		if line := s.closed(t); line["reason"] != "shutdown" {
			t.Errorf("closing line %v", line)
		}
	}
}
