package client

import (
	"encoding/binary"
	"time"

	pion "github.com/pion/rtp"

	"millrace/internal/codec/aac"
	"millrace/internal/media"
	"millrace/internal/wire/rtp"
)

// playFormat is a payload type that was offered.
type playFormat struct {
	kind media.Kind
	rate int64 // Hz, of the RTP timestamps
	// codec is what payloads hold; latm says in which framing AAC comes.
	codec media.Codec
	latm  bool
}

// lane makes access units of the packets of one kind.
type lane struct {
	kind              media.Kind
	captureID, compID uint8
	latm              *media.Track // what the answer says of AAC in LATM
	repair            repair
	assembler         *rtp.Assembler
	fragments         []byte // of an AudioMuxElement
	ticks             int64  // the newest timestamp, with its roll-overs
	open              bool   // ticks is set
	broken            bool   // the next frame follows a loss
	rate              int64
	ssrc              uint32
	markedAt          bool // the packet before ended an access unit
}

func newLane(kind media.Kind) *lane {
	l := &lane{kind: kind, markedAt: true}
	l.reset()
	return l
}

// reset begins anew after a loss.
func (l *lane) reset() {
	l.assembler, l.fragments, l.markedAt = rtp.NewAssembler(nil, nil), nil, true
}

// unwrap places a timestamp near the newest one.
func (l *lane) unwrap(low uint32) int64 {
	if !l.open {
		// Away from 0, so that reordered ones stay positive.
		l.open, l.ticks = true, int64(low)+1<<32
	}
	return l.ticks + int64(int32(low-uint32(l.ticks)))
}

// put takes a packet that has come.
func (l *lane) put(h *pion.Header, payload []byte, low uint16, f playFormat, at time.Time) (repaired bool) {
	if l.rate != f.rate && l.rate != 0 {
		l.open = false
	}
	l.rate, l.ssrc = f.rate, h.SSRC
	ticks := l.unwrap(h.Timestamp)
	l.ticks = max(l.ticks, ticks)
	pk := &media.Packet{
		Time: media.FromUnits(ticks, f.rate), Payload: payload, Codec: f.codec, Kind: f.kind,
		Marker: h.Marker, Arrived: at.UnixNano(),
	}
	if s, ok := rtp.Inspect(f.codec, payload); ok {
		pk.Key, pk.Discardable = s.Key && f.kind == media.Video, s.Discardable
	}
	if b := h.GetExtension(l.compID); l.compID != 0 && len(b) == 3 {
		pk.Composition = (int64(b[0])<<16 | int64(b[1])<<8 | int64(b[2])) * int64(time.Millisecond)
	}
	if b := h.GetExtension(l.captureID); l.captureID != 0 && len(b) >= 8 {
		pk.Capture = fromNTP(binary.BigEndian.Uint64(b))
	}
	return l.repair.put(low, pk, at)
}

// take returns the frames that are complete now.
func (l *lane) take(now time.Time, patience time.Duration) (frames []*media.Frame, broken bool) {
	for {
		pk, gap := l.repair.take(now, patience)
		if gap {
			l.reset()
			l.broken, broken = true, true
		}
		if pk == nil {
			return frames, broken
		}
		if len(pk.Payload) == 0 {
			continue // padding, by which senders probe
		}
		pk.Start, l.markedAt = l.markedAt, pk.Marker
		if l.latm != nil {
			if f := l.element(pk); f != nil {
				frames = append(frames, f)
			}
			continue
		}
		frames = append(frames, l.assembler.Assemble(pk)...)
	}
}

// element collects an AudioMuxElement (RFC 6416 section 6.3): fragments up to
// the marker, a length, and one access unit.
func (l *lane) element(pk *media.Packet) *media.Frame {
	if len(l.fragments) > maxElement {
		l.fragments = nil
	}
	whole := append(l.fragments, pk.Payload...)
	if l.fragments = whole; !pk.Marker {
		return nil
	}
	l.fragments = nil
	size, rest := 0, whole
	for len(rest) > 0 {
		n := rest[0]
		size, rest = size+int(n), rest[1:]
		if n != 255 {
			break
		}
	}
	if size == 0 || size > len(rest) {
		return nil
	}
	return &media.Frame{
		Track: l.latm, DTS: pk.Time, PTS: pk.Time, Key: true, Capture: pk.Capture, Arrived: pk.Arrived, Data: rest[:size:size],
	}
}

// maxElement is more than any access unit of AAC has: 6144 bits for each of 48
// channels.
const maxElement = 48 * 6144 / 8

// latmTrack describes AAC from the format parameters of an answer.
func latmTrack(fmtp string) (*media.Track, error) {
	config, err := latmConfig(fmtp)
	if err != nil {
		return nil, err
	}
	c, err := aac.ParseConfig(config)
	if err != nil {
		return nil, err
	}
	return &media.Track{Kind: media.Audio, Codec: media.AAC, SampleRate: c.OutputRate, Channels: c.Channels, Config: config}, nil
}
