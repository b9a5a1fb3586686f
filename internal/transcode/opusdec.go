package transcode

import (
	"fmt"

	"github.com/thesyncim/gopus"

	"millrace/internal/codec/opus"
	"millrace/internal/media"
)

const (
	// maxOpusPacket is the longest packet in samples: 120 ms (RFC 6716
	// section 3.2.5).
	maxOpusPacket = outputRate * 120 / 1000
	// maxOpusBytes is enough for 120 ms at any rate that is of use.
	maxOpusBytes = 1 << 14
	// What a decoder makes up of the sound so far goes on for madeLong, longer than
	// a sender that falls silent waits between packets, and then dies away.
	madeLong = outputRate / 2
	madeFade = outputRate / 10
	// opusGrain is what lost sound is made up in: 2.5 ms.
	opusGrain = outputRate / 400
)

// opusDecoder decodes Opus of one or two channels in process.
type opusDecoder struct {
	decoder  *gopus.Decoder
	channels int
	pcm      []float32
	made     []float32 // by Conceal
	madeUp   int       // samples since the newest packet
	long     int       // samples of the newest packet
}

// newOpusDecoder fails with errUnsupported for more than two channels.
func newOpusDecoder(t *media.Track) (*opusDecoder, error) {
	d := &opusDecoder{channels: 2, long: packetSamples}
	if t.Channels == 1 {
		d.channels = 1
	}
	if len(t.Config) > 0 {
		h, err := opus.ParseHead(t.Config)
		if err != nil {
			return nil, fmt.Errorf("make opus decoder: %w: %w", errUnsupported, err)
		}
		d.channels = h.Channels
	}
	config := gopus.DefaultDecoderConfig(outputRate, d.channels)
	config.MaxPacketBytes = maxOpusBytes
	decoder, err := gopus.NewDecoder(config)
	if err != nil {
		return nil, fmt.Errorf("make opus decoder: %w: %w", errUnsupported, err)
	}
	d.decoder = decoder
	d.pcm = make([]float32, maxOpusPacket*d.channels)
	return d, nil
}

// Samples is how long a packet is; one that is none counts as the one before.
func (d *opusDecoder) Samples(packet []byte) int {
	if n := opus.Samples(packet); n > 0 {
		return n
	}
	return d.long
}

// Decode returns the samples of one packet, interleaved; they are valid until
// the next call.
func (d *opusDecoder) Decode(packet []byte) ([]float32, error) {
	if opus.Samples(packet) == 0 {
		return nil, fmt.Errorf("decode opus: not a packet: %d bytes", len(packet))
	}
	n, err := d.guard(func() (int, error) { return d.decoder.Decode(packet, d.pcm) })
	if err != nil {
		return nil, fmt.Errorf("decode opus: %w", err)
	}
	d.long, d.madeUp = n, 0
	return d.pcm[:n*d.channels], nil
}

// Conceal returns n samples, rounded to 2.5 ms, that go in the place of what
// is missing before the packet next: what the decoder makes up of the sound so
// far, and for the end of it what next says about it, if it does (in-band FEC,
// RFC 6716 section 2.1.7).
func (d *opusDecoder) Conceal(n int, next []byte) []float32 {
	n = (n + opusGrain/2) / opusGrain * opusGrain
	d.made = d.made[:0]
	known := min(opus.Samples(next), d.long)
	for n > 0 {
		k, from := min(n, d.long), []byte(nil)
		if n <= known {
			k, from = n, next
		} else if known > 0 {
			k = min(k, n-known)
		}
		buf := d.pcm[:k*d.channels]
		got, err := d.guard(func() (int, error) { return d.decoder.DecodeWithFEC(from, buf, from != nil) })
		if err != nil || got == 0 || got > k {
			clear(buf)
			got = k
		}
		d.dieAway(buf[:got*d.channels])
		d.made = append(d.made, buf[:got*d.channels]...)
		n -= got
	}
	return d.made
}

// dieAway lowers what is made up after madeLong, and counts it.
func (d *opusDecoder) dieAway(pcm []float32) {
	for i := range pcm {
		if over := d.madeUp + i/d.channels - madeLong; over >= madeFade {
			pcm[i] = 0
		} else if over > 0 {
			pcm[i] *= fadeGain(over, madeFade)
		}
	}
	d.madeUp += len(pcm) / d.channels
}

// Reset forgets the sound so far.
func (d *opusDecoder) Reset() { d.decoder.Reset() }

// guard runs a decoder on what strangers send.
func (d *opusDecoder) guard(decode func() (int, error)) (n int, err error) {
	defer func() {
		if p := recover(); p != nil {
			d.decoder.Reset()
			n, err = 0, fmt.Errorf("panic: %v", p)
		}
	}()
	return decode()
}
