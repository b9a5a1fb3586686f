package rtp

import (
	"encoding/binary"
	"math"

	"github.com/pion/rtp/codecs"

	"millrace/internal/codec/h265"
	"millrace/internal/media"
)

// cutH265 cuts a picture as RFC 7798 has it: one NAL unit a packet, or pieces of
// one. A key frame brings the parameter sets along.
func cutH265(f *media.Frame, size int) (out []media.Packet) {
	add := func(nal []byte) {
		if len(nal) <= h265.HeaderSize {
			return
		}
		if len(nal) <= size {
			out = append(out, media.Packet{Payload: nal})
			return
		}
		out = fragmentH265(out, nal, size)
	}
	if f.Key {
		for _, p := range f.Track.Params {
			add(p)
		}
	}
	for data := f.Data; len(data) >= 4; {
		n := int64(binary.BigEndian.Uint32(data))
		if n > int64(len(data)-4) {
			break // the ingest room validates lengths; never read past the end
		}
		add(data[4 : 4+n])
		data = data[4+n:]
	}
	return out
}

// fragmentH265 cuts a NAL unit evenly.
func fragmentH265(out []media.Packet, nal []byte, size int) []media.Packet {
	const overhead = h265.HeaderSize + 1
	kind, body := nal[0]>>1&0x3f, nal[h265.HeaderSize:]
	count := (len(body) + size - overhead - 1) / (size - overhead)
	piece := (len(body) + count - 1) / count
	for first := true; len(body) > 0; first = false {
		n := min(piece, len(body))
		fu := kind
		if first {
			fu |= 0x80
		}
		if n == len(body) {
			fu |= 0x40
		}
		p := append(make([]byte, 0, overhead+n), nal[0]&0x81|nalFU<<1, nal[1], fu)
		out = append(out, media.Packet{Payload: append(p, body[:n]...)})
		body = body[n:]
	}
	return out
}

// otherCutter cuts AV1 and VP9 by the library. It keeps VP9's picture number.
type otherCutter struct {
	av1 codecs.AV1Payloader
	vp9 codecs.VP9Payloader
}

func (c *otherCutter) cut(f *media.Frame, size int) []media.Packet {
	if len(f.Data) == 0 || len(f.Data) > math.MaxInt32 {
		return nil
	}
	var payloads [][]byte
	if f.Track.Codec == media.AV1 {
		payloads = c.av1.Payload(uint16(size), f.Data)
	} else {
		payloads = c.vp9.Payload(uint16(size), f.Data)
	}
	out := make([]media.Packet, len(payloads))
	for i, p := range payloads {
		out[i].Payload = p
	}
	return out
}
