package load

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"millrace/internal/codec/aac"
	"millrace/internal/media"
	"millrace/internal/rtmp"
	"millrace/internal/srt"
)

// Source is what a publisher sends.
type Source struct {
	Picture
	Sound media.Codec // AAC or Opus; 0: what is usual with the protocol
}

// sink is where a publisher's frames go.
type sink interface {
	Write(f *media.Frame) error
	// keyWanted reports, once, that the server has asked for a key frame.
	keyWanted() bool
	Close() error
}

// Publish publishes synthetic video in the shape of p with silence until ctx
// ends or the server ends it: with AAC to rtmp:// and srt:// URLs, by WHIP with Opus
// to http:// and https://, by ARTC to artc://. Frames leave when their time has
// come, each with the time of that in it.
func Publish(ctx context.Context, url string, p Source) error {
	if p.Sound == 0 {
		p.Sound = media.Opus
		if overFrames(url) {
			p.Sound = media.AAC
		}
	}
	video := &media.Track{Kind: media.Video, Codec: media.H264, Width: 1920, Height: 1080, Params: [][]byte{sps, pps}}
	audio := &media.Track{Kind: media.Audio, Codec: p.Sound, SampleRate: 48_000, Channels: 2}
	if p.Sound == media.AAC {
		var err error
		if audio.Config, err = aac.LCConfig(48_000, 2); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
	to, err := openSink(ctx, url, video, audio)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	defer to.Close() //nolint:errcheck // nothing is left to lose
	if err := p.run(ctx, to, video, audio); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

func openSink(ctx context.Context, url string, video, audio *media.Track) (sink, error) {
	var c client
	var err error
	switch {
	case !overFrames(url):
		return dialWHIP(ctx, url)
	case strings.HasPrefix(url, "srt://"):
		c, err = srt.Dialer{}.Publish(ctx, url)
	default:
		c, err = rtmp.Dial(ctx, url)
	}
	if err != nil {
		return nil, err
	}
	if err := c.Announce(video, audio); err != nil {
		_ = c.Close()
		return nil, err
	}
	return frameSink{c}, nil
}

// overFrames says whether the protocol of a URL carries frames, not packets.
func overFrames(url string) bool {
	return strings.HasPrefix(url, "rtmp://") || strings.HasPrefix(url, "srt://")
}

// client publishes frames.
type client interface {
	Announce(video, audio *media.Track) error
	Write(f *media.Frame) error
	Close() error
}

type frameSink struct{ client }

func (frameSink) keyWanted() bool { return false }

// run sends until ctx ends.
func (p Source) run(ctx context.Context, to sink, video, audio *media.Track) error {
	var id [4]byte
	_, _ = rand.Read(id[:])
	samples := int64(960)
	if p.Sound == media.AAC {
		samples = 1024
	}
	began := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	s := stamp{stream: streamID(id[:])}
	sounds, sinceKey := int64(0), 0
	for {
		pictureAt := media.Time(int64(s.number) * int64(time.Second) / int64(p.Rate))
		soundAt := media.Time(sounds * samples * int64(time.Second) / 48_000)
		timer.Reset(time.Until(began.Add(time.Duration(min(pictureAt, soundAt)))))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		s.at = time.Now().UnixNano()
		var f *media.Frame
		if pictureAt <= soundAt {
			if s.key = sinceKey%p.gop() == 0 || to.keyWanted(); s.key {
				sinceKey = 0
			}
			f = &media.Frame{Track: video, DTS: pictureAt, PTS: pictureAt, Key: s.key, Data: p.frame(s)}
			s.number++
			sinceKey++
		} else {
			f = &media.Frame{Track: audio, DTS: soundAt, PTS: soundAt, Key: true, Data: silence}
			if p.Sound == media.Opus {
				f.Data = opusPacket(stamp{at: s.at, number: uint32(sounds), stream: s.stream})
			}
			sounds++
		}
		if err := to.Write(f); err != nil {
			return err
		}
	}
}
