package rtc

import (
	"time"

	"github.com/pion/rtcp"
)

// tally is what receiver reports say (RFC 3550 section 6.4.1 and appendix A).
type tally struct {
	first, highest           int64
	received                 int64
	lastExpected, lastCounts int64
	transit                  int64 // of the last packet, in RTP ticks
	jitter                   float64
	any, timed               bool
	lastSR                   uint32
	srAt                     int64 // ns since the session began
	loss                     float64
	octets, lastOctets       int64
}

// count takes one packet that came by itself.
func (y *tally) count(seq int64, size int) {
	if !y.any {
		y.any, y.first, y.highest = true, seq, seq
	}
	y.first, y.highest = min(y.first, seq), max(y.highest, seq)
	y.received++
	y.octets += int64(size)
}

// transited takes the transit time of the newest packet, in RTP ticks.
func (y *tally) transited(transit int64) {
	d := transit - y.transit
	if d < 0 {
		d = -d
	}
	if y.timed {
		y.jitter += (float64(d) - y.jitter) / 16
	}
	y.timed, y.transit = true, transit
}

// report is the reception report of a layer.
func (y *tally) report(ssrc uint32, now int64) rtcp.ReceptionReport {
	expected := y.highest - y.first + 1
	dueNow, got := expected-y.lastExpected, y.received-y.lastCounts
	y.lastExpected, y.lastCounts = expected, y.received
	y.loss = 0
	if dueNow > 0 && got < dueNow {
		y.loss = float64(dueNow-got) / float64(dueNow)
	}
	r := rtcp.ReceptionReport{
		SSRC: ssrc, FractionLost: uint8(min(y.loss*256, 255)),
		TotalLost:          uint32(max(0, min(expected-y.received, 1<<23-1))),
		LastSequenceNumber: uint32(y.highest), Jitter: uint32(y.jitter),
	}
	if y.lastSR != 0 {
		r.LastSenderReport = y.lastSR
		r.Delay = uint32((now - y.srAt) * 65536 / int64(time.Second))
	}
	return r
}

// report sends a receiver report and, where the publisher wants to be told a
// rate, that.
func (in *ingest) report(now int64) {
	rr := &rtcp.ReceiverReport{SSRC: in.ssrc}
	var ssrcs []uint32
	loss, rate := 0.0, int64(0)
	for _, t := range in.tracks {
		for _, l := range t.received() {
			if !l.tally.any {
				continue
			}
			rr.Reports = append(rr.Reports, l.tally.report(l.ssrc, now))
			ssrcs = append(ssrcs, l.ssrc)
			loss = max(loss, l.tally.loss)
			rate += (l.tally.octets - l.tally.lastOctets) * 8
			l.tally.lastOctets = l.tally.octets
		}
	}
	out := []rtcp.Packet{rr, in.description()}
	if in.remb && len(ssrcs) > 0 {
		in.bandwidth = bandwidth(in.bandwidth, float64(rate), loss)
		out = append(out, &rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: in.ssrc, Bitrate: float32(in.bandwidth), SSRCs: ssrcs})
	}
	in.tell(out...)
}

// bandwidth is what to tell a publisher that cannot find out by itself: plenty,
// or with a tenth lost and more, less than what it sends.
func bandwidth(last, rate, loss float64) float64 {
	if loss > 0.1 {
		return max(leastBandwidth, min(last, rate*(1-loss/2)))
	}
	return min(plentyBandwidth, last*1.1)
}

// onReports takes a compound of the publisher.
func (in *ingest) onReports(plain []byte) {
	now := in.now()
	all, err := rtcp.Unmarshal(plain)
	if err != nil {
		in.session.server.refuse(refusedSRTCP)
		return
	}
	in.publisher.Alive()
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, p := range all {
		sr, ok := p.(*rtcp.SenderReport)
		if !ok {
			continue
		}
		src := in.sources[sr.SSRC]
		if src == nil || src.layer == nil || src.rtx {
			continue
		}
		y := &src.layer.tally
		y.lastSR, y.srAt = uint32(sr.NTPTime>>16), now.since
		src.layer.clock.report(fromNTP(sr.NTPTime), sr.RTPTime)
	}
}

// fromNTP converts a 64-bit NTP timestamp to Unix nanoseconds; 0 stays 0.
func fromNTP(t uint64) int64 {
	if t == 0 {
		return 0
	}
	return (int64(t>>32)-ntpEpoch)*1e9 + int64(t&0xffffffff)*1e9>>32
}

// description names the source of our reports (RFC 3550 section 6.5.1).
func (in *ingest) description() rtcp.Packet {
	return &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
		Source: in.ssrc, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: cname}},
	}}}
}
