package srt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/ts"
)

// Ends of a connection that its peer caused.
var (
	errBye  = errors.New("the peer has closed the connection")
	errGone = errors.New("nothing came from the peer any more")
	errIdle = errors.New("no media was received for too long")
)

// session is one connection.
type session struct {
	server *Server
	peer   string
	wish   wish
	conn   gosrt.Conn
	ingest *ingest
	bytes  uint64
}

// serve is the life of a connection; it writes its one log line. decided is
// called once it is admitted or refused.
func (s *Server) serve(ctx context.Context, q gosrt.ConnRequest, decided func()) {
	s.metrics.connections.Inc()
	defer s.metrics.connections.Dec()
	defer decided()
	began := time.Now()
	c := &session{server: s, peer: q.RemoteAddr().String()}
	p, err := c.decide(ctx, q)
	if err != nil {
		code, why := reject(err)
		q.Reject(code)
		s.closed(why)
		s.log.LogAttrs(ctx, slog.LevelInfo, "srt connection refused", slog.String("stream", c.wish.name()), slog.String("proto", "srt"),
			slog.String("peer", c.peer), slog.String("reason", string(why)), slog.Int("code", int(code)), slog.Any("err", err))
		return
	}
	s.goodbyes.bind(q.SocketId())
	c.conn, err = q.Accept()
	decided()
	if err == nil {
		err = c.publish(ctx, p)
	}
	if bye := s.goodbyes.release(q.SocketId()); err == nil || errors.Is(err, io.EOF) {
		err = errGone
		if bye {
			err = errBye
		}
	}
	why := endReason(err)
	p.Close(why)
	s.closed(why)
	c.logEnd(ctx, why, err, time.Since(began))
}

// decide admits a caller or says why not.
func (c *session) decide(ctx context.Context, q gosrt.ConnRequest) (*live.Publisher, error) {
	if q.Version() < 5 {
		return nil, errOldHandshake
	}
	var err error
	if c.wish, err = parseStreamID(q.StreamId()); err != nil {
		return nil, err
	}
	if err := c.server.unlock(q); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.server.config.DecideTimeout)
	defer cancel()
	w := c.wish
	r := catalog.Request{
		Protocol: catalog.SRT, Host: w.host, App: w.app, Stream: w.stream, Path: w.path, AuthKey: w.authKey, RemoteAddr: c.peer,
	}
	if r.Host == "" {
		r.Host = "localhost" // the default domains
	}
	if !w.publish {
		return nil, refused(reason.BadRequest, "playing over SRT is not there yet")
	}
	return c.server.admission.Publish(ctx, r)
}

// unlock agrees with the caller on the encryption.
func (s *Server) unlock(q gosrt.ConnRequest) error {
	switch {
	case s.config.Passphrase == "" && !q.IsEncrypted():
		return nil
	case s.config.Passphrase == "":
		return errNotEncrypted
	case !q.IsEncrypted():
		return errNoPassphrase
	}
	if err := q.SetPassphrase(s.config.Passphrase); err != nil {
		return fmt.Errorf("%w: %w", errBadPassphrase, err)
	}
	return nil
}

// publish reads what a publisher sends. It returns why it ends, never nil.
func (c *session) publish(ctx context.Context, p *live.Publisher) error {
	m := c.server.metrics
	m.publishers.Inc()
	defer m.publishers.Dec()
	guard := &guarded{conn: c.conn}
	var watching sync.WaitGroup
	over := make(chan struct{})
	watching.Go(func() { guard.watch(ctx, p, c.server.config.IdleTimeout, over) })
	defer watching.Wait()
	defer c.conn.Close()
	defer close(over)

	c.ingest = newIngest(p, m)
	r := ts.NewReader(guard)
	r.OnDrop = c.ingest.drop
	defer func() {
		c.bytes = guard.bytes.Load()
	}()
	counted := uint64(0)
	for {
		f, err := r.Next()
		n := guard.bytes.Load()
		m.received.Add(float64(n - counted))
		counted = n
		if err == nil {
			guard.media.Add(1)
			c.ingest.expect(r.Promised())
			err = c.ingest.write(f, time.Now())
		}
		if err != nil {
			return guard.explain(err)
		}
	}
}

// guarded is a connection that is read until something else ends it.
type guarded struct {
	conn  gosrt.Conn
	bytes atomic.Uint64
	media atomic.Uint64         // frames in what was read
	cause atomic.Pointer[error] // of our own making
}

// Read implements io.Reader.
func (g *guarded) Read(b []byte) (int, error) {
	n, err := g.conn.Read(b)
	g.bytes.Add(uint64(n))
	return n, err
}

// watch closes the connection when the right to publish ends, ctx does, or no
// media comes any more.
func (g *guarded) watch(ctx context.Context, p *live.Publisher, idle time.Duration, over <-chan struct{}) {
	tick := time.NewTicker(min(idle/4, time.Second))
	defer tick.Stop()
	seen, since := uint64(0), time.Now()
	end := func(err error) {
		g.cause.Store(&err)
		_ = g.conn.Close()
	}
	for {
		select {
		case <-over:
			return
		case <-ctx.Done():
			end(context.Cause(ctx))
			return
		case <-p.Done():
			end(p.Err())
			return
		case now := <-tick.C:
			if n := g.media.Load(); n != seen {
				seen, since = n, now
			} else if now.Sub(since) > idle {
				end(errIdle)
				return
			}
		}
	}
}

// explain says why reading or writing ended.
func (g *guarded) explain(err error) error {
	if cause := g.cause.Load(); cause != nil {
		return *cause
	}
	return err
}

func (c *session) logEnd(ctx context.Context, why reason.Reason, err error, lasted time.Duration) {
	attrs := []slog.Attr{
		slog.String("stream", c.wish.name()), slog.String("proto", "srt"), slog.String("peer", c.peer),
		slog.String("reason", string(why)), slog.Any("err", err),
		slog.Duration("lasted", lasted.Round(time.Millisecond)), slog.Uint64("bytes", c.bytes),
	}
	if in := c.ingest; in != nil {
		attrs = append(attrs, slog.Uint64("video", in.frames[media.Video]), slog.Uint64("audio", in.frames[media.Audio]), slog.Uint64("dropped", in.drops))
	}
	c.server.log.LogAttrs(context.WithoutCancel(ctx), slog.LevelInfo, "srt connection closed", attrs...)
}

// name is the stream for logs.
func (w wish) name() string { return strings.Trim(w.app+"/"+w.stream, "/") }

// endReason is the word for the end of a connection.
func endReason(err error) reason.Reason {
	var foreign *ts.CodecError
	switch {
	case errors.As(err, &foreign):
		return reason.Codec
	case errors.Is(err, errBye):
		return reason.ClosedByPeer
	case errors.Is(err, errGone):
		return reason.PeerGone
	case errors.Is(err, errIdle):
		return reason.IdleTimeout
	}
	return reasonOf(err)
}
