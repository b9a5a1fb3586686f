package rtmp

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"millrace/internal/live"
	"millrace/internal/media"
)

// calm is a connection that is read in batches as long as nobody is there.
type calm struct {
	t      *testing.T
	conn   *timedConn
	socket *net.TCPConn
	peer   net.Conn
	here   atomic.Bool
	got    chan string
}

// newCalm returns one whose next batch is due after every.
func newCalm(t *testing.T, every time.Duration) *calm {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer ln.Close()
	peer, err := net.Dial("tcp", ln.Addr().String())
	must(t, err)
	nc, err := ln.Accept()
	must(t, err)
	t.Cleanup(func() { nc.Close(); peer.Close() })
	c := &calm{t: t, conn: &timedConn{Conn: nc}, socket: nc.(*net.TCPConn), peer: peer, got: make(chan string, 1)}
	c.conn.idle(bound)
	c.conn.batch(func() bool { return !c.here.Load() })
	c.conn.batches.every = every
	return c
}

func (c *calm) write(s string) {
	c.t.Helper()
	_, err := c.peer.Write([]byte(s))
	must(c.t, err)
}

// read reads once, into room bytes, in a goroutine.
func (c *calm) read(room int) {
	go func() {
		b := make([]byte, room)
		n, err := c.conn.Read(b)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.got <- "late"
		case err != nil:
			c.got <- err.Error()
		default:
			c.got <- string(b[:n])
		}
	}()
}

func (c *calm) want(s string) {
	c.t.Helper()
	select {
	case got := <-c.got:
		if got != s {
			c.t.Fatalf("read %.20q (%d bytes), want %.20q", got, len(got), s)
		}
	case <-time.After(bound):
		c.t.Fatal("read nothing")
	}
}

// option is one of the socket's.
func (c *calm) option(get func(fd int) (int, error)) (v int) {
	c.t.Helper()
	raw, err := c.socket.SyscallConn()
	must(c.t, err)
	must(c.t, raw.Control(func(fd uintptr) { v, err = get(int(fd)) }))
	must(c.t, err)
	return v
}

// holds waits until so many bytes wait in the kernel, unread.
func (c *calm) holds(n int) {
	c.t.Helper()
	got := -1
	for late := time.Now().Add(bound); time.Now().Before(late); <-time.After(time.Millisecond) {
		if got = c.option(func(fd int) (int, error) { return unix.IoctlGetInt(fd, unix.TIOCINQ) }); got == n {
			return
		}
	}
	c.t.Fatalf("%d bytes wait, want %d", got, n)
}

// mark is how many bytes make the socket readable; 0 is 1.
func (c *calm) mark() int {
	return c.option(func(fd int) (int, error) { return unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVLOWAT) })
}

// What nobody waits for waits itself, and is there at once for who comes.
func TestWhoComesEndsTheWaiting(t *testing.T) {
	c := newCalm(t, time.Hour)
	c.read(100)
	c.write("a")
	c.holds(1)
	c.write("b")
	c.holds(2) // the first has woken nobody
	c.here.Store(true)
	c.conn.stir()
	c.want("ab")
	c.read(100)
	c.write("c")
	c.want("c")
	if n := c.mark(); n > 1 {
		t.Errorf("%d bytes are needed to be told of", n)
	}
}

func TestBatchesEnd(t *testing.T) {
	for _, s := range []struct {
		what  string
		every time.Duration
		do    func(c *calm)
		want  string
	}{
		{"its time comes", time.Millisecond, func(*calm) {}, "ab"},
		{"the connection is ended", time.Hour, func(c *calm) { c.conn.interrupt() }, "late"},
		{"there is much", time.Hour, func(c *calm) {
			c.write(string(make([]byte, batchMark)))
			for i := 0; i < 10_000 && len(c.got) == 0; i++ { // the waiting may begin between two of them
				c.write("c")
				<-time.After(time.Millisecond)
			}
		}, "ab\x00\x00"},
	} {
		t.Run(s.what, func(t *testing.T) {
			c := newCalm(t, s.every)
			c.write("ab")
			c.read(4)
			s.do(c)
			c.want(s.want)
		})
	}
}

// What a batch has left over is read on, and then the next one is waited for.
func TestBatchLargerThanTheBuffer(t *testing.T) {
	c := newCalm(t, time.Millisecond)
	c.write("abcde")
	c.holds(5)
	for _, want := range []string{"ab", "cd", "e"} {
		c.read(2)
		c.want(want)
	}
	must(t, c.peer.Close())
	c.read(2)
	c.want(io.EOF.Error())
}

// A connection ends even while there is always more to read.
func TestFloodIsInterrupted(t *testing.T) {
	c := newCalm(t, time.Millisecond)
	c.write("abcd")
	c.holds(4)
	c.read(2)
	c.want("ab")
	c.conn.interrupt()
	c.read(2)
	c.want("late")
	c.conn.release()
	c.read(2)
	c.want("cd")
}

func TestSilenceHasItsBoundInBatches(t *testing.T) {
	for _, every := range []time.Duration{time.Millisecond, time.Hour} {
		c := newCalm(t, every)
		c.conn.idle(50 * time.Millisecond)
		c.read(1)
		c.want("late")
	}
}

// The end of a connection is read as it comes.
func TestUntilEndsBatches(t *testing.T) {
	c := newCalm(t, time.Millisecond)
	c.write("a")
	c.read(1)
	c.want("a")
	if n := c.mark(); n != batchMark {
		t.Fatalf("%d bytes are needed to be told of", n)
	}
	c.conn.until(time.Now().Add(bound))
	if n := c.mark(); n > 1 {
		t.Errorf("%d bytes are needed to be told of, at the end", n)
	}
	c.write("b")
	c.read(1)
	c.want("b")
}

// Who comes late, or leaves and comes back, is no end of a read.
func TestStirredAtAnyTime(t *testing.T) {
	c := newCalm(t, time.Hour)
	c.here.Store(true)
	for _, s := range []string{"a", "b"} {
		c.conn.stir()
		c.write(s)
		c.read(1)
		c.want(s)
	}
	c.conn.stir()
	c.here.Store(false)
	c.read(1)
	c.here.Store(true)
	c.conn.stir()
	c.write("c")
	c.want("c")
	c.conn.until(time.Now().Add(bound))
	c.conn.stir()
	c.write("d")
	c.read(1)
	c.want("d")

	c.conn = &timedConn{Conn: c.socket} // one without batches
	must(t, c.socket.SetReadDeadline(time.Time{}))
	c.conn.stir()
	c.write("e")
	c.read(1)
	c.want("e")
}

// Whoever reads one of the streams of a publisher wants all of it at once.
func TestUnread(t *testing.T) {
	hub := live.NewHub(live.Options{})
	defer hub.Close()
	name := live.Name{App: "live", Stream: "s"}
	p, err := hub.Publish(name, "test", "")
	must(t, err)
	woken := 0
	in := newIngest(p, NewMetrics(prometheus.NewRegistry()), func() { woken++ })
	track := in.further.of(media.Video, 1)
	if !in.open(track, 1) {
		t.Fatal("no further track")
	}
	p.Announce(small, nil)
	track.publisher.Announce(large, nil)
	for i, of := range []string{"", "video1"} {
		name.Track = of
		if !in.unread() {
			t.Errorf("%q: somebody reads", of)
		}
		r, err := hub.Subscribe(t.Context(), name)
		must(t, err)
		if in.unread() || woken != i+1 {
			t.Errorf("%q: unread %v, woken %d times", of, in.unread(), woken)
		}
		r.Close()
	}
}

// However often pictures come, some batch finds one that has just come: capture
// times are told by the promptest.
func TestBatchesWander(t *testing.T) {
	for _, period := range []time.Duration{time.Second / 60, 20 * time.Millisecond, time.Second / 30, 40 * time.Millisecond, 60 * time.Millisecond} {
		for phase := time.Duration(0); phase < period; phase += time.Millisecond {
			s := &batches{every: batchTime}
			began := time.Now()
			at, least := began, time.Hour
			for at.Sub(began) < 3*time.Second {
				next := s.next(at)
				if d := next.Sub(at); d <= 0 || d > batchTime {
					t.Fatalf("a batch is %v after the one before", d)
				}
				at = next
				least = min(least, (at.Sub(began)+phase)%period)
			}
			if least > batchGrid {
				t.Errorf("one picture in %v, %v off: none is found before it is %v old", period, phase, least)
			}
		}
	}
}
