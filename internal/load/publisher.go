package load

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"millrace/internal/codec/aac"
	"millrace/internal/media"
	"millrace/internal/rtmp"
)

// Picture is the shape of synthetic video: sizes and times are those of a real
// encoder at a constant bit rate, the content is noise.
type Picture struct {
	Rate    int           // frames per second
	Bits    int           // video bits per second
	GOP     time.Duration // between key frames
	KeySize int           // bytes of a key frame
}

// FullHD is 1080p30 at 2.5 Mbit/s with a key frame every two seconds.
var FullHD = Picture{Rate: 30, Bits: 2_500_000, GOP: 2 * time.Second, KeySize: 90_000}

// Parameter sets of a 1920x1080 constrained baseline stream.
var (
	sps = []byte{0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc9, 0x20}
	pps = []byte{0x68, 0xcb, 0x83, 0xcb, 0x20}
)

// Publish publishes noise in the shape of p, with silent AAC, over RTMP until
// ctx ends or the server ends it. Frames leave when their time has come.
func Publish(ctx context.Context, url string, p Picture) error {
	c, err := rtmp.Dial(ctx, url)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	defer c.Close() //nolint:errcheck // nothing is left to lose
	config, err := aac.LCConfig(48_000, 2)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	video := &media.Track{Kind: media.Video, Codec: media.H264, Width: 1920, Height: 1080, Params: [][]byte{sps, pps}}
	audio := &media.Track{Kind: media.Audio, Codec: media.AAC, SampleRate: 48_000, Channels: 2, Config: config}
	if err := c.Announce(video, audio); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	noise := make([]byte, p.KeySize)
	for i := range noise {
		noise[i] = byte(rand.IntN(255) + 1)
	}
	began := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	frames, sounds := int64(0), int64(0)
	for {
		pictureAt := media.Time(frames * int64(time.Second) / int64(p.Rate))
		soundAt := media.Time(sounds * 1024 * int64(time.Second) / 48_000)
		timer.Reset(time.Until(began.Add(time.Duration(min(pictureAt, soundAt)))))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		f := &media.Frame{Track: audio, DTS: soundAt, PTS: soundAt, Key: true, Data: silence}
		if pictureAt <= soundAt {
			key := frames%int64(p.GOP.Seconds()*float64(p.Rate)) == 0
			f = &media.Frame{Track: video, DTS: pictureAt, PTS: pictureAt, Key: key, Data: p.frame(key, noise)}
			frames++
		} else {
			sounds++
		}
		if err := c.Write(f); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
}

// silence is one stereo AAC-LC access unit of nothing.
var silence = []byte{0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c}

// frame returns one NAL unit of the right type and size.
func (p Picture) frame(key bool, noise []byte) []byte {
	perGOP := p.GOP.Seconds() * float64(p.Rate)
	size := int((float64(p.Bits)/8*p.GOP.Seconds() - float64(p.KeySize)) / (perGOP - 1))
	head := []byte{0x41, 0x9a} // nal_ref_idc 2, a P slice that begins with the first macroblock
	if key {
		size, head = p.KeySize, []byte{0x65, 0x88} // IDR, an I slice
	}
	b := binary.BigEndian.AppendUint32(make([]byte, 0, size+4), uint32(size))
	b = append(b, head...)
	return append(b, noise[:size-len(head)]...)
}
