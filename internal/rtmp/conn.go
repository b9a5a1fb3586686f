package rtmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/handshake"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/rtmpchunk"
)

const (
	// lingering is how long a connection waits for its peer to read why it was
	// ended: closing at once would make the kernel reset it and drop the reason.
	lingering    = time.Second
	maxLingering = 4 << 20 // bytes
	// lastWords is how long a publisher that has said goodbye may stay.
	lastWords = 5 * time.Second

	windowSize   = 2_500_000 // acknowledgement window, both ways, in bytes
	outChunkSize = 4096
)

// conn is one connection. Its own goroutine does all reading and writing.
type conn struct {
	server *Server
	net    *timedConn
	in     *rtmpchunk.Reader
	out    *rtmpchunk.Writer
	wire   *outgoing // what out writes to
	peer   string

	protocol catalog.Protocol

	window    uint64 // bytes after which the peer wants an acknowledgement
	acked     uint64
	app       string // of connect
	tcURL     string
	greeted   bool // the handshake is done
	connected bool
	fcPublish bool
	leaving   bool        // the publisher has said goodbye
	stream    uint32      // message stream that publishes or plays
	about     amf0.Object // of connect
	enhanced  bool        // it lists video of the enhanced form
	asked     time.Time   // when the connection was accepted

	address   address
	publisher *live.Publisher
	ingest    *ingest
	plays     bool    // it has asked to
	player    *player // admitted
}

// serve is the life of a connection; it writes its one log line.
func (s *Server) serve(ctx context.Context, nc net.Conn, protocol catalog.Protocol) {
	s.metrics.connections.Inc()
	began := time.Now()
	c := &conn{
		server: s, net: &timedConn{Conn: nc}, peer: nc.RemoteAddr().String(), window: windowSize,
		protocol: protocol, asked: began,
	}
	c.wire = &outgoing{to: c.net}
	c.in = rtmpchunk.NewReader(c.net, s.config.strangerLimits())
	c.out = rtmpchunk.NewWriter(c.wire)
	defer nc.Close()

	err := c.run(ctx)
	code, why := c.judge(err)
	if c.ingest != nil {
		c.ingest.close(why)
	}
	if code != "" {
		c.sayGoodbye(code, err)
	}
	s.metrics.connections.Dec()
	s.metrics.closed.WithLabelValues(string(why)).Inc()
	c.logEnd(ctx, why, err, time.Since(began))
}

func (c *conn) logEnd(ctx context.Context, why reason.Reason, err error, lasted time.Duration) {
	attrs := []slog.Attr{
		slog.String("stream", strings.Trim(c.address.path(), "/")), slog.String("proto", string(c.protocol)), slog.String("peer", c.peer),
		slog.String("reason", string(why)), slog.Any("err", err),
		slog.Duration("lasted", lasted.Round(time.Millisecond)), slog.Uint64("bytes", c.in.Received()),
	}
	if c.ingest != nil {
		attrs = append(attrs, slog.Uint64("video", c.ingest.Frames(media.Video)), slog.Uint64("audio", c.ingest.Frames(media.Audio)),
			slog.Uint64("dropped", c.ingest.Drops()))
	}
	if c.player != nil && c.player.view != nil {
		attrs = append(attrs, slog.Group("sent", toAny(c.player.view.Totals())...))
	}
	c.server.log.LogAttrs(context.WithoutCancel(ctx), slog.LevelInfo, "rtmp connection closed", attrs...)
}

// run returns why the connection ends, never nil.
func (c *conn) run(ctx context.Context) error {
	late := time.Now().Add(c.server.config.PublishTimeout)
	c.net.until(late)
	stop := context.AfterFunc(ctx, c.net.interrupt)
	defer stop()
	err := c.approach(ctx)
	switch {
	case err != nil:
	case c.player != nil:
		err = c.stage(ctx)
	default:
		err = c.receive(ctx)
	}
	switch {
	case ctx.Err() != nil && !c.leaving:
		return context.Cause(ctx)
	case c.leaving:
		c.seeOff()
		return errDone
	case c.publisher != nil && c.publisher.Err() != nil:
		return c.publisher.Err()
	case c.player != nil:
	case errors.Is(err, os.ErrDeadlineExceeded) && c.publisher == nil:
		return errLate
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errIdle
	}
	return err
}

// seeOff ends publishing at once, and the connection when the client does:
// GStreamer takes it for a fault when the server closes first.
func (c *conn) seeOff() {
	c.ingest.close(reason.ClosedByPeer)
	c.net.until(time.Now().Add(lastWords))
	_, _ = io.CopyN(io.Discard, c.net, maxLingering)
}

// approach leads from the first byte to the admission.
func (c *conn) approach(ctx context.Context) error {
	if err := c.handshake(); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		return fmt.Errorf("%w: %w", errHandshake, err)
	}
	c.greeted = true
	c.in.Progress = c.acknowledge
	for c.publisher == nil && c.player == nil {
		m, err := c.in.Next()
		if err != nil {
			return fmt.Errorf("read message: %w", err)
		}
		if err := c.dispatch(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// handshake is plain RTMP only. Its first byte is the version, 3; RTMPE has 6
// and TLS 22.
func (c *conn) handshake() error {
	var version [1]byte
	if _, err := io.ReadFull(c.net, version[:]); err != nil {
		return err
	}
	if version[0] != 3 {
		return fmt.Errorf("version %d is not plain RTMP", version[0])
	}
	_, _, err := handshake.DoServer(struct {
		io.Reader
		io.Writer
	}{io.MultiReader(bytes.NewReader(version[:]), c.net), c.net}, false)
	return err
}

// receive reads what a publisher sends.
func (c *conn) receive(ctx context.Context) error {
	m := c.server.metrics
	m.publishers.Inc()
	defer m.publishers.Dec()
	c.in.SetLimits(c.server.config.limits())
	c.net.idle(c.server.config.IdleTimeout)
	c.net.batch(c.ingest.unread)

	ended, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		select {
		case <-c.publisher.Done():
			c.net.interrupt()
		case <-ended:
		}
	}()
	defer func() { close(ended); <-gone }()

	counted := uint64(0)
	for {
		msg, err := c.in.Next()
		m.received.Add(float64(c.in.Received() - counted))
		counted = c.in.Received()
		if err != nil {
			return fmt.Errorf("read message: %w", err)
		}
		if err := c.dispatch(ctx, msg); err != nil {
			return err
		}
	}
}

// dispatch handles one message of any type. What is not known is passed over.
func (c *conn) dispatch(ctx context.Context, m rtmpchunk.Message) error {
	switch m.Type {
	case rtmpchunk.TypeAudio, rtmpchunk.TypeVideo, rtmpchunk.TypeDataAMF0, rtmpchunk.TypeDataAMF3:
		if c.ingest != nil {
			return c.ingest.message(m, time.Now())
		}
		c.passOver()
	case rtmpchunk.TypeCommandAMF0, rtmpchunk.TypeCommandAMF3:
		cmd, err := parseCommand(m)
		if err != nil {
			c.passOver()
			return nil
		}
		return c.command(ctx, cmd)
	case rtmpchunk.TypeWindowAckSize:
		if len(m.Body) >= 4 {
			c.window = max(uint64(binary.BigEndian.Uint32(m.Body)), 1)
		}
	case rtmpchunk.TypeUserControl:
		return c.userControl(m)
	case rtmpchunk.TypeAcknowledgement, rtmpchunk.TypePeerBandwidth:
		// We never have enough underway to wait for the peer.
	default:
		c.passOver()
	}
	return nil
}

func (c *conn) passOver() {
	if c.ingest != nil {
		c.ingest.Drop(reason.UnsupportedMsg)
		return
	}
	c.server.metrics.drop(reason.UnsupportedMsg)
}

// acknowledge keeps the peer sending (RTMP 1.0 section 5.4.3). Small windows are
// answered at most once per 4 KiB.
func (c *conn) acknowledge(received uint64) error {
	if received-c.acked < max(c.window, 4096) {
		return nil
	}
	c.acked = received
	return c.send(rtmpchunk.Message{
		ChunkStream: rtmpchunk.ControlStream, Type: rtmpchunk.TypeAcknowledgement,
		Body: binary.BigEndian.AppendUint32(nil, uint32(received)),
	})
}

// Event types of user control messages (section 7.1.7).
const (
	eventStreamBegin  = 0
	eventStreamEOF    = 1
	eventPingRequest  = 6
	eventPingResponse = 7
)

func (c *conn) userControl(m rtmpchunk.Message) error {
	if len(m.Body) < 6 || binary.BigEndian.Uint16(m.Body) != eventPingRequest {
		return nil
	}
	return c.send(rtmpchunk.Message{
		ChunkStream: rtmpchunk.ControlStream, Type: rtmpchunk.TypeUserControl,
		Body: append([]byte{0, eventPingResponse}, m.Body[2:6]...),
	})
}

// send writes messages out at once.
func (c *conn) send(all ...rtmpchunk.Message) error {
	for _, m := range all {
		if err := c.out.Write(m); err != nil {
			return fmt.Errorf("write message: %w", err)
		}
	}
	if err := c.out.Flush(); err != nil {
		return fmt.Errorf("write message: %w", err)
	}
	return nil
}

// sayGoodbye tells the peer why, and waits a moment for it to read that. What
// goes wrong here changes nothing: the connection is at its end.
func (c *conn) sayGoodbye(code string, err error) {
	if !c.greeted {
		return
	}
	c.net.release()
	if c.connected {
		level := "error"
		if code == codePlayEnded {
			level = "status"
			if c.control(rtmpchunk.TypeUserControl, binary.BigEndian.AppendUint32([]byte{0, eventStreamEOF}, c.stream)) != nil {
				return
			}
		}
		m, encodeErr := commandMessage(statusChunkStream, c.stream, "onStatus", 0, nil, status(level, code, explain(err)))
		if encodeErr != nil || c.send(m) != nil {
			return
		}
	}
	if half, ok := c.net.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		c.net.until(time.Now().Add(lingering))
		_, _ = io.CopyN(io.Discard, c.net, maxLingering)
	}
}
