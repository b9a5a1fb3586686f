package rtmp

import (
	"encoding/binary"
	"errors"
	"fmt"

	"millrace/internal/media"
	"millrace/internal/wire/flv"
	"millrace/internal/wire/rtmpchunk"
)

// Describe notes what is said of the stream besides its tracks. Announce tells the
// server, and later on a frame whose Scripts have a description.
func (c *Client) Describe(m media.Metadata) { c.more = m }

// Announce tells the server of the tracks by metadata and decoder parameters;
// either may be nil. It is called before the first Write and may be called
// again. The tracks' codecs are those that FLV carries.
func (c *Client) Announce(video, audio *media.Track) error {
	if err := c.sendTags(flv.AppendDescription(nil, video, audio, c.more, 0)); err != nil {
		return err
	}
	for _, t := range []*media.Track{video, audio} {
		if t == nil {
			continue
		}
		if err := c.configure(t, 0); err != nil {
			return err
		}
	}
	return c.flush()
}

// Write sends f, and before it the parameters of its track when they have changed,
// and its Scripts. The first frame's DTS becomes timestamp 0. It blocks while the server does not
// read, for five seconds at most. The error is a *StatusError when the server
// has said why it took no more.
func (c *Client) Write(f *media.Frame) error {
	if !c.any {
		c.any, c.base = true, f.DTS
	}
	at := flv.Timestamp(f.DTS, c.base)
	if c.last[f.Track.Kind] != f.Track {
		if err := c.configure(f.Track, at); err != nil {
			return err
		}
	}
	for _, body := range f.Scripts {
		b := flv.AppendScript(nil, body, at)
		if media.Describes(body) {
			b = flv.AppendDescription(nil, c.last[media.Video], c.last[media.Audio], c.more, at)
		}
		if err := c.sendTags(b); err != nil {
			return err
		}
	}
	t, err := flv.Render(f, c.base)
	if err != nil {
		return fmt.Errorf("render frame: %w", err)
	}
	if err := c.sendTags(t.Append(make([]byte, 0, t.Len()))); err != nil {
		return err
	}
	return c.flush()
}

func (c *Client) configure(t *media.Track, at uint32) error {
	c.last[t.Kind] = t
	b, err := flv.AppendConfig(nil, t, at)
	if err != nil {
		return err
	}
	return c.sendTags(b)
}

// tagOverhead is what stands around an FLV tag's body.
const (
	tagHead     = 11
	tagOverhead = tagHead + 4
)

// sendTags sends FLV tags as messages: the body of one is that of the other.
func (c *Client) sendTags(b []byte) error {
	if err := c.writeTags(b); err != nil {
		return c.broken(err)
	}
	return nil
}

func (c *Client) writeTags(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(b) >= tagOverhead {
		size := int(binary.BigEndian.Uint32(b) & 0xffffff)
		m := rtmpchunk.Message{
			ChunkStream: clientMediaStream, Stream: c.stream, Type: b[0],
			Timestamp: uint32(b[7])<<24 | binary.BigEndian.Uint32(b[3:])&0xffffff,
			Body:      b[tagHead : tagHead+size],
		}
		if m.Type == rtmpchunk.TypeDataAMF0 && media.Describes(m.Body) {
			// Servers keep what is set as the data frame.
			m.Body = append(setDataFrame(), m.Body...)
		}
		if err := c.out.Write(m); err != nil {
			return err
		}
		b = b[tagOverhead+size:]
	}
	return nil
}

func setDataFrame() []byte {
	const name = "@setDataFrame"
	return append([]byte{2, 0, byte(len(name))}, name...)
}

func (c *Client) flush() error {
	c.mu.Lock()
	err := c.out.Flush()
	c.mu.Unlock()
	if err != nil {
		return c.broken(err)
	}
	return nil
}

// broken looks for the server's own words about a connection that takes no more.
func (c *Client) broken(err error) error {
	var told *StatusError
	if why := c.hear(); errors.As(why, &told) {
		return told
	}
	return fmt.Errorf("send: %w", err)
}
