package client

import (
	"time"

	"github.com/pion/rtcp"

	"millrace/internal/media"
)

// report takes a sender report on one of the lanes.
func (r *receiving) report(sr *rtcp.SenderReport) {
	for k, l := range r.lanes {
		if l.ssrc == sr.SSRC && l.rate != 0 {
			r.step.report(media.Kind(k), fromNTP(sr.NTPTime), media.FromUnits(l.unwrap(sr.RTPTime), l.rate))
			return
		}
	}
}

// turn passes on what is complete, asks for what is missing, and says when to
// come again.
func (r *receiving) turn(now time.Time) time.Duration {
	c, patience := &r.player.count, r.player.options.patience()
	if now.Sub(r.rttAt) > checkEvery {
		r.rtt, r.rttAt = r.peer.rtt(), now
		c.rtt.Store(int64(r.rtt))
	}
	again := now.Add(keyAgain)
	for k, l := range r.lanes {
		lost := l.repair.lost
		frames, broken := l.take(now, patience)
		c.lost.Add(l.repair.lost - lost)
		if broken && media.Kind(k) == media.Video {
			r.needKey, r.askedKey = true, time.Time{}
		}
		for _, f := range frames {
			if f.Track.Kind == media.Video {
				r.needKey = false
			}
			r.player.deliver(r.step.take(unit{frame: f, broken: l.broken}, now), now)
			l.broken = false
		}
		wanted, due := l.repair.ask(now, r.rtt, patience)
		if len(wanted) > 0 {
			c.nacked.Add(uint64(len(wanted)))
			r.send(&rtcp.TransportLayerNack{MediaSSRC: l.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(wanted)})
		}
		if !due.IsZero() && due.Before(again) {
			again = due
		}
	}
	r.player.deliver(r.step.release(now), now)
	if v := r.lanes[media.Video]; r.needKey && r.step.expects[media.Video] && v.ssrc != 0 && now.Sub(r.askedKey) >= keyAgain {
		r.askedKey = now
		c.keyRequests.Add(1)
		r.send(&rtcp.PictureLossIndication{MediaSSRC: v.ssrc})
	}
	return max(again.Sub(now), time.Millisecond)
}

// send sends feedback. What is lost of it is asked for again.
func (r *receiving) send(p rtcp.Packet) { _ = r.peer.pc.WriteRTCP([]rtcp.Packet{p}) }
