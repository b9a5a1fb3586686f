package load

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// viewer is one WebRTC viewer. After dial it belongs to its pool's goroutine; who
// else asks looks into seen, and calls leave.
type viewer struct {
	*leg
	*seen
	video   lane
	reports reports
	audio   int32 // expected sequence number of sound; -1 before the first
	alive   int64 // when it last said that it is there
	over    bool  // the server said goodbye
	left    atomic.Bool
	scratch []byte
	head    rtp.Header
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
	if err := v.dial(ctx, to, offerSDP(v.leg, id, f, nil), id); err != nil {
		return nil, err
	}
	v.connected = time.Now().UnixNano()
	return v, nil
}

// leave makes the pool close the socket. The server is not told.
func (v *viewer) leave() { v.left.Store(true) }

// keep sends consent and a receiver report like a browser, when it is time.
func (v *viewer) keep(now int64) {
	if now-v.alive < keepAlive || v.over {
		return
	}
	v.alive = now
	_ = v.check()
	v.report(now)
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
	v.packet(len(b), at)
	h := parseHeader(b)
	switch h.pt {
	case rtxPT:
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
	default:
		v.reports.count(h)
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

func (v *viewer) report(now int64) {
	rr := &rtcp.ReceiverReport{SSRC: v.ssrc, Reports: v.reports.make(now)}
	plain, err := rr.Marshal()
	if err != nil {
		return
	}
	if sealed, err := v.out.EncryptRTCP(nil, plain, nil); err == nil {
		v.write(sealed)
	}
}
