package rtc

import (
	"encoding/binary"
	"testing"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	wire "millrace/internal/wire/rtp"
)

// feed publishes packets, as a WebRTC publisher does.
type feed struct {
	t     testing.TB
	p     *live.Publisher
	cut   live.Packetizer
	asked chan struct{} // a token per request for a key frame
}

// newFeed publishes testName. One that is not askable gives key frames when
// it likes.
func newFeed(t testing.TB, hub *live.Hub, askable bool) *feed {
	t.Helper()
	p, err := hub.Publish(testName, "test", "")
	must(t, err)
	s := &feed{t: t, p: p, cut: wire.New(), asked: make(chan struct{}, 1<<10)}
	if askable {
		p.OnKeyRequest(func() { s.asked <- struct{}{} })
	}
	p.Announce(testVideo, testOpus)
	return s
}

// picture makes the packets of a picture that arrives when it says.
func (s *feed) picture(at time.Duration, key bool, size int, arrived time.Time) []*media.Packet {
	return s.pack(picture(at, key, size), arrived)
}

func (s *feed) sound(at time.Duration, arrived time.Time) []*media.Packet {
	return s.pack(sound(testOpus, at), arrived)
}

func (s *feed) pack(f *media.Frame, arrived time.Time) []*media.Packet {
	var run []*media.Packet
	for _, pk := range s.cut.Packetize(f) {
		pk.Arrived = arrived.UnixNano()
		run = append(run, &pk)
	}
	return run
}

// as makes H264 packets those of another codec: nothing reads their payload.
func as(c media.Codec, run []*media.Packet) []*media.Packet {
	for _, pk := range run {
		pk.Codec = c
	}
	return run
}

// write publishes packets in the order given. The first of a picture, and the
// first known to be of a key frame, begin it.
func (s *feed) write(run ...*media.Packet) {
	s.t.Helper()
	for _, pk := range run {
		must(s.t, s.p.WritePacket(pk))
	}
}

// arrive is write for the packets of one picture in an order that they were not
// sent in.
func (s *feed) arrive(run []*media.Packet, order ...int) {
	s.t.Helper()
	for i, at := range order {
		run[at].Start = i == 0
		s.write(run[at])
	}
}

// numbered fills a payload with what names its packet.
func numbered(kind media.Kind, n int64, size int) []byte {
	b := make([]byte, max(size, 12))
	b[0], b[1] = 0x41, byte(kind) // H264: a slice in one packet
	binary.BigEndian.PutUint64(b[2:], uint64(n)|1<<63)
	return b
}

// numberOf is the name that numbered gave.
func numberOf(payload []byte) int64 { return int64(binary.BigEndian.Uint64(payload[2:]) &^ (1 << 63)) }
