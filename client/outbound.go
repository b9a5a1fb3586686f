package client

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"millrace/internal/media"
)

// history is how many packets are kept for repeats: three seconds of 8 Mbit/s.
const history = 1 << 12

// repeatGuard is how long after a packet was sent again it is not sent once
// more, until the round-trip time is known to be longer.
const repeatGuard = 20 * time.Millisecond

// outTrack is one RTP stream to the server. It is webrtc.TrackLocal, numbers its
// packets itself and keeps them for repeats: the payloads are shared with the
// access units, and a repeat of a packet that has no repeat stream is the same
// to the bit.
type outTrack struct {
	kind  webrtc.RTPCodecType
	mime  string
	clock int64 // Hz, of the RTP timestamps
	wide  *atomic.Uint32
	count *counters

	mu             sync.Mutex
	writer         webrtc.TrackLocalWriter // nil before Bind
	pt, rtxPT      uint8
	ssrc, rtxSSRC  uint32
	wideID, capID  uint8
	compositionID  uint8
	seq, rtxSeq    uint16
	offset         uint32 // RTP timestamp of time 0
	packets, bytes uint32 // for sender reports
	kept           [history]sent
}

type sent struct {
	header  rtp.Header
	payload []byte
	again   time.Time // when it was last sent again
	used    bool
}

func newOutTrack(kind webrtc.RTPCodecType, mime string, clock int, wide *atomic.Uint32, c *counters) *outTrack {
	return &outTrack{
		kind: kind, mime: mime, clock: int64(clock), wide: wide, count: c,
		// 15 bits, so that a loss of the first packets leaves no doubt about the
		// roll-over counter (RFC 3711 section 3.3.1).
		seq: uint16(rand.Uint32N(1 << 15)), rtxSeq: uint16(rand.Uint32N(1 << 15)), offset: rand.Uint32(),
	}
}

// ID, StreamID, RID and Kind are webrtc.TrackLocal.
func (t *outTrack) ID() string                { return t.kind.String() }
func (t *outTrack) StreamID() string          { return "rts" }
func (t *outTrack) RID() string               { return "" }
func (t *outTrack) Kind() webrtc.RTPCodecType { return t.kind }

// Bind takes what was negotiated.
func (t *outTrack) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var chosen *webrtc.RTPCodecParameters
	for _, p := range c.CodecParameters() {
		if strings.EqualFold(p.MimeType, t.mime) {
			chosen = &p
			break
		}
	}
	if chosen == nil {
		return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
	}
	t.pt, t.ssrc = uint8(chosen.PayloadType), uint32(c.SSRC())
	for _, p := range c.CodecParameters() {
		if strings.EqualFold(p.MimeType, webrtc.MimeTypeRTX) && p.SDPFmtpLine == fmt.Sprintf("apt=%d", t.pt) && c.SSRCRetransmission() != 0 {
			t.rtxPT, t.rtxSSRC = uint8(p.PayloadType), uint32(c.SSRCRetransmission())
		}
	}
	for _, e := range c.HeaderExtensions() {
		switch e.URI {
		case uriTransportCC:
			t.wideID = uint8(e.ID)
		case uriCaptureTime:
			t.capID = uint8(e.ID)
		case uriComposition:
			t.compositionID = uint8(e.ID)
		}
	}
	t.writer = c.WriteStream()
	return *chosen, nil
}

// Unbind is webrtc.TrackLocal.
func (t *outTrack) Unbind(webrtc.TrackLocalContext) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writer = nil
	return nil
}

// send sends one packet. first says that it begins an access unit.
func (t *outTrack) send(pk *media.Packet, first bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := pk.Time
	h := rtp.Header{Version: 2, Marker: pk.Marker, PayloadType: t.pt, SequenceNumber: t.seq, SSRC: t.ssrc}
	if t.compositionID != 0 {
		// 24 bits of milliseconds.
		cts := uint32((pk.Composition + int64(time.Millisecond)/2) / int64(time.Millisecond))
		extend(&h, t.compositionID, []byte{byte(cts >> 16), byte(cts >> 8), byte(cts)})
	} else {
		at += media.Time(pk.Composition) // what RTP says without the extension
	}
	h.Timestamp = t.timestamp(at)
	if first && pk.Capture != 0 && t.capID != 0 {
		extend(&h, t.capID, binary.BigEndian.AppendUint64(nil, ntp(pk.Capture)))
	}
	t.number(&h)
	t.kept[t.seq%history] = sent{header: h, payload: pk.Payload, used: true}
	t.seq++
	t.packets++
	t.bytes += uint32(len(pk.Payload))
	return t.write(&h, pk.Payload)
}

// number gives a packet its transport-wide number.
func (t *outTrack) number(h *rtp.Header) {
	if t.wideID != 0 {
		extend(h, t.wideID, binary.BigEndian.AppendUint16(nil, uint16(t.wide.Add(1))))
	}
}

func extend(h *rtp.Header, id uint8, value []byte) {
	_ = h.SetExtension(id, value) // ids and sizes fit the one-byte form
}

func (t *outTrack) write(h *rtp.Header, payload []byte) error {
	if t.writer == nil {
		return ErrClosed
	}
	n, err := t.writer.WriteRTP(h, payload)
	t.count.packets.Add(1)
	t.count.bytes.Add(uint64(n))
	return err
}

// timestamp is the RTP timestamp of a time.
func (t *outTrack) timestamp(at media.Time) uint32 { return uint32(at.Units(t.clock)) + t.offset }

// repeat answers a NACK.
func (t *outTrack) repeat(seq uint16, rtt time.Duration, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := &t.kept[seq%history]
	if !k.used || k.header.SequenceNumber != seq || now.Sub(k.again) < max(rtt, repeatGuard) {
		return
	}
	k.again = now
	t.count.recovered.Add(1)
	if t.rtxPT == 0 {
		_ = t.write(&k.header, k.payload) // lost again if it fails
		return
	}
	h := k.header.Clone()
	h.PayloadType, h.SSRC, h.SequenceNumber = t.rtxPT, t.rtxSSRC, t.rtxSeq
	t.rtxSeq++
	t.number(&h)
	payload := append(binary.BigEndian.AppendUint16(make([]byte, 0, len(k.payload)+2), seq), k.payload...)
	_ = t.write(&h, payload)
}
