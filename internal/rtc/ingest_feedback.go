package rtc

import (
	"slices"
	"time"

	"github.com/pion/rtcp"

	"millrace/internal/media"
)

// What a publisher is told: what is missing, at once and again each round trip;
// when each packet came; how much got lost; that a key frame is wanted.

const (
	ingestTick      = 20 * time.Millisecond
	ccEvery         = 60 * time.Millisecond
	reportsEvery    = time.Second
	pingEvery       = time.Second
	keyAgain        = 500 * time.Millisecond
	keyPatience     = 5 * time.Second
	defaultRTT      = 100 * time.Millisecond
	gapLife         = time.Second
	reorderLife     = 100 * time.Millisecond // where nothing can be asked for
	gapTries        = 10
	maxGaps         = 512
	plentyBandwidth = 20_000_000 // bit/s, as good as no limit
	leastBandwidth  = 100_000
)

// gap is a packet that has not come.
type gap struct {
	seq          int64
	since, asked int64 // ns since the session began
	tries        int
}

// gaps are what is missing of a layer, by rising number.
type gaps []gap

// open notes that [from, to) is missing.
func (g *gaps) open(from, to, now int64) {
	for seq := from; seq < to; seq++ {
		*g = append(*g, gap{seq: seq, since: now})
	}
}

func (g gaps) find(seq int64) (int, bool) {
	return slices.BinarySearchFunc(g, seq, func(a gap, seq int64) int { return int(a.seq - seq) })
}

// close notes that seq came. asked says that it had been asked for.
func (g *gaps) close(seq int64) (asked bool) {
	i, ok := g.find(seq)
	if !ok {
		return false
	}
	asked = (*g)[i].tries > 0
	*g = slices.Delete(*g, i, i+1)
	return asked
}

// due returns what is to be asked for now, and how many were given up.
func (g *gaps) due(now, rtt, life int64) (ask []uint16, lost int) {
	*g = slices.DeleteFunc(*g, func(a gap) bool {
		over := now-a.since > life || a.tries >= gapTries && now-a.asked > rtt
		if over {
			lost++
		}
		return over
	})
	for i := range *g {
		if a := &(*g)[i]; a.tries == 0 || now-a.asked >= rtt {
			a.tries++
			a.asked = now
			ask = append(ask, uint16(a.seq))
		}
	}
	return ask, lost
}

// keyWish is a request for a key frame that has not come.
type keyWish struct {
	wanted, asked int64 // ns since the session began
	active, once  bool  // once: asked has a value
	fir           uint8
}

// want makes the wish. It reports whether to ask now.
func (w *keyWish) want(now int64) bool {
	if !w.active {
		w.active, w.wanted = true, now
	}
	return w.due(now)
}

// due says whether to ask now.
func (w *keyWish) due(now int64) bool {
	if !w.active || now-w.wanted > int64(keyPatience) {
		w.active = false
		return false
	}
	return !w.once || now-w.asked >= int64(keyAgain)
}

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

// tick does what time asks for.
func (in *ingest) tick(now moment) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.keys == nil || in.ended {
		return
	}
	for _, t := range in.tracks {
		for _, l := range t.received() {
			in.chase(l, now.since)
			if l.wish.due(now.since) {
				in.askKey(l, now.since)
			}
		}
		if t != nil {
			in.choose(t, now.since)
		}
	}
	if in.arrivals != nil && now.since-in.lastCC >= int64(ccEvery) {
		in.lastCC = now.since
		if all := in.arrivals.BuildFeedbackPacket(); len(all) > 0 {
			in.tell(all...)
		}
	}
	if now.since-in.lastReport >= int64(reportsEvery) {
		in.lastReport = now.since
		in.report(now.since)
	}
	in.announce(now.since)
}

// chase asks for what is missing of l, and gives up what will not come.
func (in *ingest) chase(l *layer, now int64) {
	if len(l.gaps) == 0 {
		return
	}
	life := int64(gapLife)
	if !l.track.source.NACK {
		life = int64(reorderLife)
	}
	ask, lost := l.gaps.due(now, int64(in.rtt()), life)
	if lost > 0 {
		in.lose(l, lost, now)
	}
	in.nack(l, ask)
}

// lose counts packets that will not come.
func (in *ingest) lose(l *layer, n int, now int64) {
	in.totals.lost[l.track.kind] += uint64(n)
	in.metrics.Lost.Add(float64(n))
	if l == l.track.forwarded {
		in.wantKey(l, now)
	}
}

func (in *ingest) nack(l *layer, lost []uint16) {
	if len(lost) == 0 || !l.track.source.NACK {
		return
	}
	in.totals.nacked += uint64(len(lost))
	in.metrics.Asked.Add(float64(len(lost)))
	in.tell(&rtcp.TransportLayerNack{SenderSSRC: in.ssrc, MediaSSRC: l.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(lost)})
}

// wantKey asks for a key frame of l until one comes.
func (in *ingest) wantKey(l *layer, now int64) {
	if l != nil && l.track.kind == media.Video && l.wish.want(now) {
		in.askKey(l, now)
	}
}

func (in *ingest) askKey(l *layer, now int64) {
	src := l.track.source
	if !src.PLI && !src.FIR {
		return
	}
	l.wish.asked, l.wish.once = now, true
	in.totals.pli++
	in.metrics.Wanted.Inc()
	if src.PLI {
		in.tell(&rtcp.PictureLossIndication{SenderSSRC: in.ssrc, MediaSSRC: l.ssrc})
		return
	}
	l.wish.fir++
	in.tell(&rtcp.FullIntraRequest{
		SenderSSRC: in.ssrc, MediaSSRC: l.ssrc, FIR: []rtcp.FIREntry{{SSRC: l.ssrc, SequenceNumber: l.wish.fir}},
	})
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
	out := []rtcp.Packet{rr, &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
		Source: in.ssrc, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: cname}},
	}}}}
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

// tell sends RTCP to the publisher. The caller holds mu.
func (in *ingest) tell(all ...rtcp.Packet) {
	plain, err := rtcp.Marshal(all)
	if err != nil || in.keys == nil {
		return
	}
	in.scratch, err = in.keys.out.sealRTCP(in.scratch[:0], plain)
	if err == nil {
		in.session.send(in.scratch)
	}
}

// rtt is the smoothed round trip.
func (in *ingest) rtt() time.Duration {
	if rtt := time.Duration(in.roundTrip.Load()); rtt > 0 {
		return max(rtt+rtt/4, ingestTick)
	}
	return defaultRTT
}

// onRoundTrip takes a measured round trip.
func (in *ingest) onRoundTrip(took time.Duration) {
	if old := in.roundTrip.Load(); old > 0 {
		took = time.Duration(old + (int64(took)-old)/4)
	}
	in.roundTrip.Store(int64(max(took, 1)))
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
