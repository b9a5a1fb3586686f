package transcode

import (
	"errors"
	"time"

	"millrace/internal/media"
)

// decoder turns access units into sound.
type decoder interface {
	// Decode returns the samples of one raw access unit, interleaved and
	// valid until the next call. After an error only Reset helps.
	Decode(au []byte) ([]float32, error)
	// Samples is how many samples per channel an access unit stands for, even
	// if it cannot be decoded.
	Samples(au []byte) int
	// Reset makes the decoder forget what was before.
	Reset()
}

const (
	// maxRefused is how many frames in a row, from the first on, a decoder may
	// refuse before it is taken for the wrong one.
	maxRefused = 50
	// maxConceal is the longest gap that is filled; what is longer stays one.
	// Senders that fall silent (DTX) send every 400 ms.
	maxConceal = time.Second
	// silentAfter is how much later than usual sound may come behind the pictures
	// before it is taken to have stopped; then it is filled up to silentLag behind
	// them. Players wait for sound that was announced.
	silentAfter = 500 * time.Millisecond
	silentLag   = 400 * time.Millisecond
	// minConceal is the shortest one; stamps may be rounded to milliseconds.
	minConceal = 5 * time.Millisecond
)

// converter is the sound of one stream on its way from one codec to another, in
// process.
type converter struct {
	voice   *voice
	decoder decoder
	// conceal returns about n samples per channel to put in the place of what is
	// missing before the access unit next. nil: the clock takes up what is
	// missing, as for sources whose stamps are too rough to tell a loss.
	conceal  func(n int, next []byte) []float32
	counts   *counts
	pictures media.Time    // DTS of the newest
	behind   time.Duration // the most that sound came behind them
	refused  int           // frames since the start, while none was decoded
	decoded  bool
}

// newConverter returns a converter for a track, and the packets that complete
// what v was fed before. It fails with errUnsupported.
func newConverter(v *voice, t *media.Track) (*converter, []*media.Frame, error) {
	c := &converter{voice: v, counts: v.counts}
	var rate, channels int
	switch t.Codec {
	case media.AAC:
		d, err := newLCDecoder(t.Config)
		if err != nil {
			return nil, nil, err
		}
		c.decoder, rate, channels = d, d.rate, d.channels
	case media.Opus:
		d, err := newOpusDecoder(t)
		if err != nil {
			return nil, nil, err
		}
		c.decoder, c.conceal, rate, channels = d, d.Conceal, outputRate, d.channels
	default:
		return nil, nil, errUnsupported
	}
	rest, err := v.configure(rate, channels)
	if err != nil {
		return nil, nil, err
	}
	return c, rest, nil
}

// push takes the next frame and returns the packets that are complete with it.
// It fails, with errUnsupported, when the sound turns out to be of another kind
// than was announced. f is not kept.
func (c *converter) push(f *media.Frame) ([]*media.Frame, error) {
	var out []*media.Frame
	if f.Discontinuity {
		c.behind = 0
	}
	c.behind = max(c.behind, c.pictures.Sub(f.PTS))
	if c.conceal != nil && !f.Discontinuity {
		off := c.voice.off(f.PTS)
		if c.late(f, off) {
			c.counts.late()
			return nil, nil
		}
		out = c.bridge(f, off)
	}
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
		pcm = c.voice.ebb(c.decoder.Samples(f.Data))
	} else {
		c.decoded = true
	}
	return append(out, c.voice.write(sound{pcm, f.PTS, f.Capture, f.Arrived, f.Discontinuity})...), nil
}

// tolerance is how far a stamp may be off before it tells of missing sound.
func (c *converter) tolerance(f *media.Frame) time.Duration {
	return max(minConceal, samplesLong(int64(c.decoder.Samples(f.Data)), c.voice.rate)*3/4)
}

// late says whether f came after something was put in its place.
func (c *converter) late(f *media.Frame, off time.Duration) bool {
	return off < -c.tolerance(f) && off > -maxSkip
}

// bridge fills the gap before f, if there is one that can be filled.
func (c *converter) bridge(f *media.Frame, off time.Duration) []*media.Frame {
	if off <= c.tolerance(f) || off > maxConceal {
		return nil
	}
	pcm := c.conceal(int(off*time.Duration(c.voice.rate)/time.Second), f.Data)
	if len(pcm) == 0 {
		return nil
	}
	c.counts.missed()
	return c.fill(pcm, f, samplesLong(int64(len(pcm)/c.voice.channels), c.voice.rate))
}

// keepUp notes a picture and, where sound has stopped, fills it in.
func (c *converter) keepUp(f *media.Frame) []*media.Frame {
	c.pictures = f.DTS
	off := c.voice.off(f.DTS)
	if c.conceal == nil || off < silentAfter+c.behind || off > maxConceal+c.behind {
		return nil
	}
	long := off - silentLag - c.behind
	return c.fill(c.conceal(int(long*time.Duration(c.voice.rate)/time.Second), nil), f, off)
}

// fill writes sound that is made up, due before f.
func (c *converter) fill(pcm []float32, f *media.Frame, before time.Duration) []*media.Frame {
	s := sound{pcm: pcm, at: f.DTS.Add(-before), capture: f.Capture, arrived: f.Arrived}
	if s.capture != 0 {
		s.capture -= int64(before)
	}
	return c.voice.write(s)
}
