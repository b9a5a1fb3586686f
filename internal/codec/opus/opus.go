package opus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"
)

// Rate is the clock of Opus in Hz: every decoder can put out at it, whatever
// the rate of the input was.
const Rate = 48000

// maxPacket is the longest packet in samples: 120 ms (RFC 6716 section 3.2.5).
const maxPacket = Rate * 120 / 1000

// Samples returns how many samples per channel a packet decodes to at Rate; 0
// when it is not a packet.
func Samples(packet []byte) int {
	n := opus.PacketDuration2(packet)
	if n > maxPacket {
		return 0
	}
	return int(n)
}

// Duration is Samples as time.
func Duration(packet []byte) time.Duration {
	return time.Duration(Samples(packet)) * time.Second / Rate
}

// Stereo says that a packet holds two coded channels.
func Stereo(packet []byte) bool { return len(packet) > 0 && packet[0]&4 != 0 }

// Head is an identification header ("OpusHead").
type Head struct {
	Channels int
	// PreSkip is how many samples to drop at the start, at Rate.
	PreSkip int
	// InputRate is that of the encoder's input in Hz; 0 unknown. It says
	// nothing about the coded sound.
	InputRate int
	// Gain is in 1/256 dB.
	Gain int16
	// Family is the channel mapping family: 0 for mono and stereo.
	Family byte
	// Mapping is what follows for the other families: stream count, coupled
	// count, and one byte per channel.
	Mapping []byte
}

// ErrHead says that an identification header can not be read.
var ErrHead = errors.New("bad OpusHead")

const (
	magic    = "OpusHead"
	headSize = 19
)

// ParseHead reads an identification header. The mediacommon parser takes the
// numbers for big-endian, as MP4's dOps has them; RFC 7845 has them
// little-endian.
func ParseHead(b []byte) (Head, error) {
	if len(b) < headSize || string(b[:len(magic)]) != magic {
		return Head{}, fmt.Errorf("%w: no magic", ErrHead)
	}
	if b[8]&0xf0 != 0 {
		return Head{}, fmt.Errorf("%w: version %d", ErrHead, b[8])
	}
	h := Head{
		Channels:  int(b[9]),
		PreSkip:   int(binary.LittleEndian.Uint16(b[10:])),
		InputRate: int(binary.LittleEndian.Uint32(b[12:])),
		Gain:      int16(binary.LittleEndian.Uint16(b[16:])),
		Family:    b[18],
	}
	switch {
	case h.Channels == 0 || h.Family == 0 && h.Channels > 2:
		return Head{}, fmt.Errorf("%w: %d channels in family %d", ErrHead, h.Channels, h.Family)
	case h.Family != 0 && len(b) < headSize+2+h.Channels:
		return Head{}, fmt.Errorf("%w: mapping cut off", ErrHead)
	case h.Family != 0:
		h.Mapping = b[headSize : headSize+2+h.Channels]
	}
	return h, nil
}

// Append appends the header's bytes.
func (h Head) Append(dst []byte) []byte {
	dst = append(append(dst, magic...), 1, byte(h.Channels))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(h.PreSkip))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(h.InputRate))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(h.Gain))
	return append(append(dst, h.Family), h.Mapping...)
}
