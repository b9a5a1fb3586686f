package load

import (
	"encoding/binary"
	"math/rand/v2"
	"time"
)

// Picture is the shape of synthetic video: sizes and times are those of a real
// encoder at a constant bit rate, the content is noise.
type Picture struct {
	Rate    int           // frames per second
	Bits    int           // video bits per second
	GOP     time.Duration // between key frames
	KeySize int           // bytes of a key frame
}

// FullHD is 1080p30 at 2.5 Mbit/s with a key frame every two seconds.
var FullHD = Picture{Rate: 30, Bits: 2_500_000, GOP: 2 * time.Second, KeySize: 90_000}

// FullHDAt is FullHD at another bit rate, of the same proportions.
func FullHDAt(bits int) Picture {
	p := FullHD
	p.Bits, p.KeySize = bits, int(int64(p.KeySize)*int64(bits)/int64(p.Bits))
	return p
}

// Parameter sets of a 1920x1080 constrained baseline stream.
var (
	sps = []byte{0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc9, 0x20}
	pps = []byte{0x68, 0xcb, 0x83, 0xcb, 0x20}
)

// gop is how many frames there are from one key frame to the next.
func (p Picture) gop() int { return max(1, int(p.GOP.Seconds()*float64(p.Rate))) }

// frameSize is the size of the slice NAL unit in bytes.
func (p Picture) frameSize(key bool) int {
	if key || p.gop() == 1 {
		return max(p.KeySize, 2*stampSize)
	}
	return max(2*stampSize, int((float64(p.Bits)/8*p.GOP.Seconds()-float64(p.KeySize))/float64(p.gop()-1)))
}

// frame returns one NAL unit of the right type and size behind its length, with
// s in it.
func (p Picture) frame(s stamp) []byte {
	head := []byte{0x41, 0x9a} // nal_ref_idc 2, a P slice that begins with the first macroblock
	if s.key {
		head = []byte{0x65, 0x88} // IDR, an I slice
	}
	s.size = p.frameSize(s.key)
	b := binary.BigEndian.AppendUint32(make([]byte, 0, s.size+4), uint32(s.size))
	b = appendStamp(append(b, head...), s)
	return append(b, noiseOf(s, s.size+4-len(b))...)
}

// noise is what pictures are made of; it has no zeros, so that nothing is escaped.
var noise = makeNoise()

const noiseShift = 4096

func makeNoise() []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 1<<20+noiseShift)
	for i := range b {
		b[i] = byte(r.IntN(255) + 1)
	}
	return b
}

// noiseOf is the content of the frame with s, n bytes of it: another one for
// each frame.
func noiseOf(s stamp, n int) []byte {
	from := (s.number*37 + s.stream) % noiseShift
	return noise[from:][:min(n, 1<<20)]
}

const opusSize = 160 // bytes: 64 kbit/s

// opusPacket is 20 ms of silence, with s in its padding (RFC 6716 section 3.2.5).
func opusPacket(s stamp) []byte {
	s.size = opusSize
	b := append(make([]byte, 0, opusSize), 0xfb, 0x41, opusSize-5, 0xff, 0xfe)
	b = appendStamp(b, s)
	return b[:opusSize]
}

// silence is one stereo AAC-LC access unit of nothing.
var silence = []byte{0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c}
