package transcode

import (
	"errors"

	"millrace/internal/media"
)

// decoder turns access units into sound.
type decoder interface {
	// Decode returns the samples of one raw access unit, interleaved and
	// valid until the next call. After an error only Reset helps.
	Decode(au []byte) ([]float32, error)
	// Reset makes the decoder forget what was before.
	Reset()
}

// maxRefused is how many frames in a row, from the first on, a decoder may
// refuse before it is taken for the wrong one.
const maxRefused = 50

// converter is the sound of one stream on its way from AAC to Opus, in process.
type converter struct {
	voice   *voice
	decoder decoder
	counts  *counts
	silence int // samples of a frame that cannot be decoded
	refused int // frames since the start, while none was decoded
	decoded bool
}

// newConverter returns a converter for an AudioSpecificConfig and the packets
// that complete what v was fed before. It fails with errUnsupported.
func newConverter(v *voice, config []byte) (*converter, []*media.Frame, error) {
	d, err := newLCDecoder(config)
	if err != nil {
		return nil, nil, err
	}
	rest, err := v.configure(d.rate, d.channels)
	if err != nil {
		return nil, nil, err
	}
	return &converter{voice: v, decoder: d, counts: v.counts, silence: lcSamples}, rest, nil
}

// push takes the next AAC frame and returns the Opus frames that are complete
// with it, none to three. It fails, with errUnsupported, when the sound turns
// out to be another kind of AAC than was announced. f is not kept.
func (c *converter) push(f *media.Frame) ([]*media.Frame, error) {
	if f.Discontinuity || c.voice.jumps(f.PTS) {
		// What the decoder kept does not overlap with what comes.
		c.decoder.Reset()
	}
	pcm, err := c.decoder.Decode(f.Data)
	if err != nil {
		if c.refused++; !c.decoded && c.refused == maxRefused || errors.Is(err, errUnsupported) {
			return nil, errors.Join(errUnsupported, err)
		}
		c.counts.concealed()
		c.decoder.Reset()
		pcm = c.voice.ebb(c.silence)
	} else {
		c.decoded = true
	}
	return c.voice.write(sound{pcm, f.PTS, f.Capture, f.Arrived, f.Discontinuity}), nil
}
