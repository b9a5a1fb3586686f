package rtmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"millrace/internal/media"
)

// clientMediaStream is the chunk stream of what is published.
const clientMediaStream = 6

// Client publishes one stream over RTMP. One goroutine uses it, but for Listen.
// Where nobody listens it does not read while it publishes: what the server has
// said comes out when a write fails, and pings are not answered, which some
// servers insist on.
type Client struct {
	caller
	base media.Time
	last [2]*media.Track // as told to the server
	more media.Metadata
	any  bool

	reading sync.Mutex // held by who reads
	leaving atomic.Bool
	heard   bool  // Listen has returned
	said    error // and what
}

// Dial is Publish of the zero Dialer.
func Dial(ctx context.Context, url string) (*Client, error) { return Dialer{}.Publish(ctx, url) }

func dial(ctx context.Context, t target) (*Client, error) { return Dialer{}.publish(ctx, t) }

// Publish connects to rtmp://host[:port]/app/stream[?query], or rtmps://, and
// publishes there. It blocks until the server has let the client in, refused it
// (*StatusError), or ctx has ended. ctx means nothing to the Client that it
// returns.
func (d Dialer) Publish(ctx context.Context, url string) (*Client, error) {
	t, err := parseTarget(url)
	if err != nil {
		return nil, err
	}
	return d.publish(ctx, t)
}

func (d Dialer) publish(ctx context.Context, t target) (*Client, error) {
	c := &Client{}
	if err := d.call(ctx, t, &c.caller, func() error { return c.greet(t) }); err != nil {
		return nil, fmt.Errorf("publish over RTMP: %w", err)
	}
	return c, nil
}

// greet is the way to NetStream.Publish.Start.
func (c *Client) greet(t target) error {
	if err := c.connect(connectObject(t)); err != nil {
		return err
	}
	err := errors.Join(
		c.send(3, 0, "releaseStream", 2, nil, t.name),
		c.send(3, 0, "FCPublish", 3, nil, t.name),
	)
	if err != nil {
		return err
	}
	if err := c.createStream(4); err != nil {
		return err
	}
	if err := c.send(4, c.stream, "publish", 5, nil, t.name, "live"); err != nil {
		return err
	}
	return c.waitStatus(codePublishing)
}

// Listen reads what the server says, beside the goroutine that publishes, until
// the connection ends, and answers pings. It is called once at most, and before
// the first Write. It fails with a *StatusError when the server has said why it
// took no more.
func (c *Client) Listen() error {
	c.reading.Lock()
	defer c.reading.Unlock()
	_ = c.net.SetReadDeadline(time.Time{})
	if c.leaving.Load() {
		return net.ErrClosed
	}
	c.heard, c.said = true, c.waitStatus(codeUnpublished)
	return c.said
}

// hear waits for what the server says about an end, a second at most.
func (c *Client) hear() error {
	c.leaving.Store(true)
	_ = c.net.SetReadDeadline(time.Now().Add(lingering))
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.heard {
		return c.said
	}
	return c.waitStatus(codeUnpublished)
}

// Close says goodbye, waits until the server has heard it, a second at most,
// and closes the connection. It ends Listen.
func (c *Client) Close() error {
	defer c.net.Close()
	err := errors.Join(
		c.send(3, 0, "FCUnpublish", 6, nil, c.name),
		c.send(3, 0, "deleteStream", 7, nil, float64(c.stream)),
	)
	if err != nil {
		return fmt.Errorf("unpublish: %w", err)
	}
	_ = c.hear() // a courtesy that not every server returns
	return nil
}
