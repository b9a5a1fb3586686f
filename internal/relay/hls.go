package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/codecs"

	"millrace/internal/codec/aac"
	"millrace/internal/codec/opus"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/ts"
)

// hlsOrigin is an HLS stream. The library loads playlists and segments, and gives
// frames away when their time has come.
type hlsOrigin struct {
	client   *gohlslib.Client
	frames   chan *media.Frame
	told     chan struct{} // closed when the tracks are known
	leave    chan struct{} // closed by Close
	once     sync.Once
	promised [2]bool
	status   atomic.Int32 // of the last answer that was a refusal
	failing  sync.Once
	failed   chan struct{} // closed when a request has failed
	failure  error         // of the first that did; set before failed is closed
	ended    chan struct{} // closed at the end of the client
	err      error         // of the client; set before ended is closed
}

// maxQueued is how many frames wait to be read.
const maxQueued = 64

// playHLS tries again while the playlist is one that the library cannot begin with:
// it wants a segment at least.
func (w *Web) playHLS(ctx context.Context, raw string) (Origin, error) {
	for {
		o, err := w.openHLS(ctx, raw)
		if err == nil {
			return o, nil
		}
		if reasonOf(err) != reason.Protocol {
			return nil, err
		}
		select {
		case <-time.After(playlistPause):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// playlistPause is that before a playlist is looked at again.
const playlistPause = time.Second

func (w *Web) openHLS(ctx context.Context, raw string) (Origin, error) {
	o := &hlsOrigin{
		frames: make(chan *media.Frame, maxQueued),
		told:   make(chan struct{}), leave: make(chan struct{}), failed: make(chan struct{}), ended: make(chan struct{}),
	}
	silent := func(string) {}
	o.client = &gohlslib.Client{
		URI: raw, StartDistance: startDistance,
		HTTPClient: &http.Client{Transport: noting{&holding{RoundTripper: w.client.Transport, next: map[string]int{}}, o}},
		OnTracks:   o.tracks, OnDecodeError: func(error) {},
		OnDownloadPrimaryPlaylist: silent, OnDownloadStreamPlaylist: silent, OnDownloadSegment: silent, OnDownloadPart: silent,
	}
	if err := o.client.Start(); err != nil {
		return nil, fmt.Errorf("play HLS: %w", err)
	}
	go func() {
		o.err = o.client.Wait2()
		close(o.ended)
	}()
	var late <-chan time.Time
	for failed := o.failed; ; {
		select {
		case <-o.told:
			return o, nil
		case <-o.ended:
			return nil, o.explain(o.err)
		case <-failed:
			failed, late = nil, time.After(failPause)
		case <-late:
			_ = o.Close()
			return nil, o.explain(o.failure)
		case <-ctx.Done():
			_ = o.Close()
			return nil, context.Cause(ctx)
		}
	}
}

// failPause is how long the library may take to end after a request that failed.
// Where that was for the first segment, it never does.
const failPause = 500 * time.Millisecond

// noting notes requests that fail, and the status of answers that are refusals: the
// library tells it in words alone.
type noting struct {
	http.RoundTripper
	origin *hlsOrigin
}

// RoundTrip implements http.RoundTripper.
func (n noting) RoundTrip(q *http.Request) (*http.Response, error) {
	res, err := n.RoundTripper.RoundTrip(q)
	failure := err
	if err == nil && res.StatusCode >= http.StatusBadRequest {
		n.origin.status.Store(int32(res.StatusCode))
		failure = fmt.Errorf("answered %s", res.Status)
	}
	if failure != nil && q.Context().Err() == nil {
		n.origin.failing.Do(func() {
			n.origin.failure = failure
			close(n.origin.failed)
		})
	}
	return res, err
}

// explain says why the client has ended.
func (o *hlsOrigin) explain(err error) error {
	if errors.Is(err, gohlslib.ErrClientEOS) {
		return io.EOF
	}
	err = fmt.Errorf("play HLS: %w", bare(err))
	if why := reasonOf(err); why != reason.Internal {
		return err
	}
	if code := int(o.status.Load()); code != 0 {
		return &failure{ofStatus(code), err}
	}
	return &failure{reason.Protocol, err}
}

// tracks is told what there is, before any frame comes.
func (o *hlsOrigin) tracks(all []*gohlslib.Track) error {
	defer close(o.told)
	for _, t := range all {
		kind := media.Audio
		if t.Codec.IsVideo() {
			kind = media.Video
		}
		if o.promised[kind] {
			continue // the first of each kind
		}
		o.promised[kind] = true
		switch c := t.Codec.(type) {
		case *codecs.H264:
			o.pictures(t, media.H264, c.SPS, c.PPS)
		case *codecs.H265:
			o.pictures(t, media.H265, c.VPS, c.SPS, c.PPS)
		case *codecs.MPEG4Audio:
			if err := o.aac(t, c); err != nil {
				return err
			}
		case *codecs.Opus:
			track := &media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: opus.Rate, Channels: c.ChannelCount}
			o.client.OnDataOpus(t, func(pts int64, packets [][]byte) {
				at := scaled(pts, t.ClockRate)
				for _, p := range packets {
					o.give(&media.Frame{Track: track, DTS: at, PTS: at, Key: true, Data: p})
					at += media.Time(opus.Samples(p)) * 1e9 / opus.Rate
				}
			})
		default:
			o.promised[kind] = false // passed over
		}
	}
	if o.promised == [2]bool{} {
		return ts.ErrEmpty
	}
	return nil
}

// pictures hands pictures on. Parameter sets that stand outside of the pictures
// go in front of the first.
func (o *hlsOrigin) pictures(t *gohlslib.Track, codec media.Codec, params ...[]byte) {
	assembler := ts.NewPictures(codec)
	o.client.OnDataH26x(t, func(pts, dts int64, unit [][]byte) {
		var b []byte
		for _, nal := range append(params, unit...) {
			b = append(append(b, 0, 0, 1), nal...)
		}
		f := assembler.Frame(b, pts != dts)
		if f == nil {
			return
		}
		params = nil
		f.DTS, f.PTS = scaled(dts, t.ClockRate), scaled(pts, t.ClockRate)
		o.give(f)
	})
}

// samplesAAC is how many samples, before any doubling, a frame has.
const samplesAAC = 1024

func (o *hlsOrigin) aac(t *gohlslib.Track, c *codecs.MPEG4Audio) error {
	config, err := c.Config.Marshal()
	if err != nil {
		return fmt.Errorf("read AAC configuration: %w", err)
	}
	about, err := aac.ParseConfig(config)
	if err != nil {
		return fmt.Errorf("read AAC configuration: %w", err)
	}
	track := &media.Track{Kind: media.Audio, Codec: media.AAC, Config: config, SampleRate: about.OutputRate, Channels: about.Channels}
	o.client.OnDataMPEG4Audio(t, func(pts int64, units [][]byte) {
		at := scaled(pts, t.ClockRate)
		for i, u := range units {
			when := at + media.Time(i*samplesAAC)*1e9/media.Time(c.Config.SampleRate)
			o.give(&media.Frame{Track: track, DTS: when, PTS: when, Key: true, Data: u})
		}
	})
	return nil
}

// scaled converts from a track's clock rate.
func scaled(t int64, rate int) media.Time {
	r := int64(rate)
	return media.Time(t/r*1e9 + t%r*1e9/r)
}

// give blocks the library until the frame is wanted.
func (o *hlsOrigin) give(f *media.Frame) {
	select {
	case o.frames <- f:
	case <-o.leave:
	}
}

// Next implements Origin.
func (o *hlsOrigin) Next() (*media.Frame, error) {
	select {
	case f := <-o.frames:
		return f, nil
	case <-o.ended:
	}
	select {
	case f := <-o.frames: // what was left
		return f, nil
	default:
		return nil, o.explain(o.err)
	}
}

// Promised implements Origin.
func (o *hlsOrigin) Promised() (video, audio, known bool) {
	return o.promised[media.Video], o.promised[media.Audio], true
}

// Close implements Origin. It waits for what the library runs.
func (o *hlsOrigin) Close() error {
	o.once.Do(func() { close(o.leave) })
	o.client.Close()
	<-o.ended
	return nil
}
