package feed

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
)

// bound is how long a test waits for what must happen.
const bound = time.Minute

// pair returns both ends of a TCP connection.
func pair(t testing.TB) (near, far *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dialed, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	near, far = accepted.(*net.TCPConn), dialed.(*net.TCPConn)
	t.Cleanup(func() { near.Close(); far.Close() })
	if err := far.SetDeadline(time.Now().Add(bound)); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// watcher is a viewer over TCP, and what became of it.
type watcher struct {
	*Viewer
	conn  *Conn
	far   *net.TCPConn
	ended chan error
}

// watch plays f to a viewer over TCP until ctx ends.
func watch(t *testing.T, ctx context.Context, f *Feed) *watcher {
	t.Helper()
	near, far := pair(t)
	w := &watcher{far: far, ended: make(chan error, 1)}
	w.conn = NewConn(ctx, near, bound, Plain{})
	w.Viewer = NewViewer(f, w.conn, ViewerOptions{
		Patience: bound, Sent: prometheus.NewCounter(prometheus.CounterOpts{}),
		First: func() {}, OnSkip: func(reason.Reason, uint64) {},
	})
	go func() {
		err := w.Run(ctx)
		w.conn.Close(err, nil)
		near.Close()
		w.ended <- err
	}()
	return w
}

// parked waits until n viewers of f are with its walkers and have all there is.
func parked(t *testing.T, f *Feed, n int) {
	t.Helper()
	for late := time.Now().Add(bound); time.Now().Before(late); <-time.After(time.Millisecond) {
		have := 0
		f.walkers.mu.Lock()
		for _, w := range f.walkers.all {
			w.mu.Lock()
			for _, v := range w.viewers {
				if v.cursor.pos == f.log.end() {
					have++
				}
			}
			w.mu.Unlock()
		}
		f.walkers.mu.Unlock()
		if have == n {
			return
		}
	}
	t.Fatalf("not %d viewers are parked", n)
}

// big is a picture of half a megabyte, of bytes that tell its number.
func big(i int) *media.Frame {
	data := append([]byte{0, 0x07, 0xff, 0xfc, 0x65}, bytes.Repeat([]byte{byte(i)}, 1<<19-5)...)
	return &media.Frame{Track: testVideo, DTS: media.Time(i) * 1e6, PTS: media.Time(i) * 1e6, Key: true, Data: data}
}

// TestWalkersWriteTheSame lets viewers read at their own pace what walkers, and
// where those would block their own goroutines, write to them: all get all.
func TestWalkersWriteTheSame(t *testing.T) {
	p, f := staged(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	running := make(chan struct{})
	go func() { defer close(running); f.run(ctx) }()
	if err := p.Write(frame(testVideo, 0, true)); err != nil {
		t.Fatal(err)
	}
	var all []*watcher
	for range 4 {
		all = append(all, watch(t, ctx, f))
	}
	parked(t, f, len(all))
	const frames = 8
	texts := make(chan []byte, len(all))
	for i, w := range all {
		go func() {
			var got bytes.Buffer
			chunk := int64(1 << (14 + 2*i)) // some are slower
			for {
				if _, err := io.CopyN(&got, w.far, chunk); err != nil {
					texts <- got.Bytes()
					return
				}
			}
		}()
	}
	for i := 1; i <= frames; i++ {
		if err := p.Write(big(i)); err != nil {
			t.Fatal(err)
		}
	}
	for f.log.end() <= frames {
		<-time.After(time.Millisecond) // until all is rendered
	}
	parked(t, f, len(all))
	cancel(live.ErrShutdown)
	<-running
	var first []byte
	for _, w := range all {
		if err := <-w.ended; err != live.ErrShutdown {
			t.Errorf("a viewer ended with %v", err)
		}
		got := <-texts
		if first == nil {
			first = got
		}
		if !bytes.Equal(got, first) {
			t.Errorf("a viewer got %d bytes, another %d", len(got), len(first))
		}
	}
	for i := 1; i <= frames; i++ {
		if !bytes.Contains(first, big(i).Data) {
			t.Errorf("picture %d is missing or broken", i)
		}
	}
}

// TestQueuedGoesOutBetweenFrames lets a parked viewer be answered.
func TestQueuedGoesOutBetweenFrames(t *testing.T) {
	p, f := staged(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	running := make(chan struct{})
	go func() { defer close(running); f.run(ctx) }()
	if err := p.Write(frame(testVideo, 0, true)); err != nil {
		t.Fatal(err)
	}
	w := watch(t, ctx, f)
	parked(t, f, 1)
	if !w.conn.Queue([]byte("answer")) {
		t.Fatal("no room in the queue")
	}
	got := make([]byte, 0, 1<<16)
	for !bytes.HasSuffix(got, []byte("answer")) {
		n, err := w.far.Read(got[len(got):cap(got)])
		if err != nil {
			t.Fatal(err)
		}
		got = got[:len(got)+n]
	}
	parked(t, f, 1)
	for i := 0; w.conn.Queue([]byte{byte(i)}); i++ {
		if i > 1<<20 {
			break // it is taken as fast as it comes
		}
	}
	cancel(live.ErrShutdown)
	<-running
	if err := <-w.ended; err != live.ErrShutdown {
		t.Errorf("the viewer ended with %v", err)
	}
}

// TestGoneViewerLeavesItsWalker lets viewers vanish that walkers write to.
func TestGoneViewerLeavesItsWalker(t *testing.T) {
	p, f := staged(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	running := make(chan struct{})
	go func() { defer close(running); f.run(ctx) }()
	if err := p.Write(frame(testVideo, 0, true)); err != nil {
		t.Fatal(err)
	}
	gone, stays := watch(t, ctx, f), watch(t, ctx, f)
	parked(t, f, 2)
	if err := gone.far.SetLinger(0); err != nil { // a reset
		t.Fatal(err)
	}
	gone.far.Close()
	go func() { _, _ = io.Copy(io.Discard, stays.far) }()
	for i, ended := 1, false; !ended; i++ {
		if err := p.Write(frame(testVideo, time.Duration(i)*time.Millisecond, true)); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-gone.ended:
			ended = true
			if reasonOf := live.ReasonOf(err); reasonOf != reason.Internal {
				t.Errorf("ended as %v", err)
			}
		case <-time.After(time.Millisecond):
			if i > 20_000 {
				t.Fatal("a viewer that is gone is kept")
			}
		}
	}
	parked(t, f, 1)
	cancel(live.ErrShutdown)
	<-running
	<-stays.ended
}
