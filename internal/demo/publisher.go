package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"millrace/internal/media"
	"millrace/internal/reason"
)

const (
	connectTimeout = 5 * time.Second
	writeTimeout   = 5 * time.Second
	firstBackoff   = 250 * time.Millisecond
	lastBackoff    = 15 * time.Second
	// sessionLimit ends a session before RTMP's 32-bit timestamps wrap.
	sessionLimit = 24 * 24 * time.Hour
)

var errSessionLimit = errors.New("timestamps are used up")

// Publisher publishes the loop. It holds no state between calls of Run.
type Publisher struct {
	loop *Loop
	log  *slog.Logger
}

// NewPublisher reads the loop. It starts nothing.
func NewPublisher(log *slog.Logger) (*Publisher, error) {
	loop, err := Load()
	if err != nil {
		return nil, err
	}
	return &Publisher{loop: loop, log: log}, nil
}

// Run publishes the loop to rtmpURL, rtmp://host[:port]/app/stream?query, until
// ctx ends, and connects again when the connection is lost or refused. It
// blocks. It returns nil when ctx has ended, and an error at once when rtmpURL
// is no such URL.
func (p *Publisher) Run(ctx context.Context, rtmpURL string) error {
	target, err := parseURL(rtmpURL)
	if err != nil {
		return err
	}
	backoff := firstBackoff
	for {
		s := session{loop: p.loop, schedule: schedule{loop: p.loop}}
		err := s.run(ctx, target)
		if ctx.Err() != nil {
			return nil
		}
		if s.sent > 0 {
			backoff = firstBackoff
		}
		p.log.Warn("demo publisher lost its connection", "stream", target.Path+"/"+name(target), "proto", "rtmp",
			"peer", target.Host, "reason", reason.PeerGone, "err", err,
			"frames", s.sent, "jumps", s.schedule.jumps, "retry_in", backoff)
		if !pause(ctx, backoff) {
			return nil
		}
		backoff = min(2*backoff, lastBackoff)
	}
}

// parseURL splits the stream's name off the URL's path and puts it, with the
// query, where gortmplib expects the stream key: into the fragment.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("parse publish URL: %w", err)
	}
	app, stream, ok := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if u.Scheme != "rtmp" || u.Host == "" || !ok || app == "" || stream == "" {
		return nil, errors.New("parse publish URL: not rtmp://host/app/stream")
	}
	key := stream
	if u.RawQuery != "" {
		key += "?" + u.RawQuery
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/" + app, Fragment: key}, nil
}

// name is the stream's name without the signature, for logs.
func name(target *url.URL) string {
	n, _, _ := strings.Cut(target.Fragment, "?")
	return n
}

// pause waits and says whether ctx still lives.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// session is one RTMP connection.
type session struct {
	loop     *Loop
	schedule schedule
	sent     int
}

// run connects and publishes until ctx ends or the connection fails.
func (s *session) run(ctx context.Context, target *url.URL) error {
	conn := &gortmplib.Client{URL: target, Publish: true, DialContext: dial}
	dialing, cancelDial := context.WithTimeout(ctx, connectTimeout)
	defer cancelDial()
	if err := conn.Initialize(dialing); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	read := make(chan struct{})
	go func() {
		defer close(read)
		cancel(drain(conn))
	}()
	stop := context.AfterFunc(ctx, conn.Close)
	defer func() {
		if stop() {
			conn.Close()
		}
		<-read
		cancel(nil)
	}()
	if err := s.write(ctx, conn); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	return nil
}

// drain reads what the server says, acknowledgements, until the connection
// ends. A read has no deadline, because a server may be silent: that it is
// gone is noticed by the writes.
func drain(conn *gortmplib.Client) error {
	for {
		if _, err := conn.Read(); err != nil {
			return fmt.Errorf("read from server: %w", err)
		}
	}
}

// write sends the tracks' headers and then each frame when it is due.
func (s *session) write(ctx context.Context, conn *gortmplib.Client) error {
	tracks, err := s.loop.rtmpTracks()
	if err != nil {
		return err
	}
	w := &gortmplib.Writer{Conn: conn, Tracks: tracks}
	if err := w.Initialize(); err != nil {
		return fmt.Errorf("write headers: %w", err)
	}
	began := time.Now()
	for {
		now := time.Now()
		wait, at := s.schedule.peek(now.UnixNano(), now.Sub(began))
		if wait > 0 {
			if !pause(ctx, wait) {
				return context.Cause(ctx)
			}
			continue
		}
		if at > sessionLimit {
			return errSessionLimit
		}
		if err := conn.Write(rtmpMessage(s.loop.frames[s.schedule.next], at)); err != nil {
			return fmt.Errorf("write frame: %w", err)
		}
		s.sent++
		s.schedule.advance()
	}
}

func (l *Loop) rtmpTracks() ([]*gortmplib.Track, error) {
	aac := new(mpeg4audio.AudioSpecificConfig)
	if err := aac.Unmarshal(l.Audio.Config); err != nil {
		return nil, fmt.Errorf("parse audio config: %w", err)
	}
	return []*gortmplib.Track{
		{Codec: &codecs.H264{SPS: l.Video.Params[0], PPS: l.Video.Params[1]}},
		{Codec: &codecs.MPEG4Audio{Config: aac}},
	}, nil
}

func rtmpMessage(f *media.Frame, at time.Duration) message.Message {
	const messageStream = 0x1000000 // stream 1, in RTMP's byte order
	if f.Track.Kind == media.Video {
		return &message.Video{
			ChunkStreamID: message.VideoChunkStreamID, MessageStreamID: messageStream,
			Codec: message.CodecH264, Type: message.VideoTypeAU,
			IsKeyFrame: f.Key, DTS: at, AU: f.Data,
		}
	}
	return &message.Audio{
		ChunkStreamID: message.AudioChunkStreamID, MessageStreamID: messageStream,
		Codec: message.CodecMPEG4Audio, AACType: message.AudioAACTypeAU,
		Rate: message.AudioRate44100, Depth: message.AudioDepth16, IsStereo: true, DTS: at, AU: f.Data,
	}
}

// dial gives every write of the connection a deadline.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return writeDeadline{c}, nil
}

type writeDeadline struct{ net.Conn }

func (c writeDeadline) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}
