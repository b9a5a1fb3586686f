package rtmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"millrace/internal/catalog"
	"millrace/internal/feed"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/flv"
	"millrace/internal/wire/rtmpchunk"
)

// player is what a connection that plays has more than others.
type player struct {
	set  *feed.Set
	feed *feed.Feed
	out  *feed.Conn
	wish feed.Wish
	view *feed.Viewer
}

// play asks for admission, and prepares what receive then plays.
func (c *conn) play(ctx context.Context, cmd command) error {
	if c.publisher != nil || c.player != nil {
		return &ending{codePlayFailed, reason.Protocol, errors.New("this connection publishes or plays already")}
	}
	c.stream, c.plays = cmd.stream, true
	if cmd.stream != messageStream { // what is rendered is shared, and so is its number
		return &ending{codePlayFailed, reason.Protocol, fmt.Errorf("play on message stream %d, which createStream did not give", cmd.stream)}
	}
	name, ok := cmd.text(1)
	if about, isObject := object(cmd.args, 1); isObject { // play2
		name, ok = about.GetString("streamName")
	}
	if !ok {
		return refused(reason.BadRequest, "play names no stream")
	}
	a, err := parseAddress(c.app, c.tcURL, name)
	if err != nil {
		return err
	}
	if a.host == "" {
		a.host = hostOf(c.net.LocalAddr())
	}
	c.address = a
	w := feed.Wish{Request: catalog.Request{
		Protocol: c.protocol, Host: a.host, App: a.app, Stream: a.stream, Track: a.tracks(),
		Path: a.path(), AuthKey: a.authKey, RemoteAddr: c.peer,
	}}
	w.Opus = takes(c.about, flv.FourCC(media.Opus)) || a.argument("audio") == "opus"
	w.OnlyArguments(a.argument("onlyaudio"), a.argument("onlyvideo"))
	set, f, err := c.join(ctx, w, a.argument("enhanced") == "1")
	if err != nil {
		return err
	}
	if err := c.startPlay(cmd); err != nil {
		set.Part(f)
		return err
	}
	c.player = &player{set: set, feed: f, wish: w}
	return nil
}

// join waits for the stream, for as long as the player stays.
func (c *conn) join(ctx context.Context, w feed.Wish, enhanced bool) (*feed.Set, *feed.Feed, error) {
	ctx, end := c.net.whileThere(ctx)
	defer end()
	waiting, cancel := context.WithTimeout(ctx, c.server.config.StartTimeout)
	defer cancel()
	source, _, err := c.server.admission.Play(waiting, w.Request, "")
	if err != nil {
		return nil, nil, fmt.Errorf("admit viewer: %w", err)
	}
	video, audio := source.Tracks()
	set, err := c.choose(w.Wanted(video), w.Wanted(audio), enhanced)
	if err != nil {
		source.Close()
		return nil, nil, err
	}
	f, err := set.Join(ctx, w, source)
	return set, f, err
}

// choose returns the feeds that the player can decode the streams of. One that
// says with connect what it takes of the enhanced form is believed; any may
// ask for it by the URL.
func (c *conn) choose(video, audio *media.Track, asked bool) (*feed.Set, error) {
	r, set := renderer{enhanced: asked || c.enhanced}, c.server.plain
	if r.enhanced {
		set = c.server.enhanced
	}
	if video != nil && video.Codec != media.H264 && flv.Carries(video) && !asked && !takes(c.about, flv.FourCC(video.Codec)) {
		return nil, refused(reason.Codec, fmt.Sprintf("the stream's video is %s, which this player does not list in connect (fourCcList): add enhanced=1 to the URL if it can play it", video.Codec))
	}
	return set, feed.Fits(r, video, audio)
}

// startPlay tells the client that media follows.
func (c *conn) startPlay(cmd command) error {
	what := c.address.app + "/" + c.address.stream
	if err := c.out.SetChunkSize(playChunkSize); err != nil {
		return fmt.Errorf("write message: %w", err)
	}
	begin := binary.BigEndian.AppendUint32([]byte{0, eventStreamBegin}, cmd.stream)
	if err := c.control(rtmpchunk.TypeUserControl, begin); err != nil {
		return err
	}
	for _, s := range []amf0.Object{
		status("status", codePlayReset, "playing and resetting "+what),
		status("status", codePlaying, "playing "+what),
	} {
		if err := c.status(s); err != nil {
			return err
		}
	}
	access, err := amf0.Data{"|RtmpSampleAccess", true, true}.Marshal()
	if err != nil {
		return fmt.Errorf("encode data message: %w", err)
	}
	return c.send(rtmpchunk.Message{ChunkStream: statusChunkStream, Stream: cmd.stream, Type: rtmpchunk.TypeDataAMF0, Body: access})
}

// stage plays until the stream or the player ends, while reading what the player
// says.
func (c *conn) stage(ctx context.Context) error {
	s := c.server
	defer c.player.set.Part(c.player.feed)
	proto := string(c.protocol)
	gauge := s.metrics.players.WithLabelValues(proto)
	gauge.Inc()
	defer gauge.Dec()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := feed.NewConn(ctx, c.net.Conn, s.config.WriteTimeout, feed.Plain{})
	c.player.out = out
	c.player.view = feed.NewViewer(c.player.feed, out, feed.ViewerOptions{
		Without: c.player.wish.Without, Patience: s.config.Patience, Sent: s.metrics.sent.WithLabelValues(proto), OnSkip: s.metrics.skip,
		First: func() { s.metrics.first.WithLabelValues(proto).Observe(time.Since(c.asked).Seconds()) },
	})
	c.wire.queue = out
	ended := make(chan error, 1)
	go func() {
		ended <- c.player.view.Run(ctx)
		c.net.interrupt() // the end of reading
	}()
	_ = c.net.SetReadDeadline(time.Time{}) // players need not say anything
	c.net.idle(0)
	read := c.listen(ctx)
	cancel(read)
	err := <-ended
	out.Close(err, nil)
	c.wire.queue = nil
	return err
}

// listen reads until something ends the connection.
func (c *conn) listen(ctx context.Context) error {
	for {
		m, err := c.in.Next()
		if err != nil {
			return fmt.Errorf("read message: %w", err)
		}
		if err := c.dispatch(ctx, m); err != nil {
			return err
		}
	}
}

// judge maps why the connection ends as the functions of that name do.
func (c *conn) judge(err error) (code string, why reason.Reason) {
	if c.plays {
		return judgePlay(err)
	}
	return judge(err)
}

// outgoing is where a connection's chunks go: to the peer, or to the queue of
// what plays to it.
type outgoing struct {
	to    io.Writer
	queue *feed.Conn
}

func (o *outgoing) Write(b []byte) (int, error) {
	if o.queue == nil {
		return o.to.Write(b)
	}
	if !o.queue.Queue(bytes.Clone(b)) {
		return 0, fmt.Errorf("answer player: %w", live.ErrSlow)
	}
	return len(b), nil
}

// takes says whether a client's connect lists a FourCC: in fourCcList, or in the
// map of its kind as one that it can decode (Enhanced RTMP v2, "enhancing NetConnection connect").
func takes(about amf0.Object, four string) bool {
	listed, _ := about.Get("fourCcList")
	if list, ok := listed.(amf0.StrictArray); ok && (slices.Contains(list, any(four)) || slices.Contains(list, any("*"))) {
		return true
	}
	for _, name := range []string{"videoFourCcInfoMap", "audioFourCcInfoMap"} {
		value, _ := about.Get(name)
		info, ok := object([]any{value}, 0)
		if !ok {
			continue
		}
		for _, key := range []string{four, "*"} {
			if mask, ok := info.GetFloat64(key); ok && int(mask)&1 != 0 {
				return true
			}
		}
	}
	return false
}

func toAny(attrs []slog.Attr) []any {
	all := make([]any, len(attrs))
	for i, a := range attrs {
		all[i] = a
	}
	return all
}
