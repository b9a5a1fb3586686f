package load

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// viewer is one WebRTC viewer. After dial it belongs to its pool's goroutine; who
// else asks looks into seen, and calls leave.
type viewer struct {
	*leg
	*seen
	video   lane
	link    *link   // nil: the network as it is
	repair  *repair // instead of video, with a link
	wide    *wide   // nil: no such feedback
	reports reports
	audio   int32 // expected sequence number of sound; -1 before the first
	alive   int64 // when it last said that it is there
	over    bool  // the server said goodbye
	left    atomic.Bool
	scratch []byte
	head    rtp.Header
	clock   int64 // behind a network: now

	mu    sync.Mutex
	shown []shown // behind a network: all pictures
}

const (
	batchSize = 64
	keepAlive = int64(2 * time.Second)
)

// dialViewer makes a viewer of a stream and connects it. It blocks, for
// connectWithin at most.
func dialViewer(ctx context.Context, to endpoint, id *identity, f Feedback) (*viewer, error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	v := &viewer{leg: newLeg(), seen: newSeen(), audio: -1, scratch: make([]byte, 0, datagramSize)}
	v.video.next = -1
	if f == TransportWide {
		v.wide = &wide{recorder: twcc.NewRecorder(v.ssrc)}
	}
	if err := v.dial(ctx, to, offerSDP(v.leg, id, f, nil), id); err != nil {
		return nil, err
	}
	v.connected = time.Now().UnixNano()
	return v, nil
}

// behind puts the viewer behind a network. Its clock is that of what it is
// dealing with, so that the lateness of the tool delays nothing.
func (v *viewer) behind(n Network, seed uint64) {
	v.link, v.repair = newLink(n, seed), newRepair(int64(n.RTT))
	v.detour = func(b []byte) { v.link.up.send(b, v.clock+v.link.half()) }
	v.repair.nack = func(seqs []uint16) {
		v.sendRTCP(&rtcp.TransportLayerNack{SenderSSRC: v.ssrc, MediaSSRC: v.reports.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs)})
	}
	v.repair.pli = func() {
		v.sendRTCP(&rtcp.PictureLossIndication{SenderSSRC: v.ssrc, MediaSSRC: v.reports.ssrc})
	}
	v.repair.decodable = func(st stamp, at int64) {
		v.frame(st, at)
		v.mu.Lock()
		defer v.mu.Unlock()
		v.shown = append(v.shown, shown{st, at})
	}
}

// shown is a picture and when it could be decoded.
type shown struct {
	stamp
	at int64
}

// leave makes the pool close the socket. The server is not told.
func (v *viewer) leave() { v.left.Store(true) }

// receive takes what came at a moment, by way of the network if there is one; it
// is false at the end of the session.
func (v *viewer) receive(b []byte, at int64) bool {
	if v.link == nil {
		return v.take(b, at)
	}
	v.link.down.send(b, at+v.link.half())
	return true
}

// step does what is due.
func (v *viewer) step(now int64) {
	if v.link != nil {
		v.link.down.arrived(now, func(b []byte, at int64) {
			v.clock = at
			v.over = !v.take(b, at) || v.over
		})
		v.clock = now
		v.repair.tick(now)
	}
	if v.wide != nil && v.wide.any && now-v.wide.sent >= wideEvery {
		v.wide.sent, v.wide.any = now, false
		v.sendRTCP(v.wide.recorder.BuildFeedbackPacket()...)
	}
	if now-v.alive >= keepAlive && !v.over { // consent and a report, like a browser
		v.alive = now
		_ = v.check()
		v.sendRTCP(&rtcp.ReceiverReport{SSRC: v.ssrc, Reports: v.reports.make(now)})
	}
	if v.link != nil {
		v.link.up.arrived(now, func(b []byte, _ int64) { v.put(b) })
	}
}

// take takes one datagram that came at a moment; it is false at the end of the
// session.
func (v *viewer) take(b []byte, at int64) bool {
	switch {
	case len(b) < 12:
	case b[0] >= 20 && b[0] <= 63:
		return b[0] != 21
	case b[0] < 4:
		v.takeSTUN(b)
	case b[0] < 128:
	case b[1] >= 192 && b[1] <= 223:
		v.takeReport(b, at)
	default:
		v.takeMedia(b, at)
	}
	return true
}

func (v *viewer) takeMedia(b []byte, at int64) {
	h := parseHeader(b)
	if v.answer.stray(h.ssrc) {
		v.strays.Add(1)
		return
	}
	v.packet(len(b), at)
	if v.wide != nil {
		v.wide.take(b, at)
	}
	switch h.pt {
	case rtxPT:
		v.repeats.Add(1)
		if v.repair == nil {
			return
		}
		if payload, ok := v.open(b); ok && len(payload) > 2 { // RFC 4588 section 4
			h.seq = binary.BigEndian.Uint16(payload)
			v.repair.take(h, payload[2:], at)
		}
	case opusPT:
		if v.audio >= 0 {
			if gap := int16(h.seq - uint16(v.audio)); gap < 0 {
				v.late.Add(1)
				return
			} else if gap > 0 {
				v.lost.Add(uint64(gap))
			}
		}
		v.audio = int32(h.seq + 1)
		if v.video.verify.on {
			v.open(b)
		}
	default:
		v.reports.count(h)
		if v.repair != nil {
			if payload, ok := v.open(b); ok {
				v.repair.take(h, payload, at)
			}
			return
		}
		v.video.take(h, at, v.seen, func() ([]byte, bool) { return v.open(b) })
	}
}

// open decrypts a packet; the payload is good until the next call. What does not
// open is wrong.
func (v *viewer) open(b []byte) ([]byte, bool) {
	v.head = rtp.Header{}
	plain, err := v.in.DecryptRTP(v.scratch, b, &v.head)
	if err != nil {
		v.wrong.Add(1)
		return nil, false
	}
	n, err := v.head.Unmarshal(plain)
	if err != nil {
		v.wrong.Add(1)
		return nil, false
	}
	return plain[n:], true
}

func (v *viewer) takeReport(b []byte, at int64) {
	if v.answer.stray(binary.BigEndian.Uint32(b[4:])) { // RTCP's first header is in the clear
		v.strays.Add(1)
		return
	}
	plain, err := v.in.DecryptRTCP(nil, b, nil)
	if err != nil {
		v.wrong.Add(1)
		return
	}
	all, err := rtcp.Unmarshal(plain)
	if err != nil {
		return
	}
	for _, p := range all {
		if sr, ok := p.(*rtcp.SenderReport); ok && sr.SSRC == v.reports.ssrc {
			v.reports.heard(sr, at)
		}
	}
}

func (v *viewer) sendRTCP(all ...rtcp.Packet) {
	plain, err := rtcp.Marshal(all)
	if err != nil {
		return
	}
	if sealed, err := v.out.EncryptRTCP(nil, plain, nil); err == nil {
		v.write(sealed)
	}
}
