package rtc

import (
	"encoding/binary"
	"time"

	"millrace/internal/media"
	"millrace/internal/wire/sdp"
)

// sendTrack is one RTP stream towards one viewer. Only the viewer's shard uses it.
type sendTrack struct {
	format        *sdp.Format
	ssrc, rtxSSRC uint32
	offset        uint32 // RTP timestamp of stream time 0
	next          int64  // next sequence number to send, with its roll-overs
	nextRTX       int64
	spans         [8]span // how sent numbers map to the log's; oldest first
	nspans        int
	jump          bool // the next packet begins a new span
	numbered      bool // packets carry transport-wide sequence numbers
	packets       uint32
	octets        uint32
	resent        [64]resend // guard against repeating a repeat
}

// span maps the sent numbers from out on to the log's numbers from seq on. A
// new span begins where packets are left out on purpose: the viewer then sees
// no gap. A packet that the source lost leaves its gap.
type span struct{ out, seq int64 }

type resend struct {
	out int64
	at  int64
}

func newSendTrack(f *sdp.Format, seed []byte) *sendTrack {
	if f == nil {
		return nil
	}
	t := &sendTrack{
		format: f, jump: true,
		ssrc: binary.BigEndian.Uint32(seed) | 1, offset: binary.BigEndian.Uint32(seed[4:]),
		// 15 bits: a viewer that loses the first packets guesses the roll-over
		// counter right (RFC 3711 section 3.3.1).
		next: int64(binary.BigEndian.Uint16(seed[8:]) & 0x7fff), nextRTX: int64(binary.BigEndian.Uint16(seed[10:]) & 0x7fff),
	}
	if f.RTXPT != 0 {
		t.rtxSSRC = t.ssrc ^ 0x5a5a5a5a
	}
	// Without RTX a repeat goes out under its first sequence number. It must be
	// the same to the bit then, or GCM would seal two texts under one nonce.
	t.numbered = f.Ext.TransportCC != 0 && (f.RTXPT != 0 || !f.NACK)
	return t
}

// place returns the number to send the log's packet seq under.
func (t *sendTrack) place(seq int64) int64 {
	if t.jump || t.nspans == 0 {
		t.jump = false
		if t.nspans == len(t.spans) {
			copy(t.spans[:], t.spans[1:])
			t.nspans--
		}
		t.spans[t.nspans] = span{t.next, seq}
		t.nspans++
	}
	s := t.spans[t.nspans-1]
	out := s.out + seq - s.seq
	t.next = max(t.next, out+1)
	return out
}

// sent maps a 16-bit sequence number that the viewer names to the number sent
// and the log's number. ok is false for one that was not sent lately.
func (t *sendTrack) sent(low uint16) (out, seq int64, ok bool) {
	out = t.next - 1 - int64(uint16(t.next-1)-low)
	for i := t.nspans - 1; i >= 0; i-- {
		if s := t.spans[i]; out >= s.out {
			return out, s.seq + out - s.out, true
		}
	}
	return 0, 0, false
}

// mayResend says whether out was not sent again within the last rtt.
func (t *sendTrack) mayResend(out, now int64, rtt time.Duration) bool {
	r := &t.resent[out&int64(len(t.resent)-1)]
	if r.out == out && now-r.at < int64(rtt) {
		return false
	}
	*r = resend{out, now}
	return true
}

// timestamp is the RTP timestamp of a stream time.
func (t *sendTrack) timestamp(at media.Time) uint32 {
	return uint32(at.Units(int64(t.format.ClockRate))) + t.offset
}

// maxHeader is the longest header that header writes.
const maxHeader = 36

// header writes the RTP header of a packet into b, which has maxHeader bytes,
// and returns its length. It is the same for all packets of an access unit, so
// that they can share a segmented send. mark and pt come from the caller
// because a repeat differs there.
func (t *sendTrack) header(b []byte, pk *media.Packet, pt uint8, ssrc uint32, out int64, wide uint16, playout uint32) int {
	b[0] = 0x80
	b[1] = pt
	if pk.Marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], uint16(out))
	binary.BigEndian.PutUint32(b[4:], t.timestamp(pk.Time))
	binary.BigEndian.PutUint32(b[8:], ssrc)
	ext := &t.format.Ext
	n := rtpHeaderLen + 4
	if t.numbered {
		b[n] = ext.TransportCC<<4 | 1
		binary.BigEndian.PutUint16(b[n+1:], wide)
		n += 3
	}
	if pk.Key && ext.PlayoutDelay != 0 {
		b[n] = ext.PlayoutDelay<<4 | 2
		b[n+1], b[n+2], b[n+3] = byte(playout>>16), byte(playout>>8), byte(playout)
		n += 4
	}
	if t.format.BFrames {
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
