package rtc

import (
	"encoding/binary"
	"math"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/wire/sdp"
)

// sendTrack is one RTP stream towards one viewer. Only the viewer's shard uses it.
type sendTrack struct {
	numbers
	format        sendFormat   // of the codec that is sent now
	formats       []sendFormat // one per codec
	ssrc, rtxSSRC uint32
	offset        uint32 // RTP timestamp of stream time 0
	nextRTX       int64
	newest        int64                      // number of the packet that was sent last, repeats apart
	shifts        [live.MaxLayers]media.Time // what a layer's times are ahead of the stream's, so that they go on
	playout       uint32                     // the playout delay extension's value
	firstPlayout  uint32                     // the value that it began with
	announce      media.Time                 // the picture that tells a new value before the next key frame does
	packets       uint32
	octets        uint32
	asked         []asked         // by number: what was asked for lately; nil before anything was
	history       []*media.Packet // by number: what was sent lately; nil where repeats are not the same
	reds          []uint8         // by number: how many older packets went with it; nil where none do, or there is no history
}

// sendFormat is a negotiated format and what follows from it.
type sendFormat struct {
	*sdp.Format
	// same says that a repeat goes out under its first sequence number. It must
	// be the same to the bit then, or GCM would seal two texts under one nonce:
	// nothing in the packet may depend on when it is sealed.
	same bool
	// numbered says that packets carry transport-wide sequence numbers.
	numbered bool
}

// repeatable says that packets can be sent again. Where no repeats were
// negotiated a packet's header depends on when it is sealed, and who asks for it
// all the same would get a second text under its nonce.
func (f *sendFormat) repeatable() bool { return f.RTXPT != 0 || f.same }

// historySize is how many of the last packets can be repeated under their first
// numbers.
const historySize = 256

// never is the time of no picture.
const never = media.Time(math.MinInt64)

// newSendTrack makes the track for f, which others may take the place of. It is
// nil where f is.
func newSendTrack(f *sdp.Format, seed []byte, others ...*sdp.Format) *sendTrack {
	if f == nil {
		return nil
	}
	t := &sendTrack{
		ssrc: binary.BigEndian.Uint32(seed) | 1, offset: binary.BigEndian.Uint32(seed[4:]),
		nextRTX: int64(binary.BigEndian.Uint16(seed[10:]) & 0x7fff), announce: never,
		// 15 bits: a viewer that loses the first packets guesses the roll-over
		// counter right (RFC 3711 section 3.3.1).
		numbers: numbers{jump: true, since: never, next: int64(binary.BigEndian.Uint16(seed[8:]) & 0x7fff)},
	}
	for _, f := range append([]*sdp.Format{f}, others...) {
		same := f.RTXPT == 0 && f.NACK
		t.formats = append(t.formats, sendFormat{f, same, f.Ext.TransportCC != 0 && !same})
		if same && t.history == nil {
			t.history = make([]*media.Packet, historySize)
			if f.RED != 0 {
				t.reds = make([]uint8, historySize)
			}
		}
		if f.RTXPT != 0 {
			t.rtxSSRC = t.ssrc ^ 0x5a5a5a5a
		}
	}
	t.format = t.formats[0]
	return t
}

// of returns the format for a codec; nil: the viewer has none.
func (t *sendTrack) of(c media.Codec) *sendFormat {
	if t.format.Codec == c {
		return &t.format
	}
	for i := range t.formats {
		if t.formats[i].Codec == c {
			return &t.formats[i]
		}
	}
	return nil
}

// turn makes the format for a codec the present one, if there is one.
func (t *sendTrack) turn(c media.Codec) bool {
	f := t.of(c)
	if f != nil {
		t.format = *f
	}
	return f != nil
}

// remember notes what out was given to.
func (t *sendTrack) remember(out int64, pk *media.Packet) {
	if t.history != nil {
		t.history[out%historySize] = pk
	}
}

// recall returns the very packet that out was given to, or nil. What the log has
// under its number by now may be another.
func (t *sendTrack) recall(out int64) *media.Packet {
	if t.history == nil || t.next-out > historySize || t.given.fresh(out) {
		return nil
	}
	return t.history[out%historySize]
}

// change makes t go on with the packets of another log. What went out of the one
// before is not sent again: what it was made of is no longer known.
func (t *sendTrack) change() {
	t.numbers.change()
	clear(t.history)
}

// setPlayout sets the playout delay that the track begins with.
func (t *sendTrack) setPlayout(value uint32) { t.playout, t.firstPlayout = value, value }

// timestamp is the RTP timestamp of a stream time.
func (t *sendTrack) timestamp(at media.Time) uint32 {
	return uint32(at.Units(int64(t.format.ClockRate))) + t.offset
}

// maxHeader is the longest header that header writes.
const maxHeader = 36

// header writes the RTP header of a packet into b, which has maxHeader bytes,
// and returns its length. It is the same for all packets of one Time and Key, so
// that they can share a segmented send. pt, ssrc and out come from the caller
// because a repeat differs there.
func (t *sendTrack) header(b []byte, pk *media.Packet, f *sendFormat, pt uint8, ssrc uint32, out int64, wide uint16) int {
	b[0] = 0x80
	b[1] = pt
	if pk.Marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], uint16(out))
	binary.BigEndian.PutUint32(b[4:], t.timestamp(pk.Time+t.shifts[pk.Layer]))
	binary.BigEndian.PutUint32(b[8:], ssrc)
	ext := &f.Ext
	n := rtpHeaderLen + 4
	if f.numbered {
		b[n] = ext.TransportCC<<4 | 1
		binary.BigEndian.PutUint16(b[n+1:], wide)
		n += 3
	}
	playout, tells := t.playout, pk.Key || pk.Time == t.announce
	if f.same {
		playout, tells = t.firstPlayout, pk.Key
	}
	if tells && ext.PlayoutDelay != 0 {
		b[n] = ext.PlayoutDelay<<4 | 2
		b[n+1], b[n+2], b[n+3] = byte(playout>>16), byte(playout>>8), byte(playout)
		n += 4
	}
	if f.BFrames {
		// 24 bits of milliseconds (draft-deping-avtcore-video-bframe).
		cts := uint32(pk.Composition / int64(time.Millisecond))
		b[n] = ext.CompositionTime<<4 | 2
		b[n+1], b[n+2], b[n+3] = byte(cts>>16), byte(cts>>8), byte(cts)
		n += 4
	}
	if pk.Key && ext.AbsCaptureTime != 0 {
		b[n] = ext.AbsCaptureTime<<4 | 7
		binary.BigEndian.PutUint64(b[n+1:], ntp(pk.Capture))
		n += 9
	}
	if n == rtpHeaderLen+4 {
		return rtpHeaderLen
	}
	for n%4 != 0 {
		b[n] = 0
		n++
	}
	b[0] |= 0x10
	binary.BigEndian.PutUint16(b[rtpHeaderLen:], 0xBEDE) // RFC 8285 section 4.2
	binary.BigEndian.PutUint16(b[rtpHeaderLen+2:], uint16((n-rtpHeaderLen-4)/4))
	return n
}

// ntpEpoch is 1970 on NTP's scale (RFC 5905), in seconds.
const ntpEpoch = 2208988800

// ntp converts Unix nanoseconds to a 64-bit NTP timestamp.
func ntp(ns int64) uint64 {
	sec, rest := ns/1e9, ns%1e9
	return uint64(sec+ntpEpoch)<<32 | uint64(rest)<<32/1e9
}
