package rtp

import (
	"millrace/internal/codec/aac"
	"millrace/internal/media"
)

// MaxPayload is the largest RTP payload in bytes. With a 12-byte header, 16
// bytes of extensions, the 2 bytes of RFC 4588, a 16-byte SRTP tag and UDP over
// IPv6 a packet stays below 1,280 bytes, which every IPv6 path carries.
const MaxPayload = 1150

// maxOpus is the size of six full frames of 20 ms (RFC 6716 section 3.4), the
// most that an encoder makes of 120 ms. RFC 7587 has no fragments: a packet
// above MaxPayload is for IP to cut, and one above this is none.
const maxOpus = 6 * 1275

// Packetizer implements the cutting for all codecs of one stream.
type Packetizer struct {
	seq  [2]int64
	size int // largest payload
	h264 h264Cutter
	adts adtsCutter
	more otherCutter
}

// New returns a Packetizer whose payloads are at most MaxPayload long.
func New() *Packetizer { return &Packetizer{size: MaxPayload} }

// Packetize returns the packets of f in sending order. The payloads may share
// memory with f.Data.
func (p *Packetizer) Packetize(f *media.Frame) []media.Packet {
	var pieces []media.Packet
	switch f.Track.Codec {
	case media.H264:
		pieces = p.h264.cut(f, p.size)
	case media.H265:
		pieces = cutH265(f, p.size)
	case media.AV1, media.VP9:
		pieces = p.more.cut(f, p.size)
	case media.AAC:
		pieces = p.adts.cut(f, p.size)
	case media.Opus:
		if n := len(f.Data); n > 0 && n <= maxOpus {
			pieces = []media.Packet{{Payload: f.Data}}
		}
	}
	kind := f.Track.Kind
	for i := range pieces {
		pk := &pieces[i]
		pk.Seq = p.seq[kind]
		p.seq[kind]++
		pk.Kind, pk.Codec = kind, f.Track.Codec
		pk.Time = f.DTS
		pk.Composition = int64(f.PTS - f.DTS)
		pk.Capture, pk.Arrived = f.Capture, f.Arrived
		pk.Key = f.Key && kind == media.Video
		pk.Discardable = f.Discardable
		pk.Discontinuity = f.Discontinuity
		pk.Start = i == 0
		pk.Marker = i == len(pieces)-1
	}
	return pieces
}

// adtsCutter puts one AAC access unit behind its ADTS header (ISO 14496-3
// 1.A.2) and fragments what is too large; the marker then is on the last piece.
type adtsCutter struct {
	track  *media.Track
	config aac.Config
	usable bool
}

func (c *adtsCutter) cut(f *media.Frame, size int) []media.Packet {
	if c.track != f.Track {
		config, err := aac.ParseConfig(f.Track.Config)
		c.track, c.config, c.usable = f.Track, config, err == nil
	}
	if !c.usable {
		return nil // announced without a usable AudioSpecificConfig
	}
	whole, err := aac.AppendADTS(make([]byte, 0, len(f.Data)+7), c.config, len(f.Data))
	if err != nil {
		return nil // what ADTS cannot say cannot be sent this way
	}
	whole = append(whole, f.Data...)
	pieces := make([]media.Packet, 0, len(whole)/size+1)
	for len(whole) > 0 {
		n := min(size, len(whole))
		pieces = append(pieces, media.Packet{Payload: whole[:n:n]})
		whole = whole[n:]
	}
	return pieces
}
