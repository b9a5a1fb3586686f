package srt

import (
	"context"
	"io"
	"sync"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/feed"
)

// maxAge is the age of what a viewer has not been sent yet at which it goes on at
// the newest key frame.
const maxAge = 3 * time.Second

// admitPlay admits a viewer and finds the feed that it shares.
func (c *session) admitPlay(ctx context.Context, q catalog.Request) error {
	s := c.server
	q.Track = c.wish.track
	w := feed.Wish{Request: q, Opus: c.wish.opus}
	source, _, err := s.admission.Play(ctx, q, "")
	if err != nil {
		return err
	}
	video, audio := source.Tracks()
	if err := feed.Fits(s.feeds.Renderer, video, audio); err != nil {
		source.Close()
		return err
	}
	c.feed, err = s.feeds.Join(ctx, w, source)
	return err
}

// play sends what the feed has. It returns why it ends, never nil.
func (c *session) play(ctx context.Context) error {
	m := c.server.metrics
	m.players.Inc()
	defer m.players.Dec()
	ctx, cancel := context.WithCancelCause(ctx)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer c.conn.Close()
	reading.Go(func() {
		// A viewer has nothing to say; the end of reading is that of the connection.
		_, err := io.Copy(io.Discard, onlyReader{c.conn})
		if err == nil {
			err = io.EOF
		}
		cancel(err)
	})
	c.view = feed.NewViewer(c.feed, &sink{conn: c.conn, limit: c.server.config.Patience}, feed.ViewerOptions{
		Patience: c.server.config.Patience, Sent: m.sent, OnSkip: m.skip,
		First: func() { m.first.Observe(time.Since(c.asked).Seconds()) },
	})
	return c.view.Run(ctx)
}

// onlyReader hides what else a connection can do from io.Copy.
type onlyReader struct{ io.Reader }
