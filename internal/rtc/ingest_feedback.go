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
	nackMost        = 250        // numbers in one datagram, which may need four bytes each
	plentyBandwidth = 20_000_000 // bit/s, as good as no limit
	leastBandwidth  = 100_000
)

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
			in.ladder(t, now.since)
		}
	}
	if in.arrivals != nil && now.since-in.lastCC >= int64(ccEvery) {
		in.lastCC = now.since
		for _, p := range in.arrivals.BuildFeedbackPacket() {
			in.tell(p)
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
	if l == l.track.forwarded || l.side.open {
		in.wantKey(l, now)
	}
}

func (in *ingest) nack(l *layer, lost []uint16) {
	if len(lost) == 0 || !l.track.source.NACK {
		return
	}
	in.totals.nacked += uint64(len(lost))
	in.metrics.Asked.Add(float64(len(lost)))
	for some := range slices.Chunk(lost, nackMost) {
		in.tell(&rtcp.TransportLayerNack{SenderSSRC: in.ssrc, MediaSSRC: l.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(some)})
	}
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
	in.tell(&rtcp.FullIntraRequest{ // its entry alone names the source (RFC 5104 section 4.3.1.2)
		SenderSSRC: in.ssrc, FIR: []rtcp.FIREntry{{SSRC: l.ssrc, SequenceNumber: l.wish.fir}},
	})
}

// tell sends RTCP to the publisher. The caller holds mu.
func (in *ingest) tell(all ...rtcp.Packet) {
	if _, is := all[0].(*rtcp.ReceiverReport); !is {
		// Not every publisher takes RTCP of reduced size (RFC 5506).
		all = append([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: in.ssrc}, in.description()}, all...)
	}
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
