package httplive_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// TestViewerThatLeavesIsNoticed lets viewers leave while nothing is published.
func TestViewerThatLeavesIsNoticed(t *testing.T) {
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, stageOptions{start: start})
			video, _ := tracks(frames(t))
			p := s.publish(t, video, nil)
			write(t, p, heavy(video, 0))
			r, resp := s.get(t)
			next(t, r, 1)
			resp.Body.Close()
			if line := s.closed(t); line["reason"] != "peer_gone" {
				t.Errorf("closing line %v", line)
			}
			if n := s.count(t, "millrace_httplive_viewers", nil); n != 0 {
				t.Errorf("%v viewers are counted", n)
			}
		})
	}
}

// small is a picture of 20 kB, every sixth of them a key frame.
func small(track *media.Track, i int) *media.Frame {
	f := heavy(track, i)
	f.Key, f.Data = i%6 == 0, f.Data[:20_000]
	f.Data[2], f.Data[3], f.Data[4] = byte((len(f.Data)-4)>>8), byte(len(f.Data)-4), 0x41
	if f.Data[1] = 0; f.Key {
		f.Data[4] = 0x65
	}
	return f
}

// TestCrowdGetsTheSame plays to two hundred viewers, some of which read late, over
// a change of publishers to the end of the stream: all get all, byte for byte.
func TestCrowdGetsTheSame(t *testing.T) {
	const crowd, late, before, after = 200, 5, 6, 6
	s := newStage(t, stageOptions{linger: patience})
	video, _ := tracks(frames(t))
	p := s.publish(t, video, nil)
	write(t, p, small(video, 0))
	conns := make([]net.Conn, crowd)
	for i := range conns {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.web.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(3 * patience)); err != nil {
			t.Fatal(err)
		}
		if i < late {
			if err := conn.(*net.TCPConn).SetReadBuffer(8 << 10); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Fprintf(conn, "GET /live/demo.flv HTTP/1.1\r\nHost: x\r\n\r\n")
		await(t, s.played)
		conns[i] = conn
	}
	for until := time.Now().Add(patience); s.count(t, "millrace_httplive_first_byte_seconds", nil) < crowd; <-time.After(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("not all have begun")
		}
	}
	type text struct {
		bytes []byte
		err   error
	}
	texts := make([]chan text, crowd)
	read := func(i int) {
		resp, err := http.ReadResponse(bufio.NewReader(conns[i]), nil)
		if err != nil {
			texts[i] <- text{nil, err}
			return
		}
		defer resp.Body.Close()
		all, err := io.ReadAll(resp.Body)
		texts[i] <- text{all, err}
	}
	for i := range conns {
		if texts[i] = make(chan text, 1); i >= late {
			go read(i)
		}
	}
	for i := 1; i < before; i++ {
		write(t, p, small(video, i))
	}
	p.Close(reason.ClosedByPeer)
	p = s.publish(t, video, nil)
	for i := before; i < before+after; i++ {
		write(t, p, small(video, i))
	}
	for i := range late {
		go read(i)
	}
	s.hub.Close()
	var want []byte
	for i := range conns {
		got := <-texts[i]
		// The end of a response may take a second, which a starved machine may not have.
		if got.err != nil && !errors.Is(got.err, io.ErrUnexpectedEOF) {
			t.Errorf("viewer %d: %v", i, got.err)
		}
		if want == nil {
			want = got.bytes
		}
		if !bytes.Equal(got.bytes, want) {
			t.Errorf("viewer %d got %d bytes, the first one %d", i, len(got.bytes), len(want))
		}
	}
	for i := range before + after {
		if !bytes.Contains(want, small(video, i).Data) {
			t.Errorf("picture %d is missing or broken", i)
		}
	}
	for range crowd {
		if line := s.closed(t); line["reason"] != "shutdown" {
			t.Errorf("closing line %v", line)
		}
	}
}
