package rtc

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtp"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

// maxSources is how many SSRCs a publisher may use in a session: three layers
// and sound with their repeats are eight.
const maxSources = 24

// maxEarly is how many packets are kept that overtook the end of our handshake.
const maxEarly = 64

// ingest is the receiving side of a session. Packets are taken on the readers'
// goroutines; run does what time asks for, and ends with the session.
type ingest struct {
	session   *session
	publisher *live.Publisher
	metrics   *Metrics
	ssrc      uint32 // of our reports
	roundTrip atomic.Int64
	secured   atomic.Bool
	ready     chan struct{} // closed when secured
	keyFrames chan struct{} // one token: somebody wants a key frame
	layerKeys chan uint8    // the same of a layer beside the one forwarded
	stop      chan struct{} // closed when the session ends; why is set before
	why       reason.Reason

	mu         sync.Mutex
	ended      bool
	keys       *secured // nil before the handshake is done
	early      [][]byte // what came before
	sources    map[uint32]*source
	tracks     [2]*receiveTrack // by media.Kind; nil: not received
	wall       wallClock
	arrivals   *twcc.Recorder // nil: the publisher does not number its packets
	ids        sdp.Extensions
	remb       bool
	bandwidth  float64
	lastCC     int64 // ns since the session began, as the next one
	lastReport int64
	firstMedia int64 // when the first medium was ready to be announced, or -1
	announced  [2]*media.Track
	rungs      []live.Rung // as last told
	laddered   int64       // when
	header     rtp.Header
	iv         [12]byte
	spare      []byte // memory for the next payload, of one that was not used
	scratch    []byte // for RTCP
	totals     ingestTotals
}

// ingestTotals is what the closing log line says.
type ingestTotals struct {
	packets, bytes, padding            uint64
	lost                               [2]uint64 // by media.Kind
	nacked, recovered, duplicates, pli uint64
	layers, unsupported, jumps         uint64
}

// moment is one point in time on two scales.
type moment struct {
	unix  int64 // by media.Now
	since int64 // ns since the session began, which only grows
}

func (in *ingest) now() moment {
	t := time.Now()
	return moment{media.Nanos(t), int64(t.Sub(in.session.created))}
}

func newIngest(ses *session, rec sdp.Reception, p *live.Publisher) *ingest {
	var seed [4]byte
	_, _ = rand.Read(seed[:])
	in := &ingest{
		session: ses, publisher: p, metrics: ses.server.metrics, ssrc: binary.BigEndian.Uint32(seed[:]) | 1,
		ready: make(chan struct{}), keyFrames: make(chan struct{}, 1), layerKeys: make(chan uint8, live.MaxLayers), stop: make(chan struct{}),
		sources: map[uint32]*source{}, bandwidth: plentyBandwidth, firstMedia: -1,
	}
	in.tracks[media.Video] = newReceiveTrack(media.Video, rec.Video)
	in.tracks[media.Audio] = newReceiveTrack(media.Audio, rec.Audio)
	for _, src := range []*sdp.Source{rec.Audio, rec.Video} {
		if src == nil {
			continue
		}
		in.ids = mergeIDs(in.ids, src.Ext)
		in.remb = in.remb || src.REMB
	}
	if in.ids.TransportCC != 0 {
		in.arrivals, in.remb = twcc.NewRecorder(in.ssrc), false
	}
	if rec.Video != nil && (rec.Video.PLI || rec.Video.FIR) {
		p.OnLayerRequest(func(layer uint8) {
			select {
			case in.layerKeys <- layer:
			default: // others are waited for already
			}
		})
		p.OnKeyRequest(func() {
			select {
			case in.keyFrames <- struct{}{}:
			default: // it is asked for already
			}
		})
	}
	return in
}

// mergeIDs joins the ids of two m-lines, which agree where both have one (RFC
// 8843 section 9.2).
func mergeIDs(a, b sdp.Extensions) sdp.Extensions {
	for _, p := range []struct{ to, from *uint8 }{
		{&a.TransportCC, &b.TransportCC}, {&a.AbsCaptureTime, &b.AbsCaptureTime}, {&a.CompositionTime, &b.CompositionTime},
		{&a.MID, &b.MID}, {&a.RID, &b.RID}, {&a.RepairedRID, &b.RepairedRID},
	} {
		if *p.to == 0 {
			*p.to = *p.from
		}
	}
	return a
}

func (in *ingest) isConnected() bool { return in.secured.Load() }

// connected hands the keys over.
func (in *ingest) connected(sec *secured) {
	in.mu.Lock()
	in.keys = sec
	early := in.early
	in.early = nil
	in.mu.Unlock()
	now := in.now()
	for _, b := range early {
		in.onRTP(b, now)
	}
	in.session.lives()
	in.secured.Store(true)
	close(in.ready)
}

// end ends the receiving, once.
func (in *ingest) end(why reason.Reason) {
	in.mu.Lock()
	in.ended = true
	in.mu.Unlock()
	in.why = why
	close(in.stop)
}

// run works until the session ends.
func (in *ingest) run() {
	defer in.close()
	ready, lost := in.ready, in.publisher.Done()
	var ticks <-chan time.Time
	var lastPing int64
	for {
		select {
		case <-in.stop:
			return
		case <-lost:
			lost = nil
			in.session.server.end(in.session, live.ReasonOf(in.publisher.Err()))
		case <-ready:
			ready = nil
			t := time.NewTicker(ingestTick)
			defer t.Stop()
			ticks = t.C
			in.session.sendPing()
		case <-in.keyFrames:
			in.mu.Lock()
			if t := in.tracks[media.Video]; t != nil && !in.ended {
				in.wantKey(t.forwarded, in.now().since)
			}
			in.mu.Unlock()
		case layer := <-in.layerKeys:
			in.mu.Lock()
			if t := in.tracks[media.Video]; t != nil && !in.ended {
				in.wantKey(t.beside(layer), in.now().since)
			}
			in.mu.Unlock()
		case <-ticks:
			now := in.now()
			in.tick(now)
			if now.since-lastPing > int64(pingEvery) {
				lastPing = now.since
				in.session.sendPing()
			}
		}
	}
}

// close gives the stream up and writes the closing line.
func (in *ingest) close() {
	in.publisher.Close(in.why)
	ses := in.session
	peer, err := ses.lastWords()
	in.mu.Lock()
	defer in.mu.Unlock()
	var jitter float64
	layers := 0
	for _, t := range in.tracks {
		for _, l := range t.received() {
			jitter = max(jitter, l.tally.jitter*1000/float64(l.clock.rate))
			if l.track.kind == media.Video {
				layers++
			}
		}
	}
	y := &in.totals
	ses.server.log.Info("closed", "session", ses.id, "stream", in.publisher.Name().String(), "proto", "rtc_publish",
		"peer", peer, "reason", string(in.why), "err", err, "seconds", int(time.Since(ses.created).Seconds()),
		"packets", y.packets, "bytes", y.bytes, "padding", y.padding, "lost", y.lost[media.Video], "lost_audio", y.lost[media.Audio], "nacked", y.nacked, "recovered", y.recovered,
		"duplicates", y.duplicates, "layers", layers, "layer_packets", y.layers, "unsupported", y.unsupported,
		"timestamp_jumps", y.jumps, "pli", y.pli, "jitter_ms", int(jitter), "rtt_ms", time.Duration(in.roundTrip.Load()).Milliseconds())
}
