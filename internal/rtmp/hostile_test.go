package rtmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/rtmpchunk"
)

// raw is a connection without any manners.
func (w *world) raw() net.Conn {
	w.t.Helper()
	c, err := net.Dial("tcp", w.addr)
	must(w.t, err)
	w.t.Cleanup(func() { c.Close() })
	must(w.t, c.SetDeadline(time.Now().Add(bound)))
	return c
}

// closedByServer reads until the server closes.
func closedByServer(t *testing.T, c net.Conn) {
	t.Helper()
	_, err := io.Copy(io.Discard, c)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatal("the server did not close")
	}
}

func TestSlowHandshake(t *testing.T) {
	for name, first := range map[string][]byte{"nothing": nil, "C0 only": {3}, "half of C1": append([]byte{3}, make([]byte, 700)...), "no C2": append([]byte{3}, make([]byte, 1536)...)} {
		t.Run(name, func(t *testing.T) {
			w := run(t, Config{PublishTimeout: 100 * time.Millisecond})
			c := w.raw()
			_, err := c.Write(first)
			must(t, err)
			closedByServer(t, c)
			w.ended(reason.Timeout)
		})
	}
}

func TestNeverPublishes(t *testing.T) {
	t.Parallel()
	w := run(t, Config{PublishTimeout: 3 * time.Second}) // what comes before it takes a starved machine a while
	c := &Client{caller: caller{net: &timedConn{Conn: w.raw()}}}
	must(t, c.open(), c.send(3, 0, "connect", 1, connectObject(target{app: "live", tcURL: "rtmp://h/live"})))
	var told *StatusError
	if err := c.waitStatus(""); !errors.As(err, &told) || told.Description != errLate.Error() {
		t.Fatalf("client was told %v", err)
	}
	must(t, c.net.Close())
	w.ended(reason.Timeout)
}

func TestNotRTMP(t *testing.T) {
	for name, first := range map[string]string{"HTTP": "GET / HTTP/1.1\r\n\r\n", "TLS": "\x16\x03\x01\x02\x00", "RTMPE": "\x06" + string(make([]byte, 1536))} {
		t.Run(name, func(t *testing.T) {
			w := run(t, Config{})
			c := w.raw()
			_, err := c.Write([]byte(first))
			must(t, err)
			closedByServer(t, c)
			w.ended(reason.HandshakeFailed)
		})
	}
}

func TestIdle(t *testing.T) {
	w := run(t, Config{IdleTimeout: 100 * time.Millisecond})
	c := w.dial("live/s")
	var told *StatusError
	if err := c.waitStatus(""); !errors.As(err, &told) || told.Description != errIdle.Error() {
		t.Fatalf("client was told %v", err)
	}
	must(t, c.net.Close())
	w.ended(reason.IdleTimeout)
}

func TestTooManyConnections(t *testing.T) {
	w := run(t, Config{MaxConnections: 2})
	first := w.dial("live/a")
	second := w.raw() // silent: it counts before its handshake
	third := w.raw()
	closedByServer(t, third)
	if n := w.metric("millrace_rtmp_closed_total", reason.Limit); n != 1 {
		t.Fatalf("%v connections counted", n)
	}
	must(t, second.Close(), first.Close())
	for range 2 {
		<-w.ends
	}
}

// sendRaw sends a message as it is.
func (c *Client) sendRaw(m rtmpchunk.Message) error {
	if err := c.out.Write(m); err != nil {
		return err
	}
	return c.out.Flush()
}

func TestPassedOver(t *testing.T) {
	w := run(t, Config{})
	c := w.dial("live/s")
	nested := bytes.Repeat([]byte{10, 0, 0, 0, 1}, 1<<20) // 5 MiB, one level per 5 bytes
	for _, m := range []rtmpchunk.Message{
		{ChunkStream: 3, Type: rtmpchunk.TypeDataAMF3, Body: []byte("\x00\x02\x00\x01x")},
		{ChunkStream: 3, Type: rtmpchunk.TypeCommandAMF3, Body: []byte{0x11, 9}},
		{ChunkStream: 3, Type: rtmpchunk.TypeAggregate, Body: []byte{1, 2, 3}},
		{ChunkStream: 3, Type: 99, Body: []byte{1, 2, 3}},
		{ChunkStream: 3, Type: 0, Body: nil},
		{ChunkStream: 3, Type: rtmpchunk.TypeCommandAMF0, Body: []byte{0xff}},
		{ChunkStream: 3, Type: rtmpchunk.TypeCommandAMF0, Body: []byte{5}},
		{ChunkStream: 3, Type: rtmpchunk.TypeCommandAMF0, Body: nested},
		{ChunkStream: 3, Type: rtmpchunk.TypeDataAMF0, Body: nested},
		{ChunkStream: 700, Stream: 1, Type: rtmpchunk.TypeVideo, Body: []byte("\x96\x01avc1abc")},
		{ChunkStream: 66, Stream: 1, Type: rtmpchunk.TypeVideo, Body: []byte("\x17\x07\x00\x00\x00")},
	} {
		must(t, c.sendRaw(m))
	}
	// These are nothing to count.
	for _, m := range []rtmpchunk.Message{
		{ChunkStream: 3, Type: rtmpchunk.TypeUserControl, Body: []byte{0}},
		{ChunkStream: 3, Type: rtmpchunk.TypeWindowAckSize, Body: []byte{0}},
		{ChunkStream: 3, Type: rtmpchunk.TypeAcknowledgement, Body: nil},
		{ChunkStream: 4, Stream: 1, Type: rtmpchunk.TypeAudio, Body: nil},
	} {
		must(t, c.sendRaw(m))
	}
	must(t, c.send(3, 0, "getStreamLength", 9, nil, "s"))
	must(t, c.Announce(small, nil), c.Write(picture(small, 0, idr)))
	next(t, w.reader("s"), media.Video)
	if n := w.metric("millrace_rtmp_dropped_total", reason.UnsupportedMsg); n != 10 {
		t.Fatalf("%v messages counted", n)
	}
	if n := w.metric("millrace_rtmp_dropped_total", reason.Limit); n != 1 {
		t.Errorf("%v messages are too large", n)
	}
}

func TestNestedBeforePublishing(t *testing.T) {
	w := run(t, Config{})
	c := &Client{caller: caller{net: &timedConn{Conn: w.raw()}}}
	must(t, c.open())
	// As deep as a stranger's limit lets it be.
	must(t, c.sendRaw(rtmpchunk.Message{ChunkStream: 3, Type: rtmpchunk.TypeCommandAMF0, Body: bytes.Repeat([]byte{3, 0, 1, 'a'}, maxAMF/4)}))
	must(t, c.sendRaw(rtmpchunk.Message{ChunkStream: 3, Type: rtmpchunk.TypeCommandAMF0, Body: make([]byte, maxAMF+1)}))
	closedByServer(t, c.net.Conn)
	must(t, c.net.Close())
	w.ended(reason.Limit)
}

func TestMessageTooLarge(t *testing.T) {
	w := run(t, Config{MaxMessage: 100_000})
	c := w.dial("live/s")
	must(t, c.Announce(small, nil))
	err := c.sendRaw(rtmpchunk.Message{ChunkStream: 6, Stream: 1, Type: rtmpchunk.TypeVideo, Body: make([]byte, 100_001)})
	var told *StatusError
	if err == nil {
		err = c.waitStatus("")
	}
	if !errors.As(err, &told) || told.Code != codePublishFailed {
		t.Fatalf("client was told %v", err)
	}
	must(t, c.net.Close())
	w.ended(reason.Limit)
}

func TestTooManyPartialMessages(t *testing.T) {
	w := run(t, Config{MaxPartial: 3})
	c := w.dial("live/s")
	for id := byte(10); id < 14; id++ {
		chunk := append([]byte{id, 0, 0, 0, 1, 0, 0, 9, 1, 0, 0, 0}, make([]byte, clientChunkSize)...)
		chunk[4] = 2 // 128 KiB, of which half comes
		if _, err := c.net.Write(chunk); err != nil {
			break
		}
	}
	var told *StatusError
	if err := c.waitStatus(""); !errors.As(err, &told) || told.Code != codePublishFailed {
		t.Fatalf("client was told %v", err)
	}
	must(t, c.net.Close())
	w.ended(reason.Limit)
}

func TestCodecs(t *testing.T) {
	for name, m := range map[string]rtmpchunk.Message{
		"VP8":    {Type: rtmpchunk.TypeVideo, Body: []byte("\x90vp08abcdef")},
		"legacy": {Type: rtmpchunk.TypeVideo, Body: []byte("\x12abcdef")},
		"MP3":    {Type: rtmpchunk.TypeAudio, Body: []byte("\x2fabcdef")},
		"FLAC":   {Type: rtmpchunk.TypeAudio, Body: []byte("\x90fLaCabcdef")},
	} {
		t.Run(name, func(t *testing.T) {
			w := run(t, Config{})
			c := w.dial("live/s")
			m.ChunkStream, m.Stream = 6, 1
			must(t, c.sendRaw(m))
			var told *StatusError
			if err := c.waitStatus(""); !errors.As(err, &told) || !bytes.Contains([]byte(told.Description), []byte("is not taken, only")) {
				t.Fatalf("client was told %v", err)
			}
			must(t, c.net.Close())
			w.ended(reason.Codec)
		})
	}
}

func TestBadConfiguration(t *testing.T) {
	for name, m := range map[string]rtmpchunk.Message{
		"avcC":  {Type: rtmpchunk.TypeVideo, Body: []byte("\x17\x00\x00\x00\x00\x01abcdef")},
		"SPS":   {Type: rtmpchunk.TypeVideo, Body: []byte("\x17\x00\x00\x00\x00\x01\x42\x00\x1e\xff\xe1\x00\x04\x67\x42\x00\x1e\x01\x00\x01\x68")},
		"audio": {Type: rtmpchunk.TypeAudio, Body: []byte("\xaf\x00\xff\xff\xff\xff")},
		"Opus":  {Type: rtmpchunk.TypeAudio, Body: []byte("\x90Opusabc")},
	} {
		t.Run(name, func(t *testing.T) {
			w := run(t, Config{})
			c := w.dial("live/s")
			m.ChunkStream, m.Stream = 6, 1
			must(t, c.sendRaw(m))
			var told *StatusError
			if err := c.waitStatus(""); !errors.As(err, &told) {
				t.Fatalf("client was told %v", err)
			}
			must(t, c.net.Close())
			w.ended(reason.Protocol)
		})
	}
}

func TestBrokenPictures(t *testing.T) {
	w := run(t, Config{})
	c := w.dial("live/s")
	must(t, c.Announce(small, nil))
	broken := rtmpchunk.Message{ChunkStream: 7, Stream: 1, Type: rtmpchunk.TypeVideo, Body: []byte("\x27\x01\x00\x00\x00\x00\x00\x00\x09\x41")}
	for range maxBroken - 1 {
		must(t, c.sendRaw(broken))
	}
	must(t, c.Write(picture(small, 0, idr)))
	next(t, w.reader("s"), media.Video)
	for range maxBroken {
		must(t, c.sendRaw(broken))
	}
	var told *StatusError
	if err := c.waitStatus(""); !errors.As(err, &told) || told.Code != codePublishFailed {
		t.Fatalf("client was told %v", err)
	}
	must(t, c.net.Close())
	w.ended(reason.Protocol)
}

func TestPlayIsRefused(t *testing.T) {
	w := run(t, Config{})
	c := &Client{caller: caller{net: &timedConn{Conn: w.raw()}}}
	must(t, c.open(), c.send(3, 0, "connect", 1, connectObject(target{app: "live", tcURL: "rtmp://h/live"})))
	_, err := c.result(1)
	must(t, err, c.send(3, 0, "createStream", 2, nil))
	_, err = c.result(2)
	must(t, err, c.send(8, 1, "play", 3, nil, "s"))
	var told *StatusError
	if err := c.waitStatus(""); !errors.As(err, &told) || told.Code != codeNoStream {
		t.Fatalf("client was told %v", err)
	}
	must(t, c.net.Close())
	w.ended(reason.NotFound)
}

func TestPingAndAcknowledgement(t *testing.T) {
	w := run(t, Config{})
	c := w.dial("live/s")
	must(t, c.sendRaw(rtmpchunk.Message{ChunkStream: 2, Type: rtmpchunk.TypeUserControl, Body: []byte{0, eventPingRequest, 1, 2, 3, 4}}))
	m := nextOfType(t, c, rtmpchunk.TypeUserControl)
	if !bytes.Equal(m.Body, []byte{0, eventPingResponse, 1, 2, 3, 4}) {
		t.Fatalf("answer is %x", m.Body)
	}
	must(t, c.sendRaw(rtmpchunk.Message{ChunkStream: 2, Type: rtmpchunk.TypeWindowAckSize, Body: binary.BigEndian.AppendUint32(nil, 100_000)}))
	// A part of a message that has several windows: acknowledgements do not
	// wait for its end.
	part := append([]byte{40, 0, 0, 0, 0x09, 0x27, 0xc0, 99, 1, 0, 0, 0}, make([]byte, clientChunkSize)...)
	for range 3 {
		part = append(part, append([]byte{0xc0 | 40}, make([]byte, clientChunkSize)...)...)
	}
	_, err := c.net.Write(part)
	must(t, err)
	first := binary.BigEndian.Uint32(nextOfType(t, c, rtmpchunk.TypeAcknowledgement).Body)
	second := binary.BigEndian.Uint32(nextOfType(t, c, rtmpchunk.TypeAcknowledgement).Body)
	if first < 100_000 || second-first < 100_000 || second > 300_000 {
		t.Fatalf("acknowledged were %d and %d", first, second)
	}
}

func nextOfType(t *testing.T, c *Client, kind byte) rtmpchunk.Message {
	t.Helper()
	must(t, c.net.SetReadDeadline(time.Now().Add(bound)))
	for {
		m, err := c.in.Next()
		must(t, err)
		if m.Type == kind {
			return m
		}
	}
}

// memory is a connection whose peer has said everything already.
type memory struct {
	net.Conn
	io.Reader
}

type nowhere struct{}

func (nowhere) Network() string { return "tcp" }
func (nowhere) String() string  { return "192.0.2.1:1" }

func (m memory) Read(b []byte) (int, error)       { return m.Reader.Read(b) }
func (memory) Write(b []byte) (int, error)        { return len(b), nil }
func (memory) Close() error                       { return nil }
func (memory) LocalAddr() net.Addr                { return nowhere{} }
func (memory) RemoteAddr() net.Addr               { return nowhere{} }
func (memory) SetReadDeadline(t time.Time) error  { return nil }
func (memory) SetWriteDeadline(t time.Time) error { return nil }

func newServer(f *testing.F) *Server {
	hub := live.NewHub(live.Options{Linger: time.Millisecond})
	f.Cleanup(hub.Close)
	door := admission{
		func(_ context.Context, q catalog.Request) (*live.Publisher, error) {
			return hub.Publish(live.Name{App: q.App, Stream: q.Stream}, "rtmp", q.RemoteAddr)
		},
		func(ctx context.Context, q catalog.Request, variant string) (*live.Reader, catalog.Mode, error) {
			ctx, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			r, err := hub.Subscribe(ctx, live.Name{App: q.App, Stream: q.Stream, Variant: variant})
			return r, catalog.SubSecond, err
		},
	}
	p, err := hub.Publish(live.Name{App: "live", Stream: "playing"}, "test", "")
	if err != nil {
		f.Fatal(err)
	}
	p.Announce(small, stereo)
	if err := p.Write(picture(small, 0, idr)); err != nil {
		f.Fatal(err)
	}
	return New(Config{MaxMessage: 1 << 20}, door, slog.New(slog.DiscardHandler), NewMetrics(prometheus.NewRegistry()))
}

// FuzzSession feeds whole connections, behind the handshake, to the server.
func FuzzSession(f *testing.F) {
	s := newServer(f)
	var b bytes.Buffer
	c := &Client{caller: caller{out: rtmpchunk.NewWriter(&b)}}
	say := func(chunkStream, stream uint32, name string, args ...any) {
		m, err := commandMessage(chunkStream, stream, name, 1, args...)
		if err != nil {
			f.Fatal(err)
		}
		if err := c.sendRaw(m); err != nil {
			f.Fatal(err)
		}
	}
	say(3, 0, "connect", connectObject(target{app: "live", tcURL: "rtmp://h/live"}))
	f.Add(bytes.Clone(b.Bytes()))
	say(3, 0, "createStream", nil)
	say(4, 1, "publish", nil, "s", "live")
	f.Add(bytes.Clone(b.Bytes()))
	c.stream = 1
	for _, err := range []error{
		c.Announce(small, stereo), c.Write(picture(small, 0, idr)), c.Write(sound(stereo, 0, "x")), c.Write(picture(small, 40, spsLarge, bee)),
		c.sendRaw(rtmpchunk.Message{ChunkStream: 9, Stream: 1, Type: rtmpchunk.TypeAudio, Body: []byte("\x91Opus\xfcab")}),
	} {
		if err != nil {
			f.Fatal(err)
		}
	}
	f.Add(bytes.Clone(b.Bytes()))
	say(3, 0, "FCUnpublish", nil, "s")
	say(3, 0, "deleteStream", nil, 1.0)
	f.Add(bytes.Clone(b.Bytes()))
	b.Reset()
	c.out = rtmpchunk.NewWriter(&b)
	say(3, 0, "connect", append(connectObject(target{app: "live", tcURL: "rtmp://h/live"}),
		amf0.ObjectEntry{Key: "fourCcList", Value: amf0.StrictArray{"hvc1", "Opus"}}))
	say(3, 0, "createStream", nil)
	say(8, 1, "play", nil, "playing?onlyvideo=1", -2000.0)
	say(8, 1, "pause", nil, true, 0.0)
	say(8, 0, "deleteStream", nil, 1.0)
	f.Add(bytes.Clone(b.Bytes()))
	hello := append([]byte{3}, make([]byte, 2*1536)...)
	f.Fuzz(func(t *testing.T, in []byte) {
		s.serve(context.Background(), memory{Reader: io.MultiReader(bytes.NewReader(hello), bytes.NewReader(in))}, catalog.RTMP)
	})
}
