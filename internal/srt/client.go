package srt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"millrace/internal/media"
	"millrace/internal/wire/ts"
)

// Player plays one stream over SRT. One goroutine uses it, but for Close.
type Player struct {
	*ts.Reader
	line *line
	once sync.Once
}

// Play connects to srt://host:port?streamid=ID[&passphrase=P] and reads what comes.
// It blocks until the server has agreed or refused (*RefusedError). ctx means
// nothing to the Player that it returns.
func (d Dialer) Play(ctx context.Context, url string) (*Player, error) {
	l, err := d.dial(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("play over SRT: %w", err)
	}
	return &Player{Reader: ts.NewReader(l), line: l}, nil
}

// HeldBack is how long frames are held back for repair before Next returns them.
func (p *Player) HeldBack() time.Duration { return heldBack(p.line) }

// Close ends the connection, and Next. Any goroutine may call it.
func (p *Player) Close() error {
	p.once.Do(p.line.hangUp)
	return nil
}

// Client publishes one stream over SRT. One goroutine uses it, but for Listen.
type Client struct {
	line *line
	sink sink
	mux  *ts.Muxer
	base media.Time
	any  bool
	told [2]*media.Track
}

// lead is how far the first frame is from the beginning of the scale: what comes
// second may begin that much earlier.
const lead = media.Time(500 * time.Millisecond)

// Publish is Play for one who publishes.
func (d Dialer) Publish(ctx context.Context, url string) (*Client, error) {
	l, err := d.dial(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("publish over SRT: %w", err)
	}
	return &Client{line: l, sink: sink{conn: l, limit: writeLimit}, mux: ts.NewMuxer()}, nil
}

// writeLimit is how long a Client waits for a server that takes too little.
const writeLimit = 5 * time.Second

// Announce says which tracks there are; either may be nil. It fails with
// ts.ErrTrack where MPEG-TS does not carry the pictures; such sound is left out.
func (c *Client) Announce(video, audio *media.Track) error {
	if video != nil {
		if err := c.tell(video); err != nil {
			return err
		}
	}
	if ts.Carries(audio) {
		return c.tell(audio)
	}
	return nil
}

func (c *Client) tell(t *media.Track) error {
	c.told[t.Kind] = t
	return c.mux.Set(t)
}

// Write sends f. It blocks while the server takes too little, for five seconds at
// most. Frames of sound that is not carried are left out.
func (c *Client) Write(f *media.Frame) error {
	if !c.any {
		c.any, c.base = true, f.DTS-lead
	}
	if kind := f.Track.Kind; c.told[kind] != f.Track {
		if kind == media.Audio && !ts.Carries(f.Track) {
			return nil
		}
		if err := c.tell(f.Track); err != nil {
			return err
		}
	}
	b, err := c.mux.Frame(f, c.base)
	if err != nil {
		return err
	}
	err = c.sink.Send(context.Background(), net.Buffers{b})
	if errors.Is(err, errGone) {
		err = fmt.Errorf("publish over SRT: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// Listen blocks until the server has ended the connection, or Close. A server has
// nothing else to say.
func (c *Client) Listen() error {
	_, err := io.Copy(io.Discard, onlyReader{c.line})
	return err
}

// Close says goodbye and ends the connection.
func (c *Client) Close() error {
	c.line.hangUp()
	return nil
}
