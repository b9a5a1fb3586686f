package transcode

import (
	"fmt"

	"github.com/thesyncim/gopus"

	"millrace/internal/codec/opus"
	"millrace/internal/media"
)

const (
	opusBitrate    = 64_000 // per channel, bit/s
	opusComplexity = 5      // of 0..10; higher costs more and is not heard at this rate
)

// packetSamples is the length of an Opus packet, 20 ms: the least that costs no
// quality (RFC 6716 section 2.1.4).
const packetSamples = outputRate / 50

// opusEncoder makes Opus of 64 kbit/s per channel.
type opusEncoder struct {
	encoder  *gopus.Encoder
	channels int
}

// toOpus is how sound becomes Opus.
func toOpus() target {
	return target{codec: media.Opus, samples: packetSamples, newEncoder: newOpusEncoder}
}

// newOpusEncoder returns an encoder for 1 or 2 channels. It runs in the
// restricted low-delay mode, which looks 2.5 ms ahead instead of 6.5: at this
// rate the other mode would choose the same coding (CELT) anyway.
func newOpusEncoder(channels int) (encoder, error) {
	e, err := gopus.NewEncoder(gopus.EncoderConfig{
		SampleRate: outputRate, Channels: channels, Application: gopus.ApplicationLowDelay,
	})
	if err != nil {
		return nil, err
	}
	e.SetFEC(false)
	if err := e.SetBitrate(opusBitrate * channels); err != nil {
		return nil, fmt.Errorf("set bitrate: %w", err)
	}
	if err := e.SetComplexity(opusComplexity); err != nil {
		return nil, fmt.Errorf("set complexity: %w", err)
	}
	if err := e.SetFrameSize(packetSamples); err != nil {
		return nil, fmt.Errorf("set frame size: %w", err)
	}
	return &opusEncoder{e, channels}, nil
}

// Encode writes the packet for 20 ms of interleaved samples.
func (e *opusEncoder) Encode(pcm []float32, packet []byte) (int, error) {
	return e.encoder.Encode(pcm, packet)
}

// Delay is the encoder's look-ahead in samples of 48 kHz.
func (e *opusEncoder) Delay() int { return e.encoder.Lookahead() }

// Reset does nothing: what the encoder keeps of the sound before does no harm to
// what follows a gap.
func (e *opusEncoder) Reset() {}

// Track describes what the encoder makes.
func (e *opusEncoder) Track() *media.Track { return opusTrack(e.channels, e.Delay()) }

// opusTrack describes what an encoder makes.
func opusTrack(channels, delay int) *media.Track {
	head := opus.Head{Channels: channels, PreSkip: delay, InputRate: outputRate}
	return &media.Track{
		Kind: media.Audio, Codec: media.Opus, SampleRate: outputRate, Channels: channels,
		Config: head.Append(nil),
	}
}
