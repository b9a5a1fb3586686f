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
