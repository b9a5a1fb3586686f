package client

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// listen takes feedback on one track until the transport is closed.
func (s *sending) listen(t *outTrack) {
	var sender *webrtc.RTPSender
	for _, one := range s.peer.pc.GetSenders() {
		if one.Track() == webrtc.TrackLocal(t) {
			sender = one
		}
	}
	if sender == nil {
		return // closed just now
	}
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			s.feedback(t, p, time.Now())
		}
	}
}

func (s *sending) feedback(t *outTrack, p rtcp.Packet, now time.Time) {
	switch p := p.(type) {
	case *rtcp.TransportLayerNack:
		if p.MediaSSRC != t.ssrc {
			return
		}
		for _, pair := range p.Nacks {
			for _, seq := range pair.PacketList() {
				s.count.nacked.Add(1)
				t.repeat(seq, time.Duration(s.roundTrip.Load()), now)
			}
		}
	case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
		s.count.keyRequests.Add(1)
		s.ask()
	case *rtcp.ReceiverReport:
		for _, r := range p.Reports {
			if r.SSRC == t.ssrc {
				s.reception(t, &r, now)
			}
		}
	}
}

// reception takes loss and the round-trip time (RFC 3550 section 6.4.1).
func (s *sending) reception(t *outTrack, r *rtcp.ReceptionReport, now time.Time) {
	s.count.reportLost(t == s.video, r.TotalLost)
	if r.LastSenderReport == 0 {
		return
	}
	rtt := uint32(ntp(now.UnixNano())>>16) - r.LastSenderReport - r.Delay
	if d := time.Duration(rtt) * time.Second >> 16; d < 10*time.Second {
		s.roundTrip.Store(int64(d))
		s.count.rtt.Store(int64(d))
	}
}
