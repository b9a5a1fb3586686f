package rtmp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"millrace/internal/catalog"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/flv"
	"millrace/internal/wire/rtmpchunk"
)

// statusChunkStream carries onStatus, as other servers have it.
const statusChunkStream = 5

// messageStream is the one that createStream hands out.
const messageStream = 1

// command acts on one command. The error ends the connection.
func (c *conn) command(ctx context.Context, cmd command) error {
	if cmd.name == "connect" {
		return c.connect(cmd)
	}
	if !c.connected {
		return fmt.Errorf("%w: %.32q before connect", rtmpchunk.ErrProtocol, cmd.name)
	}
	switch cmd.name {
	case "createStream":
		return c.reply(cmd, float64(messageStream))
	case "releaseStream", "_checkbw":
		return c.reply(cmd, amf0.Undefined{})
	case "FCPublish":
		c.fcPublish = true
		return c.reply(cmd, amf0.Undefined{})
	case "publish":
		return c.publish(ctx, cmd)
	case "play", "play2":
		return c.play(ctx, cmd)
	case "FCSubscribe":
		return c.answerStatus("onFCSubscribe", 0, status("status", codePlaying, "subscribed"))
	case "getStreamLength":
		return c.reply(cmd, float64(0))
	case "FCUnpublish", "closeStream", "deleteStream":
		if c.player != nil {
			return errDone
		}
		return c.unpublish(cmd)
	}
	return nil // results, pause and seek, which a live stream has none of, and calls that ask for no answer
}

// enhancedVideo is what only the enhanced form has.
var enhancedVideo = []media.Codec{media.H265, media.AV1, media.VP9}

// Bits of capsEx (Enhanced RTMP v2, CapsExMask).
const (
	capsMultitrack = 2
	capsModEx      = 4
	capsNanos      = 8
)

// forwarded says that codecs can be forwarded (FourCcInfoMask).
func forwarded(fours ...string) (o amf0.Object) {
	for _, four := range fours {
		o = append(o, amf0.ObjectEntry{Key: four, Value: float64(4)})
	}
	return o
}

// connect answers by the greeting that clients wait for.
func (c *conn) connect(cmd command) error {
	if c.connected {
		return fmt.Errorf("%w: second connect", rtmpchunk.ErrProtocol)
	}
	about, ok := object(cmd.args, 0)
	app, hasApp := about.GetString("app")
	if !ok || !hasApp {
		return c.reject(cmd, refused(reason.BadRequest, "connect names no app"))
	}
	tcURL, _ := about.GetString("tcUrl")
	if len(app)+len(tcURL) > maxAddress {
		return c.reject(cmd, refused(reason.BadRequest, "the URL is too long"))
	}
	c.app, c.tcURL, c.connected = app, tcURL, true
	c.about = about
	for _, codec := range enhancedVideo {
		c.enhanced = c.enhanced || takes(about, flv.FourCC(codec))
	}

	if err := c.control(rtmpchunk.TypeWindowAckSize, binary.BigEndian.AppendUint32(nil, windowSize)); err != nil {
		return err
	}
	if err := c.control(rtmpchunk.TypePeerBandwidth, append(binary.BigEndian.AppendUint32(nil, windowSize), 2)); err != nil {
		return err
	}
	if err := c.out.SetChunkSize(outChunkSize); err != nil {
		return fmt.Errorf("write message: %w", err)
	}
	m, err := commandMessage(cmd.chunkStream, 0, "_result", cmd.transaction,
		amf0.Object{
			{Key: "fmsVer", Value: "FMS/3,5,7,7009"},
			{Key: "capabilities", Value: float64(31)},
		},
		append(status("status", codeConnected, "Connection succeeded."),
			amf0.ObjectEntry{Key: "objectEncoding", Value: float64(0)},
			amf0.ObjectEntry{Key: "fourCcList", Value: amf0.StrictArray{"avc1", "hvc1", "av01", "vp09", "Opus", "mp4a"}},
			amf0.ObjectEntry{Key: "videoFourCcInfoMap", Value: forwarded("avc1", "hvc1", "av01", "vp09")},
			amf0.ObjectEntry{Key: "audioFourCcInfoMap", Value: forwarded("Opus", "mp4a")},
			amf0.ObjectEntry{Key: "capsEx", Value: float64(capsMultitrack | capsModEx | capsNanos)},
		))
	if err != nil {
		return err
	}
	return c.send(m)
}

// reject refuses a connect: there is no stream yet that onStatus could be about.
func (c *conn) reject(cmd command, why error) error {
	m, err := commandMessage(cmd.chunkStream, 0, "_error", cmd.transaction, nil, status("error", codeRejected, explain(why)))
	if err != nil {
		return err
	}
	if err := c.send(m); err != nil {
		return err
	}
	return why
}

// publish asks for admission and starts the stream.
func (c *conn) publish(ctx context.Context, cmd command) error {
	if c.publisher != nil || c.player != nil {
		return &ending{codeTaken, reason.Protocol, errors.New("this connection publishes or plays already")}
	}
	c.stream = cmd.stream
	name, ok := cmd.text(1)
	if !ok {
		return refused(reason.BadRequest, "publish names no stream")
	}
	a, err := parseAddress(c.app, c.tcURL, name)
	if err != nil {
		return err
	}
	if a.host == "" {
		a.host = hostOf(c.net.LocalAddr())
	}
	c.address = a
	waiting, cancel := context.WithTimeout(ctx, c.server.config.PublishTimeout)
	defer cancel()
	p, err := c.server.admission.Publish(waiting, catalog.Request{
		Protocol: c.protocol, Host: a.host, App: a.app, Stream: a.stream,
		Path: a.path(), AuthKey: a.authKey, Query: a.query, RemoteAddr: c.peer,
	})
	if err != nil {
		return fmt.Errorf("admit publisher: %w", err)
	}
	c.publisher = p
	c.ingest = newIngest(p, c.server.metrics, c.net.stir)
	return c.started(cmd)
}

// started tells the client that it may send.
func (c *conn) started(cmd command) error {
	begin := binary.BigEndian.AppendUint32([]byte{0, eventStreamBegin}, cmd.stream)
	if err := c.control(rtmpchunk.TypeUserControl, begin); err != nil {
		return err
	}
	started := status("status", codePublishing, "publishing "+c.address.app+"/"+c.address.stream)
	if c.fcPublish {
		if err := c.answerStatus("onFCPublish", cmd.stream, started); err != nil {
			return err
		}
	}
	return c.status(started)
}

// unpublish ends a publisher that says goodbye. FMLE and librtmp send these
// before they publish, too, to clear a name that an earlier run left behind.
func (c *conn) unpublish(cmd command) error {
	if c.publisher == nil {
		return nil
	}
	// The client may have gone already: its goodbye counts all the same.
	c.leaving = true
	gone := status("status", codeUnpublished, "unpublished")
	if cmd.name != "FCUnpublish" {
		_ = c.status(gone)
		return errDone
	}
	return c.answerStatus("onFCUnpublish", c.stream, gone)
}

func (c *conn) reply(cmd command, result any) error {
	if cmd.transaction == 0 {
		return nil
	}
	m, err := commandMessage(cmd.chunkStream, 0, "_result", cmd.transaction, nil, result)
	if err != nil {
		return err
	}
	return c.send(m)
}

func (c *conn) status(s amf0.Object) error { return c.answerStatus("onStatus", c.stream, s) }

// answerStatus calls the client with a status.
func (c *conn) answerStatus(name string, stream uint32, s amf0.Object) error {
	m, err := commandMessage(statusChunkStream, stream, name, 0, nil, s)
	if err != nil {
		return err
	}
	return c.send(m)
}

func (c *conn) control(kind byte, body []byte) error {
	if err := c.out.Write(rtmpchunk.Message{ChunkStream: rtmpchunk.ControlStream, Type: kind, Body: body}); err != nil {
		return fmt.Errorf("write message: %w", err)
	}
	return nil
}

func hostOf(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}
