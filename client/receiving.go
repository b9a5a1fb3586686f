package client

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/pion/rtcp"
	pion "github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"millrace/internal/media"
)

const (
	// arrivals is how many packets may wait for their turn.
	arrivals = 1 << 12
	// keyAgain is how long a key frame is waited for before one is asked for.
	keyAgain = 500 * time.Millisecond
)

// receiving is a player's one connection, from its offer to its end.
type receiving struct {
	peer    *peer
	player  *Player
	formats map[uint8]playFormat
	lanes   [2]*lane
	step    step
	arrived chan arrival
	reports chan *rtcp.SenderReport
	done    chan struct{}

	askedKey time.Time
	needKey  bool
	rtt      time.Duration
	rttAt    time.Time

	mu      sync.Mutex
	closing bool
	readers sync.WaitGroup
}

// newReceiving connects.
func newReceiving(ctx context.Context, x *exchange, p *Player) (*receiving, error) {
	o, err := offerPlay(&p.options)
	if err != nil {
		return nil, err
	}
	r := &receiving{
		player: p, formats: o.formats, arrived: make(chan arrival, arrivals), reports: make(chan *rtcp.SenderReport, 16),
		done: make(chan struct{}), lanes: [2]*lane{newLane(media.Video), newLane(media.Audio)},
	}
	ic, err := (&tap{to: r.arrived, done: r.done}).registry()
	if err != nil {
		return nil, err
	}
	if r.peer, err = newPeer(x, o.engine, ic); err != nil {
		return nil, err
	}
	r.peer.pc.OnTrack(r.pump)
	receive := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	for _, m := range []struct {
		kind webrtc.RTPCodecType
		no   bool
	}{{webrtc.RTPCodecTypeAudio, p.options.NoAudio}, {webrtc.RTPCodecTypeVideo, p.options.NoVideo}} {
		if m.no || err != nil {
			continue
		}
		_, err = r.peer.pc.AddTransceiverFromKind(m.kind, receive)
	}
	if err == nil {
		err = r.peer.establish(ctx, r.read)
	}
	if err != nil {
		r.close(ctx)
		return nil, err
	}
	return r, nil
}

// read takes what the answer says.
func (r *receiving) read(answer string) error {
	a, err := readAnswer(answer)
	if err != nil {
		return err
	}
	for k, m := range a.media {
		l := r.lanes[k]
		r.step.expects[k] = m.on
		l.ssrc, l.captureID, l.compID = m.ssrc, m.extensions[uriCaptureTime], m.extensions[uriComposition]
		for _, pt := range m.formats {
			f, ok := r.formats[pt]
			if !ok || !m.on {
				continue
			}
			if l.rate == 0 {
				l.rate = f.rate
			}
			if f.latm && l.latm == nil {
				if l.latm, err = latmTrack(m.fmtp[pt]); err != nil {
					return &answerError{err.Error()}
				}
			}
		}
	}
	return nil
}

// pump reads a track, so that its packets come to the tap, and its reports.
func (r *receiving) pump(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return
	}
	r.readers.Go(func() {
		buf := make([]byte, 1<<11)
		for {
			if _, _, err := track.Read(buf); err != nil && err != io.ErrShortBuffer {
				return
			}
		}
	})
	r.readers.Go(func() {
		for {
			packets, _, err := receiver.ReadRTCP()
			if err != nil {
				return
			}
			for _, p := range packets {
				sr, ok := p.(*rtcp.SenderReport)
				if !ok {
					continue
				}
				select {
				case r.reports <- sr:
				case <-r.done:
					return
				}
			}
		}
	})
}

// serve receives until the transport or ctx ends.
func (r *receiving) serve(ctx context.Context) error {
	defer r.close(ctx)
	r.needKey, r.askedKey = true, time.Now()
	timer := time.NewTimer(keyAgain)
	defer timer.Stop()
	for {
		select {
		case a := <-r.arrived:
			r.take(a)
		case sr := <-r.reports:
			r.report(sr)
		case <-timer.C:
		case <-r.peer.down:
			return r.peer.err
		case <-ctx.Done():
			return ctx.Err()
		}
		timer.Reset(r.turn(time.Now()))
	}
}

// close ends the transport and waits for all readers.
func (r *receiving) close(ctx context.Context) {
	r.mu.Lock()
	r.closing = true
	r.mu.Unlock()
	close(r.done)
	r.peer.close(ctx)
	r.readers.Wait()
}

// take takes one packet. Repeats have odd payload types, one above that of what
// they repeat, and begin with its number (RFC 4588 section 4).
func (r *receiving) take(a arrival) {
	var p pion.Packet
	if err := p.Unmarshal(a.raw); err != nil {
		return
	}
	c := &r.player.count
	c.packets.Add(1)
	c.bytes.Add(uint64(len(a.raw)))
	pt, low, payload := p.PayloadType, p.SequenceNumber, p.Payload
	if pt%2 == 1 {
		if len(payload) < 2 {
			return
		}
		pt, low, payload = pt-1, uint16(payload[0])<<8|uint16(payload[1]), payload[2:]
	}
	f, ok := r.formats[pt]
	if !ok {
		return
	}
	l := r.lanes[f.kind]
	if l.rate != f.rate { // a server that has changed the codec
		r.step.known[f.kind] = false
	}
	ssrc := l.ssrc
	if l.put(&p.Header, payload, low, f, a.at) {
		c.recovered.Add(1)
	}
	if pt != p.PayloadType {
		l.ssrc = ssrc // that of the repeats is not what is asked for
	}
}
