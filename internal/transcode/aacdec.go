package transcode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/tphakala/go-aac/pcm"
)

// errUnsupported says that a decoder does not know this kind of AAC.
var errUnsupported = errors.New("kind of AAC not supported in process")

// lcSamples is the length of an AAC-LC frame, per channel.
const lcSamples = 1024

// lcDecoder decodes AAC-LC, mono and stereo, in process.
type lcDecoder struct {
	config   []byte
	decoder  pcm.Decoder
	feed     feed
	raw      []byte
	pcm      []float32
	rate     int
	channels int
}

// newLCDecoder fails with errUnsupported for everything that is not AAC-LC of
// one or two channels.
func newLCDecoder(config []byte) (*lcDecoder, error) {
	d := &lcDecoder{config: config}
	if err := d.decoder.Reset(&d.feed, pcm.WithRawStream(config)); err != nil {
		return nil, fmt.Errorf("make AAC decoder: %w: %w", errUnsupported, err)
	}
	known := d.decoder.Info()
	d.rate, d.channels = known.SampleRate, known.Channels
	d.raw = make([]byte, lcSamples*d.channels*2)
	d.pcm = make([]float32, lcSamples*d.channels)
	return d, nil
}

// Decode returns the samples of one raw access unit, interleaved; they are
// valid until the next call. After an error the decoder must be Reset.
func (d *lcDecoder) Decode(au []byte) (_ []float32, err error) {
	// The decoder reads what strangers send.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decode AAC: panic: %v", p)
		}
	}()
	if len(au) == 0 || len(au) > 1<<16-1 {
		return nil, fmt.Errorf("decode AAC: access unit of %d bytes", len(au))
	}
	d.feed.load(au)
	n, err := io.ReadFull(&d.decoder, d.raw)
	if err != nil {
		if errors.Is(err, pcm.ErrUnsupported) {
			err = fmt.Errorf("%w: %w", errUnsupported, err)
		}
		return nil, fmt.Errorf("decode AAC: %d of %d bytes: %w", n, len(d.raw), err)
	}
	for i := range d.pcm {
		d.pcm[i] = float32(int16(binary.LittleEndian.Uint16(d.raw[2*i:]))) / (1 << 15)
	}
	return d.pcm, nil
}

// Samples is the length of an access unit.
func (d *lcDecoder) Samples([]byte) int { return lcSamples }

// Reset clears the latched error and what was kept of earlier frames.
func (d *lcDecoder) Reset() {
	d.feed.load(nil)
	// The configuration was accepted before, so this cannot fail.
	_ = d.decoder.Reset(&d.feed, pcm.WithRawStream(d.config))
}

// feed gives the decoder one access unit behind its length, then io.EOF.
type feed struct {
	length [2]byte
	ahead  []byte // what is left of length
	au     []byte
}

func (f *feed) load(au []byte) {
	f.au, f.ahead = au, nil
	if au != nil {
		binary.BigEndian.PutUint16(f.length[:], uint16(len(au)))
		f.ahead = f.length[:]
	}
}

func (f *feed) Read(p []byte) (int, error) {
	n := copy(p, f.ahead)
	f.ahead = f.ahead[n:]
	m := copy(p[n:], f.au)
	f.au = f.au[m:]
	if n+m == 0 {
		return 0, io.EOF
	}
	return n + m, nil
}
