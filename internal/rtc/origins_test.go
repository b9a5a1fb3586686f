package rtc

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtp"

	"millrace/internal/media"
)

// teller is a viewer's transport-wide feedback.
type teller struct {
	*bench
	v        *viewer
	tap      *tap
	recorder *twcc.Recorder
	now      time.Duration
	at       time.Duration // of the next picture
}

func newTeller(t *testing.T) *teller {
	b := newPacketBench(t, false)
	b.src.write(b.src.picture(0, true, 5000, b.now)...)
	r := &teller{bench: b, v: b.viewer(videoOnly()), recorder: twcc.NewRecorder(1)}
	r.tap = tapOf(r.v)
	b.sh.join(r.v, b.now.UnixNano())
	r.v.line.measured(50 * ms)
	return r
}

// picture sends one of eight packets or so.
func (r *teller) picture() []*rtp.Packet {
	r.at += pictureEvery
	r.src.write(r.src.picture(r.at, false, 9500, r.bench.now)...)
	r.turn(r.at)
	return r.tap.taken()
}

// tells has the viewer tell of packets, but for some that got lost, and returns
// what is sent thereupon.
func (r *teller) tells(all []*rtp.Packet, lost ...int) []*rtp.Packet {
	r.t.Helper()
	<-time.After(60 * ms)
	r.now += 60 * ms
	gone := map[int]bool{}
	for _, i := range lost {
		gone[i] = true
	}
	for i, p := range all {
		if !gone[i] {
			r.recorder.Record(1, binary.BigEndian.Uint16(p.GetExtension(5)), r.now.Microseconds())
		}
	}
	for _, p := range r.recorder.BuildFeedbackPacket() {
		b, err := p.Marshal()
		must(r.t, err)
		if !r.sh.wide.put(r.v, b) {
			r.t.Fatal("no room")
		}
	}
	r.sh.hear(r.bench.now.Add(r.now).UnixNano())
	return r.tap.taken()
}

// repeats checks that what was sent are repeats of some packets, and nothing else.
func (r *teller) repeats(got []*rtp.Packet, want ...*rtp.Packet) {
	r.t.Helper()
	if len(got) != len(want) {
		r.t.Fatalf("%d packets are sent, want %d", len(got), len(want))
	}
	for i, p := range got {
		if p.SSRC != r.v.video.rtxSSRC || binary.BigEndian.Uint16(p.Payload) != want[i].SequenceNumber {
			r.t.Fatalf("%v is no repeat of %d", p.Header, want[i].SequenceNumber)
		}
	}
}

// What feedback tells the loss of is sent again, once, unless something of it is
// on its way; so is a repeat that gets lost. From the first loss on it is known
// what the numbers were.
func TestToldLoss(t *testing.T) { synctest.Test(t, testToldLoss) }

func testToldLoss(t *testing.T) {
	r := newTeller(t)
	r.repeats(r.tells(r.tap.taken()))
	if r.v.origins.of != nil || r.v.origins.eager.Load() {
		t.Fatal("a viewer that loses nothing is looked after")
	}
	r.repeats(r.tells(r.picture(), 3))
	if !r.v.origins.eager.Load() {
		t.Fatal("its feedback wakes nobody")
	}
	all := r.picture()
	again := r.tells(all, 2, 4)
	r.repeats(again, all[2], all[4])
	if n := r.v.totals.repairs[told]; n != 2 || r.v.totals.resent != 2 {
		t.Fatalf("%d repeats, %d in all", n, r.v.totals.resent)
	}
	// It has asked, too, and the request was slow.
	if got := r.asks(r.v, r.now+20*ms, all[2].SequenceNumber); got["guard"] != 1 {
		t.Fatalf("%v", got)
	}
	// The first repeat gets lost, the other one does not.
	next := r.picture()
	third := r.tells(append(again, next...), 0)
	r.repeats(third, all[2])
	r.repeats(r.tells(append(third, r.picture()...)))
	// A request came before the feedback did.
	all = r.picture()
	r.asks(r.v, r.now, all[1].SequenceNumber)
	asked := r.tap.taken()
	r.repeats(asked, all[1])
	r.repeats(r.tells(append(all, asked...), 1))
	// Copies are on their way: the loss of all is waited for.
	all = r.picture()
	r.v.repairs.loss = manyCopiesFrom
	pk, out, known, _ := r.v.find(r.v.video, media.Video, all[5].SequenceNumber)
	r.sh.again(r.v, r.v.video, media.Video, pk, out, known)
	r.sh.out.flush()
	first := r.tap.taken()
	r.repeats(r.tells(append(all, first...), 5))
	r.v.repairs.loss = 0
	all = r.picture()
	for _, over := range []int{overRuns, 0} { // what gets lost in a queue is asked for if it is wanted
		r.v.link.over, r.v.link.gone = over, []uint16{binary.BigEndian.Uint16(all[1].GetExtension(5))}
		now := r.bench.now.Add(r.now)
		if over == 0 {
			now = now.Add(repairJammed) // and what gets lost just after it
		}
		r.sh.miss(r.v, now.UnixNano())
		if got := r.tap.taken(); over > 0 {
			r.repeats(got)
		} else {
			r.repeats(got, all[1])
		}
	}
	// Where nothing has been lost for long, feedback comes along with what is sent.
	r.v.link.gone = nil
	r.sh.miss(r.v, r.v.origins.lost+int64(eagerFor))
	if !r.v.origins.eager.Load() {
		t.Error("its feedback wakes nobody any more")
	}
	if r.sh.miss(r.v, r.v.origins.lost+int64(eagerFor)+1); r.v.origins.eager.Load() {
		t.Error("its feedback wakes its shard for ever")
	}
}
