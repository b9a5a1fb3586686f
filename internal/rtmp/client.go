package rtmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/handshake"

	"millrace/internal/media"
	"millrace/internal/wire/rtmpchunk"
)

// StatusError is a server's refusal, or its reason for ending the stream.
type StatusError struct{ Code, Description string }

func (e *StatusError) Error() string { return e.Code + ": " + e.Description }

// ErrURL says that a URL is not rtmp://host[:port]/app/stream[?query].
var ErrURL = errors.New("not an URL of the form rtmp://host/app/stream")

const (
	defaultPort       = "1935"
	clientChunkSize   = 65536
	clientMediaStream = 6
	maxAnswer         = 1 << 20
)

// Client publishes one stream over RTMP. One goroutine uses it. It does not
// read while it publishes: what the server has said comes out when a write
// fails. It answers no pings, which some other servers insist on.
type Client struct {
	net  *timedConn
	in   *rtmpchunk.Reader
	out  *rtmpchunk.Writer
	base media.Time
	last [2]*media.Track // as told to the server
	any  bool

	stream uint32
	name   string
}

// target is where a Client goes and what it says there.
type target struct{ addr, app, tcURL, name string }

// parseTarget splits a URL as ffmpeg does: the query goes with the stream name.
func parseTarget(raw string) (target, error) {
	rest, ok := strings.CutPrefix(raw, "rtmp://")
	path, query := cutQuery(rest)
	host, path, _ := strings.Cut(path, "/")
	app, name, _ := strings.Cut(path, "/")
	if !ok || host == "" || app == "" || name == "" {
		return target{}, fmt.Errorf("%w: %.100q", ErrURL, raw)
	}
	t := target{addr: host, app: app, tcURL: "rtmp://" + host + "/" + app, name: name}
	if query != "" {
		t.name += "?" + query
	}
	if _, _, err := net.SplitHostPort(host); err != nil {
		t.addr = net.JoinHostPort(strings.Trim(host, "[]"), defaultPort)
	}
	return t, nil
}

// Dial connects to rtmp://host[:port]/app/stream[?query] and publishes there. It
// blocks until the server has let the client in, refused it (*StatusError), or
// ctx has ended. ctx means nothing to the Client that it returns.
func Dial(ctx context.Context, url string) (*Client, error) {
	t, err := parseTarget(url)
	if err != nil {
		return nil, err
	}
	return dial(ctx, t)
}

func dial(ctx context.Context, t target) (*Client, error) {
	nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", t.addr)
	if err != nil {
		return nil, fmt.Errorf("dial RTMP server: %w", err)
	}
	c := &Client{net: &timedConn{Conn: nc}, name: t.name}
	stop := context.AfterFunc(ctx, c.net.interrupt)
	err = c.greet(t)
	if stop(); err != nil {
		nc.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("publish over RTMP: %w", err)
	}
	return c, nil
}

// open is the way to the first message.
func (c *Client) open() error {
	if _, _, err := handshake.DoClient(c.net, false, false); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	c.in = rtmpchunk.NewReader(c.net, rtmpchunk.Limits{Message: maxAnswer, Partial: 8, Buffered: 2 * maxAnswer})
	c.out = rtmpchunk.NewWriter(c.net)
	return c.out.SetChunkSize(clientChunkSize)
}

func connectObject(t target) amf0.Object {
	return amf0.Object{
		{Key: "app", Value: t.app},
		{Key: "type", Value: "nonprivate"},
		{Key: "flashVer", Value: "FMLE/3.0 (compatible; millrace)"},
		{Key: "tcUrl", Value: t.tcURL},
	}
}

// greet is the way to NetStream.Publish.Start.
func (c *Client) greet(t target) error {
	if err := c.open(); err != nil {
		return err
	}
	if err := c.send(3, 0, "connect", 1, connectObject(t)); err != nil {
		return err
	}
	if _, err := c.result(1); err != nil {
		return err
	}
	err := errors.Join(
		c.send(3, 0, "releaseStream", 2, nil, t.name),
		c.send(3, 0, "FCPublish", 3, nil, t.name),
		c.send(3, 0, "createStream", 4, nil),
	)
	if err != nil {
		return err
	}
	answer, err := c.result(4)
	if err != nil {
		return err
	}
	id, ok := answer.args[len(answer.args)-1].(float64)
	if !ok {
		return fmt.Errorf("%w: createStream gave no stream", errAMF)
	}
	c.stream = uint32(id)
	if err := c.send(4, c.stream, "publish", 5, nil, t.name, "live"); err != nil {
		return err
	}
	return c.waitStatus(codePublishing)
}

// result waits for the answer to a call.
func (c *Client) result(transaction float64) (command, error) {
	for {
		cmd, err := c.nextCommand()
		if err != nil {
			return command{}, err
		}
		switch {
		case cmd.name == "_result" && cmd.transaction == transaction && len(cmd.args) > 0:
			return cmd, nil
		case cmd.name == "_error" && cmd.transaction == transaction:
			return command{}, statusError(cmd)
		}
	}
}

// waitStatus waits for an onStatus with the given code; one of level error ends
// the waiting.
func (c *Client) waitStatus(code string) error {
	for {
		cmd, err := c.nextCommand()
		if err != nil {
			return err
		}
		if cmd.name != "onStatus" {
			continue
		}
		about, _ := object(cmd.args, 1)
		if got, _ := about.GetString("code"); got == code {
			return nil
		}
		if level, _ := about.GetString("level"); level == "error" {
			return statusError(cmd)
		}
	}
}

func statusError(cmd command) error {
	about, _ := object(cmd.args, 1)
	e := &StatusError{}
	e.Code, _ = about.GetString("code")
	e.Description, _ = about.GetString("description")
	return e
}

func (c *Client) nextCommand() (command, error) {
	for {
		m, err := c.in.Next()
		if err != nil {
			return command{}, err
		}
		if m.Type != rtmpchunk.TypeCommandAMF0 {
			continue
		}
		if cmd, err := parseCommand(m); err == nil {
			return cmd, nil
		}
	}
}

func (c *Client) send(chunkStream, stream uint32, name string, transaction float64, args ...any) error {
	m, err := commandMessage(chunkStream, stream, name, transaction, args...)
	if err != nil {
		return err
	}
	if err := c.out.Write(m); err != nil {
		return c.broken(err)
	}
	return c.flush()
}

// Close says goodbye, waits until the server has heard it, a second at most,
// and closes the connection.
func (c *Client) Close() error {
	defer c.net.Close()
	err := errors.Join(
		c.send(3, 0, "FCUnpublish", 6, nil, c.name),
		c.send(3, 0, "deleteStream", 7, nil, float64(c.stream)),
	)
	if err != nil {
		return fmt.Errorf("unpublish: %w", err)
	}
	c.net.until(time.Now().Add(lingering))
	_ = c.waitStatus(codeUnpublished) // a courtesy that not every server returns
	return nil
}
