package rtc

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// lossy is a shard and one viewer at the end of a network that loses packets,
// in virtual time. The viewer asks for what is missing as Chromium does: at the
// gap, and again, on a tick of 20 ms, after what it takes for a round trip, ten
// times at most. What comes again does not tell it of gaps.
type lossy struct {
	*bench
	v       *viewer
	tap     *tap
	rtt     time.Duration // of the network
	retry   time.Duration // the viewer's notion of it
	up      func() bool   // loses the next packet to the server
	down    func() bool   // and to the viewer
	flying  []flight
	asking  []flight
	got     map[int64]bool // by extended number
	newest  int64
	missing map[int64]*missed
	shown   []*shownPicture
	waits   int // the first picture that cannot be decoded yet

	gotLast, came             int64 // for reports: numbers and packets
	mediaBytes, repeatedBytes int

	recorder *twcc.Recorder
	tellEach int // ms; 0: it tells nothing of its packets
}

type flight struct {
	at   time.Duration
	p    *rtp.Packet
	lost []uint16
	told []byte // transport-wide feedback
}

type missed struct {
	asked time.Duration
	tries int
}

// shownPicture is a picture, and when it could be decoded with all before it.
type shownPicture struct {
	timestamp   uint32
	first, last int64
	sent, at    time.Duration
}

// chromiumRTT is what Chromium assumes as long as it cannot measure.
const chromiumRTT = 100 * time.Millisecond

// losses makes one direction of a network.
type losses func(r *rand.Rand) (loses func() bool)

// inBursts loses n packets in a row, so often that a share p gets lost.
func inBursts(p float64, n int) losses {
	return func(r *rand.Rand) func() bool {
		left, begins := 0, p/(p+float64(n)*(1-p))
		return func() bool {
			if left == 0 && r.Float64() < begins {
				left = n
			}
			lost := left > 0
			left = max(left-1, 0)
			return lost
		}
	}
}

// atRandom loses a share p.
func atRandom(p float64) losses { return inBursts(p, 1) }

// play broadcasts 30 pictures per second of 2.5 Mbit/s for a time, with a key
// frame every two seconds.
func (l *lossy) play(length time.Duration) {
	begin := time.Now()
	l.now = begin
	for n := 0; ; n++ {
		at := time.Since(begin)
		if at > length+time.Second {
			return
		}
		if next := time.Duration(len(l.shown)) * time.Second / 30; at >= next && at < length {
			size := 9500
			if len(l.shown)%60 == 0 {
				size = 80_000
			}
			l.src.write(l.src.picture(next, len(l.shown)%60 == 0, size, time.Now())...)
			l.shown = append(l.shown, &shownPicture{sent: at})
			if l.v == nil {
				l.v = l.viewer(videoOnly())
				l.tap = tapOf(l.v)
				l.newest = l.v.video.next - 1
				l.gotLast = l.newest
				l.sh.join(l.v, time.Now().UnixNano())
				l.v.link.rate = 50e6
			}
		}
		l.turn(at)
		l.sh.repeatDue(time.Now().UnixNano())
		l.sh.out.flush()
		l.carry(at)
		l.take(at)
		if n%20 == 0 {
			l.askAgain(at)
		}
		if l.tellEach > 0 && n%l.tellEach == 0 {
			l.tell(at)
		}
		if n%1000 == 999 {
			l.report()
		}
		<-time.After(time.Millisecond)
	}
}

// carry lets the network have what was sent.
func (l *lossy) carry(at time.Duration) {
	for _, p := range l.tap.taken() {
		if p.SSRC != l.v.video.ssrc {
			l.repeatedBytes += len(p.Payload)
		} else {
			l.mediaBytes += len(p.Payload)
			out, _, _ := l.v.video.sent(p.SequenceNumber)
			i := slices.IndexFunc(l.shown, func(s *shownPicture) bool { return s.timestamp == p.Timestamp || s.timestamp == 0 })
			s := l.shown[i]
			if s.timestamp == 0 {
				s.timestamp, s.first = p.Timestamp, out
			}
			s.last = max(s.last, out)
		}
		if !l.down() {
			l.flying = append(l.flying, flight{at: at + l.rtt/2, p: p})
		}
	}
}

// take takes what has arrived, at either end.
func (l *lossy) take(at time.Duration) {
	for len(l.flying) > 0 && l.flying[0].at <= at {
		p := l.flying[0].p
		l.flying = l.flying[1:]
		if b := p.GetExtension(5); len(b) == 2 {
			l.recorder.Record(1, binary.BigEndian.Uint16(b), time.Now().UnixMicro())
		}
		repeat := p.SSRC != l.v.video.ssrc
		number := p.SequenceNumber
		if repeat {
			number = binary.BigEndian.Uint16(p.Payload)
		}
		out, _, _ := l.v.video.sent(number)
		l.got[out] = true
		delete(l.missing, out)
		if repeat || out <= l.newest {
			continue
		}
		l.came++
		var lost []uint16
		for n := l.newest + 1; n < out; n++ {
			if !l.got[n] {
				l.missing[n] = &missed{at, 1}
				lost = append(lost, uint16(n))
			}
		}
		l.newest = out
		l.ask(at, lost)
	}
	for len(l.asking) > 0 && l.asking[0].at <= at {
		if a := l.asking[0]; a.told != nil {
			l.v.link.told(a.told, time.Now().UnixNano())
			l.sh.miss(l.v, time.Now().UnixNano())
		} else {
			l.sh.request(command{kind: cmdNACK, viewer: l.v, ssrc: l.v.video.ssrc, lost: a.lost})
		}
		l.asking = l.asking[1:]
		l.sh.repairAll()
		l.carry(at)
	}
	for ; l.waits < len(l.shown); l.waits++ {
		s := l.shown[l.waits]
		for n := s.first; n <= s.last; n++ {
			if s.timestamp == 0 || !l.got[n] {
				return
			}
		}
		s.at = at
	}
}

func (l *lossy) ask(at time.Duration, lost []uint16) {
	if len(lost) > 0 && !l.up() {
		l.asking = append(l.asking, flight{at: at + l.rtt/2, lost: lost})
	}
}

// tell sends the feedback on what has come since the last one.
func (l *lossy) tell(at time.Duration) {
	for _, p := range l.recorder.BuildFeedbackPacket() {
		if b, err := p.Marshal(); err == nil && !l.up() {
			l.asking = append(l.asking, flight{at: at + l.rtt/2, told: b})
		}
	}
}

func (l *lossy) askAgain(at time.Duration) {
	var lost []uint16
	for n, m := range l.missing {
		if at-m.asked >= l.retry {
			if m.tries++; m.tries > 10 {
				delete(l.missing, n)
				continue
			}
			m.asked = at
			lost = append(lost, uint16(n))
		}
	}
	slices.Sort(lost)
	l.ask(at, lost)
}

// report sends a receiver report of the last second.
func (l *lossy) report() {
	due, got := l.newest-l.gotLast, l.came
	l.gotLast, l.came = l.newest, 0
	now := time.Now().UnixNano()
	l.v.receiverReport([]rtcp.ReceptionReport{{
		SSRC: l.v.video.ssrc, FractionLost: uint8(max(0, (due-got)*256/max(due, 1))),
		LastSenderReport: uint32(ntp(now-int64(l.rtt)) >> 16),
	}}, now)
}

// outcome is what the viewer saw.
type outcome struct {
	within        float64 // share of the pictures that could be decoded within 400 ms
	p50, p95, p99 time.Duration
	overhead      float64 // bytes of repeats per byte of media
}

// atMost is what may come of a network without feedback, and with it.
func atMost(within float64, p95, p99 time.Duration, withinTold float64, p95Told, p99Told time.Duration) [2]outcome {
	return [2]outcome{{within: within, p95: p95, p99: p99}, {within: withinTold, p95: p95Told, p99: p99Told}}
}

func (o outcome) String() string {
	return fmt.Sprintf("%.2f %% within 400 ms, delay %v / %v / %v, repeats %.1f %%",
		100*o.within, o.p50, o.p95, o.p99, 100*o.overhead)
}

func (l *lossy) outcome() outcome {
	var delays []time.Duration
	in := 0
	for _, s := range l.shown {
		d := time.Hour
		if s.at > 0 {
			d = s.at - s.sent
		}
		if d <= 400*ms {
			in++
		}
		delays = append(delays, d)
	}
	slices.Sort(delays)
	at := func(p float64) time.Duration { return delays[int(p*float64(len(delays)-1))] }
	return outcome{float64(in) / float64(len(delays)), at(.5), at(.95), at(.99), float64(l.repeatedBytes) / float64(l.mediaBytes)}
}

// through plays for a time over a network.
func through(t *testing.T, length, rtt, retry time.Duration, tellEach int, up, down losses) (out outcome) {
	synctest.Test(t, func(t *testing.T) {
		l := &lossy{
			bench: newPacketBench(t, false), rtt: rtt, retry: retry, got: map[int64]bool{}, missing: map[int64]*missed{},
			recorder: twcc.NewRecorder(1), tellEach: tellEach,
			up: up(rand.New(rand.NewPCG(1, 2))), down: down(rand.New(rand.NewPCG(3, 4))),
		}
		l.play(length)
		out = l.outcome()
	})
	return out
}

// chromiumTells is the time between its feedbacks, ms.
const chromiumTells = 65

// Pictures stay whole, in time, whatever the network loses.
func TestLossyNetworks(t *testing.T) {
	for _, tt := range []struct {
		name     string
		rtt      time.Duration
		up, down losses
		wants    [2]outcome // without feedback, and with it
	}{
		{"2 %", 50 * ms, atRandom(.02), atRandom(.02), atMost(1, 105*ms, 140*ms, 1, 105*ms, 180*ms)},
		{"5 %", 50 * ms, atRandom(0), atRandom(.05), atMost(1, 105*ms, 180*ms, 1, 105*ms, 180*ms)},
		{"5 %, requests too", 50 * ms, atRandom(.05), atRandom(.05), atMost(1, 180*ms, 300*ms, 1, 105*ms, 180*ms)},
		{"10 %", 50 * ms, atRandom(0), atRandom(.10), atMost(1, 105*ms, 140*ms, 1, 105*ms, 180*ms)},
		{"10 %, requests too", 50 * ms, atRandom(.10), atRandom(.10), atMost(1, 180*ms, 300*ms, .99, 150*ms, 250*ms)},
		{"20 % in bursts of 3", 100 * ms, atRandom(0), inBursts(.20, 3), atMost(.99, 300*ms, 400*ms, .99, 300*ms, 400*ms)},
		{"20 % in bursts of 3, requests too", 100 * ms, inBursts(.20, 3), inBursts(.20, 3), atMost(.90, time.Second, time.Second, .97, 400*ms, time.Second)},
	} {
		for _, each := range []int{0, chromiumTells} {
			o := through(t, 15*time.Second, tt.rtt, chromiumRTT, each, tt.up, tt.down)
			t.Logf("%s, RTT %v, told each %d ms: %v", tt.name, tt.rtt, each, o)
			want := tt.wants[min(each, 1)]
			if o.within < want.within || o.p95 > want.p95 || o.p99 > want.p99 {
				t.Errorf("%s, told each %d ms: want %+v", tt.name, each, want)
			}
		}
	}
}
