package rtmp

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/flv"
	"millrace/internal/wire/rtmpchunk"
)

func TestParseCommand(t *testing.T) {
	plain, err := commandMessage(3, 7, "publish", 5, nil, "s")
	must(t, err)
	flash := plain
	flash.Type, flash.Body = rtmpchunk.TypeCommandAMF3, append([]byte{0}, plain.Body...)
	for _, m := range []rtmpchunk.Message{plain, flash} {
		c, err := parseCommand(m)
		name, ok := c.text(1)
		if err != nil || c.name != "publish" || c.transaction != 5 || c.stream != 7 || c.chunkStream != 3 || !ok || name != "s" {
			t.Errorf("type %d: got %+v, %v", m.Type, c, err)
		}
		if _, ok := c.text(2); ok {
			t.Error("found an argument that is not there")
		}
	}
	for _, body := range []string{"", "\x05", "\x02\x00\x01a", "\x05\x05", "\x02\x00\x01a\x05", "\x02\x00\x05a", "\x0b"} {
		if _, err := parseCommand(rtmpchunk.Message{Type: rtmpchunk.TypeCommandAMF0, Body: []byte(body)}); !errors.Is(err, errAMF) {
			t.Errorf("%q: error is %v", body, err)
		}
	}
}

// TestOrder sends commands at moments when clients should not, or need not.
func TestOrder(t *testing.T) {
	connect := connectObject(target{app: "live", tcURL: "rtmp://h/live"})
	for _, c := range []struct {
		name string
		say  func(c *Client) error
		why  reason.Reason
	}{
		{"publish before connect", func(c *Client) error { return c.send(3, 1, "publish", 1, nil, "s", "live") }, reason.Protocol},
		{"connect twice", func(c *Client) error {
			return errors.Join(c.send(3, 0, "connect", 1, connect), c.send(3, 0, "connect", 2, connect))
		}, reason.Protocol},
		{"connect without app", func(c *Client) error { return c.send(3, 0, "connect", 1, connect[1:]) }, reason.BadRequest},
		{"connect with nothing", func(c *Client) error { return c.send(3, 0, "connect", 1) }, reason.BadRequest},
		{"publish without name", func(c *Client) error {
			return errors.Join(c.send(3, 0, "connect", 1, connect), c.send(3, 1, "publish", 2, nil))
		}, reason.BadRequest},
		{"publish twice", func(c *Client) error {
			return errors.Join(c.send(3, 0, "connect", 1, connect), c.send(3, 1, "publish", 2, nil, "s"), c.send(3, 1, "publish", 3, nil, "t"))
		}, reason.Protocol},
		{"media before publish", func(c *Client) error {
			return errors.Join(c.send(3, 0, "connect", 1, connect), c.Announce(small, stereo), c.send(3, 1, "publish", 3, nil, ".."))
		}, reason.BadName},
		{"goodbye before publish", func(c *Client) error {
			return errors.Join(c.send(3, 0, "connect", 1, connect), c.send(3, 0, "FCUnpublish", 2, nil, "s"), c.send(3, 0, "deleteStream", 3, nil, 1.0),
				c.send(3, 1, "publish", 3, nil, "s"), c.send(3, 0, "closeStream", 4, nil))
		}, reason.ClosedByPeer},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := run(t, Config{})
			client := &Client{caller: caller{net: &timedConn{Conn: w.raw()}}}
			must(t, client.open(), c.say(client))
			// Until the server has said what it has to say.
			_ = client.waitStatus(codeUnpublished)
			must(t, client.net.Close())
			w.ended(c.why)
		})
	}
}

func BenchmarkIngest(b *testing.B) {
	hub := live.NewHub(live.Options{})
	defer hub.Close()
	p, err := hub.Publish(live.Name{App: "live", Stream: "s"}, "rtmp", "")
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close(reason.ClosedByPeer)
	in := newIngest(p, NewMetrics(prometheus.NewRegistry()), func() {})
	config, err := flv.AppendConfig(nil, small, 0)
	if err != nil {
		b.Fatal(err)
	}
	if err := in.message(rtmpchunk.Message{Type: rtmpchunk.TypeVideo, Body: config[tagHead : len(config)-4]}, time.Unix(1, 0)); err != nil {
		b.Fatal(err)
	}
	key, inter := picture(small, 0, append(idr, make([]byte, 10_000)...)), picture(small, 0, append(pic, make([]byte, 10_000)...))
	now := time.Unix(1, 0)
	b.SetBytes(int64(len(key.Data)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f, head := inter, "\x27\x01\x00\x00\x00"
		if i%60 == 0 {
			f, head = key, "\x17\x01\x00\x00\x00"
		}
		// A body of its own for each message, as the chunk reader makes it.
		body := append(append(make([]byte, 0, len(head)+len(f.Data)), head...), f.Data...)
		now = now.Add(33 * time.Millisecond)
		m := rtmpchunk.Message{Type: rtmpchunk.TypeVideo, Timestamp: uint32(i * 33), Body: body}
		if err := in.message(m, now); err != nil {
			b.Fatal(err)
		}
	}
	if in.Frames(media.Video) == 0 {
		b.Fatal("no frame went through")
	}
}
