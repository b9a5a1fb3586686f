package aac

import "fmt"

// StreamMuxConfig makes the configuration that SDP carries as "config=" when
// cpresent=0 (RFC 6416 section 7.4, ISO 14496-3 table 1.42): one program, one
// layer, one frame per element, audioMuxVersion 0. SBR and PS are written in
// front of the core, since nothing tells where a configuration of this version
// ends. A layout that only the audio knows is an error.
func StreamMuxConfig(c Config) ([]byte, error) {
	if c.ObjectType < ObjectMain || c.ObjectType > ObjectLTP || c.ChannelConfig < 1 || c.ChannelConfig > 7 {
		return nil, fmt.Errorf("%w: object type %d, channel configuration %d", ErrConfig, c.ObjectType, c.ChannelConfig)
	}
	var w writer
	w.put(0, 1) // audioMuxVersion
	w.put(1, 1) // allStreamsSameTimeFraming
	w.put(0, 6) // numSubFrames - 1
	w.put(0, 4) // numProgram - 1
	w.put(0, 3) // numLayer - 1
	c.write(&w)
	w.put(0, 3)    // frameLengthType: variable
	w.put(0xff, 8) // latmBufferFullness: variable rate
	w.put(0, 1)    // otherDataPresent
	w.put(0, 1)    // crcCheckPresent
	return w.b, nil
}

// PayloadLengthSize returns how many bytes AppendPayloadLength writes for n.
func PayloadLengthSize(n int) int { return n/255 + 1 }

// AppendPayloadLength appends PayloadLengthInfo (table 1.44) of an access unit
// of n bytes: what stands before it in an AudioMuxElement with cpresent=0.
func AppendPayloadLength(dst []byte, n int) []byte {
	for ; n >= 255; n -= 255 {
		dst = append(dst, 255)
	}
	return append(dst, byte(n))
}

// ParseStreamMuxConfig reads what StreamMuxConfig writes, or another encoder
// that also puts one frame of one stream into each element, and returns the
// AudioSpecificConfig in it, with SBR and PS in front of the core.
func ParseStreamMuxConfig(b []byte) ([]byte, error) {
	r := reader{b: b}
	version := r.take(1)
	if version == 1 {
		if r.take(1) != 0 {
			return nil, fmt.Errorf("%w: audioMuxVersionA", ErrConfig)
		}
		r.value() // taraBufferFullness
	}
	together, frames, programs, layers := r.take(1), r.take(6), r.take(4), r.take(3)
	if r.err == nil && (together != 1 || frames != 0 || programs != 0 || layers != 0) {
		return nil, fmt.Errorf("%w: %d frames of %d programs with %d layers in an element", ErrConfig, frames+1, programs+1, layers+1)
	}
	var c Config
	var err error
	if version == 1 {
		c, err = r.sized()
	} else {
		c, err = parseConfig(&r, false)
	}
	if err != nil {
		return nil, err
	}
	if c.ChannelConfig == 0 {
		return nil, fmt.Errorf("%w: the channel layout is not one of the table", ErrConfig)
	}
	kind := r.take(3)
	r.take(8) // latmBufferFullness
	other := r.take(1)
	if r.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, r.err)
	}
	if kind != 0 || other != 0 {
		return nil, fmt.Errorf("%w: frame length type %d, other data %d", ErrConfig, kind, other)
	}
	var w writer
	c.write(&w)
	return w.b, nil
}

// value reads a LatmGetValue (table 1.43).
func (r *reader) value() int {
	v := 0
	for range r.take(2) + 1 {
		v = v<<8 | r.take(8)
	}
	return v
}

// sized reads an AudioSpecificConfig whose size in bits stands in front of it.
func (r *reader) sized() (Config, error) {
	n := r.value()
	if r.err != nil || n > r.left() {
		return Config{}, fmt.Errorf("%w: %w", ErrConfig, errShort)
	}
	var w writer
	for range n {
		w.put(r.take(1), 1)
	}
	return ParseConfig(w.b)
}
