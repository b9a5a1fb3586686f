package transcode

import (
	"fmt"

	aac "github.com/tphakala/go-aac"

	"millrace/internal/media"
)

// aacBitrate is what AAC takes by number of channels, in bit/s.
var aacBitrate = [3]int{1: 96_000, 2: 128_000}

// maxLevel is the loudest sample that the encoder is given: NaN and the like
// would end it.
const maxLevel = 8

// aacEncoder makes AAC-LC of 48 kHz.
type aacEncoder struct {
	encoder  *aac.Encoder
	config   aac.EncoderConfig
	channels int
	planes   [][]float32
}

// toAAC is how sound becomes AAC-LC. The encoder keeps one frame before it puts
// out the first, which is what the other frames need to begin from.
func toAAC() target {
	return target{codec: media.AAC, samples: aac.FrameSize, held: 1, newEncoder: newAACEncoder}
}

// newAACEncoder returns an encoder for 1 or 2 channels.
func newAACEncoder(channels int) (encoder, error) {
	e := &aacEncoder{
		channels: channels,
		config:   aac.EncoderConfig{SampleRate: outputRate, Channels: channels, Bitrate: aacBitrate[channels]},
	}
	var err error
	if e.encoder, err = aac.NewEncoder(e.config); err != nil {
		return nil, err
	}
	for range channels {
		e.planes = append(e.planes, make([]float32, aac.FrameSize))
	}
	return e, nil
}

// Encode writes the access unit that is complete with 1024 interleaved samples;
// the first call after Reset completes none.
func (e *aacEncoder) Encode(pcm []float32, packet []byte) (n int, err error) {
	defer func() {
		if p := recover(); p != nil {
			n, err = 0, fmt.Errorf("encode AAC: panic: %v", p)
		}
	}()
	for c, plane := range e.planes {
		for i := range plane {
			x := pcm[i*e.channels+c]
			if !(x >= -maxLevel && x <= maxLevel) {
				x = 0
			}
			plane[i] = x
		}
	}
	unit, err := e.encoder.EncodeFrame(packet[:0], e.planes)
	if err != nil {
		return 0, fmt.Errorf("encode AAC: %w", err)
	}
	if len(unit) > len(packet) {
		return 0, fmt.Errorf("encode AAC: access unit of %d bytes", len(unit))
	}
	return len(unit), nil
}

// Delay is how many samples the first access unit begins before the sound.
func (e *aacEncoder) Delay() int { return e.encoder.Delay() }

// Reset forgets the sound so far.
func (e *aacEncoder) Reset() {
	// The configuration was accepted before, so this cannot fail.
	_ = e.encoder.Reset(e.config)
}

// Track describes what the encoder makes.
func (e *aacEncoder) Track() *media.Track {
	return &media.Track{
		Kind: media.Audio, Codec: media.AAC, SampleRate: outputRate, Channels: e.channels,
		Config: e.encoder.AudioSpecificConfig(),
	}
}
