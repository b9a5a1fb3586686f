package srt

import (
	"bytes"
	"context"
	"encoding/binary"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	gosrt "github.com/datarhei/gosrt"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/ts"
)

// What the library leaves running of a caller that was refused, for three seconds,
// is the tests' own.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/datarhei/gosrt.Dial.func1"), goleak.IgnoreAnyFunction("github.com/datarhei/gosrt.(*dialer).reader"))
}

// bound is how long a test waits for what must happen.
const bound = time.Minute

// world is a running server with a real hub behind a fake door.
type world struct {
	t    *testing.T
	hub  *live.Hub
	addr string
	ends chan end // one per connection that ended or was refused
	stop func()

	mu   sync.Mutex
	deny error
	last catalog.Request
}

// end is what the closing line of a connection says.
type end struct {
	why  reason.Reason
	code int64
	text string
}

func run(t *testing.T, cfg Config) *world {
	t.Helper()
	w := &world{t: t, hub: live.NewHub(live.Options{}), ends: make(chan end, 100)}
	cfg.Addr = "127.0.0.1:0"
	s, err := Listen(cfg, w, slog.New(closings{w.ends}), NewMetrics(prometheus.NewRegistry()))
	if err != nil {
		t.Fatal(err)
	}
	w.addr = s.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		w.hub.Close()
	})
	t.Cleanup(w.stop)
	return w
}

func (w *world) enter(q catalog.Request) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = q
	return w.deny
}

func (w *world) Publish(ctx context.Context, q catalog.Request) (*live.Publisher, error) {
	if err := w.enter(q); err != nil {
		return nil, err
	}
	return w.hub.AwaitPublish(ctx, live.Name{Domain: "d", App: q.App, Stream: q.Stream}, string(q.Protocol), q.RemoteAddr)
}

func (w *world) Play(ctx context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error) {
	if err := w.enter(q); err != nil {
		return nil, "", err
	}
	r, err := w.hub.Subscribe(ctx, live.Name{Domain: "d", App: q.App, Stream: q.Stream, Variant: variant})
	return r, catalog.SubSecond, err
}

// asked is what admission was asked for last.
func (w *world) asked() catalog.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

func (w *world) refuse(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deny = err
}

// ended waits for the next connection to end, which it must for the reason given.
func (w *world) ended(why reason.Reason) end {
	w.t.Helper()
	select {
	case e := <-w.ends:
		if e.why != why {
			w.t.Fatalf("connection ended for %s (%s), want %s", e.why, e.text, why)
		}
		return e
	case <-time.After(bound):
		w.t.Fatalf("no connection ended, want one for %s", why)
	}
	panic("unreachable")
}

// dial connects to addr; pass "" for no passphrase.
func dial(addr, id, passphrase string) (gosrt.Conn, error) {
	c := gosrt.DefaultConfig()
	c.StreamId, c.Passphrase = id, passphrase
	c.ConnectionTimeout = bound
	return gosrt.Dial("srt", addr, c)
}

func (w *world) dial(addr, id string) gosrt.Conn {
	w.t.Helper()
	c, err := dial(addr, id, "")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// reader waits until a stream that is being published is announced.
func (w *world) reader(stream string) *live.Reader {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	for {
		r, err := w.hub.Subscribe(ctx, live.Name{Domain: "d", App: "live", Stream: stream})
		if err == nil {
			w.t.Cleanup(r.Close)
			return r
		}
		select {
		case <-ctx.Done():
			w.t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func next(t *testing.T, r *live.Reader) *media.Frame {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	f, err := r.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// closings is a log that keeps the closing lines.
type closings struct{ ends chan<- end }

func (closings) Enabled(context.Context, slog.Level) bool { return true }
func (h closings) WithAttrs([]slog.Attr) slog.Handler     { return h }
func (h closings) WithGroup(string) slog.Handler          { return h }

func (h closings) Handle(_ context.Context, r slog.Record) error {
	var e end
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "reason":
			e.why = reason.Reason(a.Value.String())
		case "code":
			e.code = a.Value.Int64()
		case "err":
			e.text = a.Value.String()
		}
		return true
	})
	h.ends <- e
	return nil
}

// The tracks of a tape: x264's baseline SPS of 640x360, and AAC-LC.
var (
	sps     = []byte{0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03, 0x00, 0x3c, 0x0f, 0x16, 0x2e, 0x48}
	pps     = []byte{0x68, 0xcb, 0x83, 0xcb, 0x20}
	picture = &media.Track{Kind: media.Video, Codec: media.H264, Params: [][]byte{sps, pps}, Width: 640, Height: 360}
	sound   = &media.Track{Kind: media.Audio, Codec: media.AAC, SampleRate: 48000, Channels: 2, Config: []byte{0x11, 0x90}}
)

// tape sends pictures and sounds that are all different, as fast as it is asked.
type tape struct {
	t    *testing.T
	conn gosrt.Conn
	mux  *ts.Muxer
	n    int
}

func newTape(t *testing.T, conn gosrt.Conn) *tape {
	t.Helper()
	mux := ts.NewMuxer()
	for _, track := range []*media.Track{picture, sound} {
		if err := mux.Set(track); err != nil {
			t.Fatal(err)
		}
	}
	return &tape{t: t, conn: conn, mux: mux}
}

// play sends the next n pictures, each with a sound.
func (p *tape) play(n int) {
	p.t.Helper()
	for range n {
		for _, f := range tapeFrames(p.n) {
			b, err := p.mux.Frame(f, 0)
			if err != nil {
				p.t.Fatal(err)
			}
			for len(b) > 0 {
				k := min(len(b), message)
				if _, err := p.conn.Write(b[:k]); err != nil {
					p.t.Fatalf("write: %v", err)
				}
				b = b[k:]
			}
		}
		p.n++
	}
}

// tapeFrames are picture and sound number i.
func tapeFrames(i int) []*media.Frame {
	at := media.Time(i) * media.Time(40*time.Millisecond)
	nal := []byte{0x41, 0x9a}
	if i%10 == 0 {
		nal = []byte{0x65, 0x88}
	}
	nal = append(nal, byte(i), byte(i>>8)|1)
	for len(nal) < 700+i%9*100 {
		nal = append(nal, byte(len(nal)|1))
	}
	data := append([]byte{0, 0, byte(len(nal) >> 8), byte(len(nal))}, nal...)
	return []*media.Frame{
		{Track: picture, DTS: at, PTS: at, Key: i%10 == 0, Data: data},
		{Track: sound, DTS: at, PTS: at, Key: true, Data: append([]byte("sound "), byte(i), byte(i>>8))},
	}
}

// wire is a way between a caller and the server that can be cut.
type wire struct {
	addr string
	mu   sync.Mutex
	cut  bool

	// Of the caller's clock, where it is moved: see move.
	from, shift, now uint32
	moved            bool
	confirmed        int
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	at, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.DialUDP("udp", nil, at)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{addr: front.LocalAddr().String()}
	var running sync.WaitGroup
	var caller *net.UDPAddr
	known := make(chan struct{})
	running.Go(func() {
		b := make([]byte, 2048)
		for {
			n, from, err := front.ReadFromUDP(b)
			if err != nil {
				return
			}
			if caller == nil {
				caller = from
				close(known)
			}
			w.move(b[:n])
			if !w.isCut() {
				_, _ = back.Write(b[:n])
			}
		}
	})
	running.Go(func() {
		b := make([]byte, 2048)
		for {
			n, err := back.Read(b)
			if err != nil {
				return
			}
			<-known
			if !w.isCut() {
				_, _ = front.WriteToUDP(b[:n], caller)
			}
		}
	})
	t.Cleanup(func() {
		_ = front.Close()
		_ = back.Close()
		running.Wait()
	})
	return w
}

func (w *wire) isCut() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cut
}

func (w *wire) sever() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
}

// mpeg2Tables are tables that name a picture in MPEG-2 on PID 0x100.
func mpeg2Tables() []byte {
	mux := ts.NewMuxer()
	if err := mux.Set(picture); err != nil {
		panic(err)
	}
	b, err := mux.Frame(tapeFrames(0)[0], 0)
	if err != nil {
		panic(err)
	}
	pmt := b[ts.PacketSize : 2*ts.PacketSize]
	at := bytes.IndexByte(pmt[5:], 0x1b) + 5
	pmt[at] = 0x02
	size := 3 + int(pmt[6]&0xf)<<8 + int(pmt[7])
	binary.BigEndian.PutUint32(pmt[5+size-4:], crc(pmt[5:5+size-4]))
	return b[:2*ts.PacketSize]
}

// crc is that of tables (ISO 13818-1 annex A).
func crc(b []byte) uint32 {
	sum := ^uint32(0)
	for _, c := range b {
		sum ^= uint32(c) << 24
		for range 8 {
			sum = sum<<1 ^ sum>>31*0x04c11db7
		}
	}
	return sum
}
