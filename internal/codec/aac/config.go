package aac

import (
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
)

// Audio object types (ISO 14496-3 table 1.17).
const (
	ObjectMain = 1
	ObjectLC   = 2
	ObjectSSR  = 3
	ObjectLTP  = 4
	ObjectSBR  = 5
	ObjectPS   = 29
)

// Config is what an AudioSpecificConfig says.
type Config struct {
	// ObjectType is that of the core: ObjectLC for AAC-LC and for HE-AAC.
	ObjectType int
	// CoreRate is the rate of the core in Hz; OutputRate that of the decoded
	// sound, twice as much with SBR.
	CoreRate, OutputRate int
	// Channels is the number of decoded channels, with PS applied. 0 when the
	// configuration leaves the layout to the audio itself.
	Channels int
	// ChannelConfig is channelConfiguration of the core, 0..7.
	ChannelConfig int
	// SBR and PS announce HE-AAC and HE-AAC v2.
	SBR, PS bool
	// Samples is how many samples per channel one frame decodes to, at OutputRate.
	Samples int
}

// ErrConfig says that an AudioSpecificConfig can not be read or made.
var ErrConfig = errors.New("bad AudioSpecificConfig")

var errShort = errors.New("not enough bits")

// IsLC says that the sound is plain AAC-LC with 1024 samples per frame and a
// channel layout from the table, which every AAC decoder takes.
func (c Config) IsLC() bool {
	return c.ObjectType == ObjectLC && !c.SBR && !c.PS && c.Samples == 1024 && c.ChannelConfig != 0
}

var rates = [...]int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}

// channelCounts maps channelConfiguration to channels (table 1.19).
var channelCounts = [...]int{0, 1, 2, 3, 4, 5, 6, 8}

const (
	rateEscape = 15
	maxRate    = 192000
	syncSBR    = 0x2b7
	syncPS     = 0x548
)

// ParseConfig reads an AudioSpecificConfig (ISO 14496-3 section 1.6.2.1) of a
// general audio codec. HE-AAC is seen in either form: with object type 5 or 29
// in front, or as an extension behind the core's configuration, which old
// decoders take for AAC-LC.
func ParseConfig(asc []byte) (Config, error) {
	return parseConfig(&reader{b: asc}, true)
}

// parseConfig reads from r. Where more follows that is not the configuration's,
// tail is false, and an extension behind it cannot be told from that.
func parseConfig(r *reader, tail bool) (Config, error) {
	c := Config{ObjectType: r.objectType(), CoreRate: r.rate(), ChannelConfig: r.take(4)}
	c.OutputRate = c.CoreRate
	if c.ObjectType == ObjectSBR || c.ObjectType == ObjectPS {
		c.SBR, c.PS = true, c.ObjectType == ObjectPS
		c.OutputRate = r.rate()
		c.ObjectType = r.objectType()
	}
	if r.err == nil && (c.ObjectType < ObjectMain || c.ObjectType > ObjectLTP) {
		return Config{}, fmt.Errorf("%w: object type %d", ErrConfig, c.ObjectType)
	}
	if r.err == nil && c.ChannelConfig >= len(channelCounts) {
		return Config{}, fmt.Errorf("%w: channel configuration %d", ErrConfig, c.ChannelConfig)
	}
	c.general(r)
	if r.err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrConfig, r.err)
	}
	if tail && !c.SBR {
		c.extension(r)
	}
	if c.CoreRate < 1 || c.OutputRate < 1 || c.CoreRate > maxRate || c.OutputRate > maxRate {
		return Config{}, fmt.Errorf("%w: rate %d", ErrConfig, c.CoreRate)
	}
	if c.SBR && c.OutputRate != c.CoreRate {
		c.Samples *= 2
	}
	if c.PS && c.Channels == 1 {
		c.Channels = 2
	}
	return c, nil
}

// general reads GASpecificConfig (section 4.4.1).
func (c *Config) general(r *reader) {
	c.Samples = 1024
	if r.take(1) == 1 {
		c.Samples = 960
	}
	if r.take(1) == 1 {
		r.take(14) // coreCoderDelay
	}
	r.take(1) // extensionFlag: nothing follows for these object types
	c.Channels = 0
	if r.err != nil {
		return
	}
	if c.ChannelConfig == 0 {
		if n := r.programChannels(); r.err == nil {
			c.Channels = n
		}
		r.err = nil // some encoders leave the element to the audio
		return
	}
	c.Channels = channelCounts[c.ChannelConfig]
}

// extension reads what may stand behind the core's configuration: 0x2b7 with
// SBR, and behind that 0x548 with PS. What is not there is not an error.
func (c *Config) extension(r *reader) {
	if r.left() < 16 || r.take(11) != syncSBR || r.objectType() != ObjectSBR {
		return
	}
	if r.take(1) != 1 {
		return
	}
	rate := r.rate()
	if r.err != nil || rate < 1 {
		return
	}
	c.SBR, c.OutputRate = true, rate
	if r.left() >= 12 && r.take(11) == syncPS {
		c.PS = r.take(1) == 1
	}
}

// LCConfig makes the AudioSpecificConfig of plain AAC-LC.
func LCConfig(rate, channels int) ([]byte, error) {
	c := Config{ObjectType: ObjectLC, CoreRate: rate, OutputRate: rate, Samples: 1024}
	for i, n := range channelCounts {
		if n == channels && n > 0 {
			c.ChannelConfig = i
		}
	}
	if c.ChannelConfig == 0 || rate < 1 || rate > maxRate {
		return nil, fmt.Errorf("%w: %d Hz, %d channels", ErrConfig, rate, channels)
	}
	var w writer
	c.write(&w)
	return w.b, nil
}

// write writes c with SBR and PS in front of the core's configuration.
func (c Config) write(w *writer) {
	if c.SBR {
		outer := ObjectSBR
		if c.PS {
			outer = ObjectPS
		}
		w.put(outer, 5)
		w.rate(c.CoreRate)
		w.put(c.ChannelConfig, 4)
		w.rate(c.OutputRate)
		w.put(c.ObjectType, 5)
	} else {
		w.put(c.ObjectType, 5)
		w.rate(c.CoreRate)
		w.put(c.ChannelConfig, 4)
	}
	short := 0
	if c.Samples == 960 || c.Samples == 1920 {
		short = 1
	}
	w.put(short, 1)
	w.put(0, 2) // dependsOnCoreCoder, extensionFlag
}

// reader takes bits; after the first failure it yields zeros.
type reader struct {
	b   []byte
	pos int
	err error
}

func (r *reader) left() int { return len(r.b)*8 - r.pos }

func (r *reader) take(n int) int {
	if r.err != nil {
		return 0
	}
	v, err := bits.ReadBits(r.b, &r.pos, n)
	r.err = err
	return int(v)
}

func (r *reader) objectType() int {
	if t := r.take(5); t != 31 {
		return t
	}
	return 32 + r.take(6)
}

func (r *reader) rate() int {
	i := r.take(4)
	switch {
	case i < len(rates):
		return rates[i]
	case i == rateEscape:
		return r.take(24)
	}
	return 0
}

// programChannels reads a program_config_element (table 4.2) and counts its
// channels: one per single and LFE element, two per pair.
func (r *reader) programChannels() int {
	r.take(4 + 2 + 4) // tag, object type, rate
	front, side, back, lfe := r.take(4), r.take(4), r.take(4), r.take(2)
	assoc, coupling := r.take(3), r.take(4)
	for _, width := range [...]int{4, 4, 3} { // mixdowns
		if r.take(1) == 1 {
			r.take(width)
		}
	}
	channels := lfe
	for range front + side + back {
		channels += 1 + r.take(1)
		r.take(4)
	}
	r.skip(4*lfe + 4*assoc + 5*coupling)
	r.skip(-r.pos & 7)    // byte alignment
	r.skip(8 * r.take(8)) // comment
	return channels
}

func (r *reader) skip(n int) {
	if n > r.left() && r.err == nil {
		r.err = errShort
	}
	if r.err == nil {
		r.pos += n
	}
}

// writer appends bits.
type writer struct {
	b   []byte
	pos int
}

func (w *writer) put(v, n int) {
	for i := n - 1; i >= 0; i-- {
		if w.pos%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.pos/8] |= byte(v>>i&1) << (7 - w.pos%8)
		w.pos++
	}
}

func (w *writer) rate(hz int) {
	for i, r := range rates {
		if r == hz {
			w.put(i, 4)
			return
		}
	}
	w.put(rateEscape, 4)
	w.put(hz, 24)
}
