package load

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"

	"millrace/internal/media"
	wire "millrace/internal/wire/rtp"
)

// historySize is how many packets are kept to be sent again: a power of two.
const historySize = 1024

// whipSink publishes over WebRTC. What is asked for again is sent as it was.
type whipSink struct {
	*leg
	endpoint  endpoint
	packets   *wire.Packetizer
	began     time.Time // what timestamp 0 stands for
	ssrcs     [2]uint32
	seqs      [2]uint16
	sent      [2]uint32 // packets
	octets    [2]uint32
	reported  time.Time
	plain     []byte
	wants     atomic.Bool // a key frame
	goodbye   atomic.Bool
	listening sync.WaitGroup

	mu      sync.Mutex
	history [historySize][]byte // sealed pictures by sequence number
}

var clockRates = [2]int64{media.Video: 90_000, media.Audio: 48_000}

func dialWHIP(ctx context.Context, url string) (*whipSink, error) {
	id, err := newIdentity()
	if err != nil {
		return nil, err
	}
	s := &whipSink{leg: newLeg(), endpoint: newEndpoint(url, true, newHTTPClient()), packets: wire.New()}
	s.ssrcs = [2]uint32{s.ssrc, s.ssrc + 1}
	dialing, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	if err := s.dial(dialing, s.endpoint, offerSDP(s.leg, id, None, &s.ssrcs), id); err != nil {
		return nil, err
	}
	s.endpoint.client.CloseIdleConnections()
	_ = s.conn.SetReadDeadline(time.Time{})
	s.listening.Go(s.listen)
	return s, nil
}

func (s *whipSink) keyWanted() bool { return s.wants.Swap(false) }

// Write sends the packets of f.
func (s *whipSink) Write(f *media.Frame) error {
	if s.goodbye.Load() {
		return errors.New("the server ended the session")
	}
	if s.began.IsZero() {
		s.began = time.Now().Add(-time.Duration(f.PTS))
	}
	kind := f.Track.Kind
	stamp := uint32(int64(f.PTS) / 1000 * clockRates[kind] / 1_000_000)
	for _, pk := range s.packets.Packetize(f) {
		b := s.header(kind, stamp, pk.Marker && kind == media.Video)
		b = append(b, pk.Payload...)
		sealed, err := s.out.EncryptRTP(nil, b, nil)
		if err != nil {
			return fmt.Errorf("seal: %w", err)
		}
		if kind == media.Video {
			s.mu.Lock()
			s.history[s.seqs[kind]%historySize] = sealed
			s.mu.Unlock()
		}
		s.seqs[kind]++
		s.sent[kind]++
		s.octets[kind] += uint32(len(pk.Payload))
		s.write(sealed)
	}
	if now := time.Now(); now.Sub(s.reported) >= time.Second {
		s.reported = now
		return s.report(now)
	}
	return nil
}

// header begins a packet in memory that the next one uses again.
func (s *whipSink) header(kind media.Kind, stamp uint32, marker bool) []byte {
	pt := byte(h264PT)
	if kind == media.Audio {
		pt = opusPT
	}
	if marker {
		pt |= 0x80
	}
	b := append(s.plain[:0], 0x80, pt)
	b = binary.BigEndian.AppendUint16(b, s.seqs[kind])
	b = binary.BigEndian.AppendUint32(b, stamp)
	b = binary.BigEndian.AppendUint32(b, s.ssrcs[kind])
	s.plain = b
	return b
}

// report sends sender reports and consent.
func (s *whipSink) report(now time.Time) error {
	var all []rtcp.Packet
	for kind, ssrc := range s.ssrcs {
		all = append(all, &rtcp.SenderReport{
			SSRC: ssrc, NTPTime: ntpTime(now.UnixNano()), RTPTime: uint32(now.Sub(s.began).Microseconds() * clockRates[kind] / 1_000_000),
			PacketCount: s.sent[kind], OctetCount: s.octets[kind],
		})
	}
	all = append(all, rtcp.NewCNAMESourceDescription(s.ssrcs[0], "load"))
	plain, err := rtcp.Marshal(all)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	sealed, err := s.out.EncryptRTCP(nil, plain, nil)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	s.write(sealed)
	return s.check()
}

const ntpEpoch = 2208988800

// ntpTime converts Unix nanoseconds (RFC 3550 section 4).
func ntpTime(ns int64) uint64 {
	return uint64(ns/1e9+ntpEpoch)<<32 | uint64(ns%1e9)<<32/1e9
}

// listen hears what the server says until the socket is closed.
func (s *whipSink) listen() {
	buf := make([]byte, datagramSize)
	for {
		n, err := s.conn.Read(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			if !strings.Contains(err.Error(), "refused") {
				return
			}
			s.goodbye.Store(true) // nobody is there any more
		case n == 0:
		case buf[0] < 4:
			s.takeSTUN(buf[:n])
		case buf[0] == 21:
			s.goodbye.Store(true)
		case n >= 12 && buf[0] >= 128 && buf[1] >= 192 && buf[1] <= 223:
			s.hear(buf[:n])
		}
	}
}

func (s *whipSink) hear(b []byte) {
	plain, err := s.in.DecryptRTCP(nil, b, nil)
	if err != nil {
		return
	}
	all, err := rtcp.Unmarshal(plain)
	if err != nil {
		return
	}
	for _, p := range all {
		switch p := p.(type) {
		case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
			s.wants.Store(true)
		case *rtcp.TransportLayerNack:
			for _, pair := range p.Nacks {
				pair.Range(func(seq uint16) bool { s.again(p.MediaSSRC, seq); return true })
			}
		}
	}
}

// again sends a picture's packet once more if it is still there.
func (s *whipSink) again(ssrc uint32, seq uint16) {
	s.mu.Lock()
	b := s.history[seq%historySize]
	s.mu.Unlock()
	if ssrc == s.ssrcs[media.Video] && len(b) > 4 && binary.BigEndian.Uint16(b[2:]) == seq {
		s.write(b)
	}
}

// Close ends the session and waits for the listener.
func (s *whipSink) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), connectWithin)
	defer cancel()
	var err error
	if s.answer.session != "" && !s.goodbye.Load() {
		err = s.endpoint.remove(ctx, s.answer.session)
	}
	_ = s.conn.Close()
	s.listening.Wait()
	s.endpoint.client.CloseIdleConnections()
	return err
}
