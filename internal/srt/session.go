package srt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	gosrt "github.com/datarhei/gosrt"

	"millrace/internal/catalog"
	"millrace/internal/feed"
	"millrace/internal/intake"
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
	// errAhead: timestamps say that it is to be handed on much later.
	errAhead = errors.New("too much media is waiting for its time")
)

// session is one connection.
type session struct {
	server *Server
	peer   string
	asked  time.Time
	wish   wish
	conn   gosrt.Conn

	// Of one that publishes.
	publisher *live.Publisher
	ingest    *intake.Intake
	bytes     uint64
	// Of one that plays.
	feed *feed.Feed
	view *feed.Viewer
}

// serve is the life of a connection; it writes its one log line. decided is
// called once it is admitted or refused.
func (s *Server) serve(ctx context.Context, q gosrt.ConnRequest, decided func()) {
	s.metrics.connections.Inc()
	defer decided()
	c := &session{server: s, peer: q.RemoteAddr().String(), asked: time.Now()}
	err := c.decide(ctx, q)
	if err != nil {
		code, why := reject(err)
		s.metrics.connections.Dec()
		s.closed(why)
		s.log.LogAttrs(ctx, slog.LevelInfo, "srt connection refused", slog.String("stream", c.wish.name()), slog.String("proto", "srt"),
			slog.String("peer", c.peer), slog.String("reason", string(why)), slog.Int("code", int(code)), slog.Any("err", err))
		q.Reject(code)
		return
	}
	s.peers.bind(q.SocketId())
	c.conn, err = q.Accept()
	decided()
	switch {
	case err != nil:
		err = errGone
	case c.publisher != nil:
		s.peers.follow(c.conn)
		err = c.publish(ctx)
	default:
		err = c.play(ctx)
	}
	if bye := s.peers.release(q.SocketId()); errors.Is(err, io.EOF) || errors.Is(err, errGone) {
		err = errGone
		if bye {
			err = errBye
		}
	}
	why := endReason(err)
	if c.publisher != nil {
		c.publisher.Close(why)
	} else {
		s.feeds.Part(c.feed)
	}
	s.metrics.connections.Dec()
	s.closed(why)
	c.logEnd(ctx, why, err)
}

// decide admits a caller or says why not.
func (c *session) decide(ctx context.Context, q gosrt.ConnRequest) error {
	if q.Version() < 5 {
		return errOldHandshake
	}
	var err error
	if c.wish, err = parseStreamID(q.StreamId()); err != nil {
		return err
	}
	if err := c.server.unlock(q); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.server.config.DecideTimeout)
	defer cancel()
	w := c.wish
	r := catalog.Request{
		Protocol: catalog.SRT, Host: w.host, App: w.app, Stream: w.stream, Path: w.path, AuthKey: w.authKey, Query: w.query,
		RemoteAddr: c.peer,
	}
	if r.Host == "" {
		r.Host = "localhost" // the default domains
	}
	if !w.publish {
		return c.admitPlay(ctx, r)
	}
	c.publisher, err = c.server.admission.Publish(ctx, r)
	return err
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

func (c *session) logEnd(ctx context.Context, why reason.Reason, err error) {
	attrs := []slog.Attr{
		slog.String("stream", c.wish.name()), slog.String("proto", "srt"), slog.String("peer", c.peer),
		slog.String("reason", string(why)), slog.Any("err", err), slog.Duration("lasted", time.Since(c.asked).Round(time.Millisecond)),
	}
	if in := c.ingest; in != nil {
		attrs = append(attrs, slog.Uint64("bytes", c.bytes), slog.Uint64("video", in.Frames(media.Video)),
			slog.Uint64("audio", in.Frames(media.Audio)), slog.Uint64("dropped", in.Drops()))
	}
	if c.view != nil {
		attrs = append(attrs, c.view.Totals()...)
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
	case errors.Is(err, errAhead):
		return reason.Limit
	}
	return reasonOf(err)
}
