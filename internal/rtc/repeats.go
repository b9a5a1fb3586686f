package rtc

import (
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// fate is what became of a packet that a viewer asked for again, and why others
// are sent twice.
type fate uint8

const (
	answered  fate = iota // sent again
	guarded               // a repeat is still on its way
	exhausted             // the viewer's share for repeats is used up
	tooOld                // it was sent, and is no longer held
	unknown               // it was never sent: the publisher's network lost it
	told                  // sent again, as the viewer's feedback says that all that was sent of it is lost
	copied                // one more of what was answered, unasked
	tail                  // the last of a picture, unasked
	doubled               // a picture or sound, unasked
	fates     = iota
)

// fateWords are the values of the metric's label.
var fateWords = [fates]string{"answered", "guard", "budget", "too_old", "unknown", "feedback", "copy", "tail", "double"}

// asked is a packet that was asked for, or sent again unasked.
type asked struct {
	out    uint32 // the low bits of its number
	at     uint32 // when it was last sent again: low bits of ms
	times  uint8  // that it was sent again for being missing
	flying uint8  // of what was sent of it, that the viewer's feedback has not told the loss of
}

// Requests that a track remembers. A viewer that loses nothing has no memory of
// them; one that has lost more at once may get a repeat twice.
const (
	askedVideo = 256
	askedAudio = 64
)

// askedFor returns what is remembered of requests for out.
func (t *sendTrack) askedFor(kind media.Kind, out int64) *asked {
	if t.asked == nil {
		n := askedVideo
		if kind == media.Audio {
			n = askedAudio
		}
		t.asked = make([]asked, n)
	}
	a := &t.asked[out&int64(len(t.asked)-1)]
	if a.out != uint32(out) || a.flying == 0 && a.times == 0 {
		*a = asked{out: uint32(out), flying: 1} // it was sent once
	}
	return a
}

// mayRepeat says whether no repeat of a is on its way.
func (a *asked) mayRepeat(now, guard int64) bool {
	return a.times == 0 || int64(uint32(now/int64(time.Millisecond))-a.at) >= guard/int64(time.Millisecond)
}

// repeated notes that a was sent again, for being missing.
func (a *asked) repeated(now int64) {
	a.at = uint32(now / int64(time.Millisecond))
	a.times = min(a.times+1, 200)
	a.flying = 0
}

// A repeat that gets lost costs the viewer another round trip, so where much
// gets lost it goes out more than once, and the last packet of a picture, whose
// loss shows only when the next picture comes, is repeated unasked. Copies are
// apart in time, since losses come in bursts. Where so much gets lost that hardly
// a picture comes whole, and requests get lost as well, pictures go out twice, if
// the network is known to take several times as much.
const (
	copiesFrom     = 0.03 // loss
	manyCopiesFrom = 0.08
	tailsFrom      = 0.01
	doublesFrom    = 0.08
	doublesRoom    = 3   // times the stream's rate
	doublesMost    = 128 // packets
	copiesApart    = 2 * catchUpTick
	maxLater       = 4096 // copies that wait in a shard
)

// copies is how many copies answer a request for what was sent again times
// times before.
func (r *repairs) copies(times uint8) int {
	switch {
	case !r.spare():
		return 1
	case r.loss >= manyCopiesFrom && !r.doubles:
		return 3
	case r.loss >= copiesFrom, times > 0:
		return 2
	}
	return 1
}

// later is a repeat that waits for its time.
type later struct {
	viewer *viewer
	track  *sendTrack
	kind   media.Kind
	why    fate
	out    int64 // number of the first packet
	n      int   // packets
	due    int64 // Unix ns
}

// repair answers a NACK.
func (sh *shard) repair(v *viewer, c *command, now int64) {
	if !v.joined.Load() || v.left {
		return
	}
	t, kind := v.video, media.Video
	if v.audio != nil && c.ssrc == v.audio.ssrc {
		t, kind = v.audio, media.Audio
	}
	if t == nil || c.ssrc != t.ssrc {
		return
	}
	v.repairs.fill(v, now, len(c.lost))
	for _, low := range c.lost {
		why := sh.answer(v, t, kind, low, answered, now)
		v.repaired(why)
		if why == unknown && kind == media.Video {
			sh.groups[v.packets].miss(t, low)
		}
	}
	v.totals.nacked += uint64(len(c.lost))
	sh.server.metrics.NACKed.Add(float64(len(c.lost)))
}

// answer sends one packet again that was asked for, or is told to be lost.
func (sh *shard) answer(v *viewer, t *sendTrack, kind media.Kind, low uint16, as fate, now int64) fate {
	pk, out, known, why := v.find(t, kind, low)
	if pk == nil {
		return why
	}
	a := t.askedFor(kind, out)
	if as == answered && !a.mayRepeat(now, v.guard()) {
		return guarded
	}
	if !v.repairs.spend(pk, kind) {
		v.drop(reason.Limit, 1)
		return exhausted
	}
	times := a.times
	a.repeated(now)
	if !sh.again(v, t, kind, pk, out, known) {
		return unknown
	}
	if times == 0 {
		v.repairs.missed++
	}
	for i := 1; i < v.repairs.copies(times); i++ {
		sh.repeatLater(later{v, t, kind, copied, out, 1, now + int64(i)*int64(copiesApart)})
	}
	return as
}

// again sends a packet again and notes that it is under way.
func (sh *shard) again(v *viewer, t *sendTrack, kind media.Kind, pk *media.Packet, out int64, known bool) bool {
	if !v.resend(sh.out, t, pk, out, known) {
		return false
	}
	v.origins.mark(&v.link, kind, out)
	a := t.askedFor(kind, out)
	a.flying = min(a.flying+1, 200)
	return true
}

// repaired counts a packet's fate.
func (v *viewer) repaired(why fate) {
	v.totals.repairs[why]++
	v.session.server.metrics.Repairs[why].Inc()
	if why == answered || why == told || why == copied || why == tail {
		v.totals.resent++
		v.session.server.metrics.Resent.Inc()
	}
}

// named is the counts by their words, for the closing line.
func named(counts *[fates]uint64) map[string]uint64 {
	out := map[string]uint64{}
	for i, n := range counts {
		if n > 0 {
			out[fateWords[i]] = n
		}
	}
	return out
}

// repeatLater puts a repeat off.
func (sh *shard) repeatLater(l later) {
	if len(sh.later) < maxLater {
		sh.later = append(sh.later, l)
	}
}

// repeatDue sends the repeats whose time has come.
func (sh *shard) repeatDue(now int64) {
	keep := sh.later[:0]
	for _, l := range sh.later {
		if l.due > now && l.due-now < int64(time.Second) { // or the clock was set back
			keep = append(keep, l)
			continue
		}
		if v := l.viewer; !v.left {
			v.repairs.fill(v, now, 0)
			for i := range int64(l.n) {
				sh.repeat(&l, l.out+i)
			}
		}
	}
	clear(sh.later[len(keep):])
	sh.later = keep
}

// repeat sends one packet of l, if it has been sent and there is enough left.
func (sh *shard) repeat(l *later, number int64) {
	v := l.viewer
	pk, out, known, _ := v.find(l.track, l.kind, uint16(number))
	if pk == nil || out != number || !known && l.track.given.fresh(out) {
		return
	}
	paid := l.kind == media.Audio && l.why == doubled && !v.repairs.lately || v.repairs.spare() && v.repairs.spend(pk, l.kind)
	if paid && sh.again(v, l.track, l.kind, pk, out, known) {
		v.repaired(l.why)
	}
}

// tails has what was just sent to the group's viewers repeated for those who
// lose much: the last packet of a picture, or all.
func (sh *shard) tails(g *group, batch []*media.Packet, now int64) {
	last := batch[len(batch)-1]
	for _, v := range g.viewers {
		if v.repairs.loss < tailsFrom || v.phase != liveEdge || !v.repairs.spare() || v.video.format.RTXPT == 0 {
			continue
		}
		why, n := tail, int64(1)
		if v.repairs.doubles && len(batch) <= doublesMost {
			why, n = doubled, int64(len(batch))
		} else if !last.Marker {
			continue
		}
		from, seq, ok := v.video.sent(uint16(v.video.next - n))
		if _, end, _ := v.video.sent(uint16(v.video.next - 1)); ok && end == last.Seq && end-seq == n-1 {
			sh.repeatLater(later{v, v.video, media.Video, why, from, int(n), now + int64(copiesApart)})
		}
	}
}

// find returns the packet that a viewer names by the low bits of its number, and
// whether that is the very one that was sent under it. Where there is none, why
// tells.
func (v *viewer) find(t *sendTrack, kind media.Kind, low uint16) (pk *media.Packet, out int64, known bool, why fate) {
	out, seq, ok := t.sent(low)
	if !ok {
		return nil, 0, false, unknown
	}
	if pk = t.recall(out); pk != nil {
		return pk, out, true, answered
	}
	pk = v.packets.BySeq(kind, seq)
	switch {
	case pk != nil:
		return pk, out, false, answered
	case t.given.fresh(out):
		return nil, out, false, unknown
	}
	return nil, out, false, tooOld
}

// repairs is a viewer's allowance for repeats, and what it depends on. Only its
// shard uses it.
type repairs struct {
	begun   bool
	left    float64 // bytes that repeats may cost now
	most    float64
	loss    float64 // share of packets that get lost
	queues  bool    // packets wait on the way
	lately  bool    // they do, or did so lately that copies would be lost to that
	jammed  int64   // Unix ns of when they last did; 0: never
	stream  float64 // bytes per second of the stream's pictures, whatever of them is sent
	doubles bool    // pictures go out twice

	filled         uint64 // bytes of media that had been sent at the last filling
	at             int64  // Unix ns: when the window began
	bytes, packets uint64 // sent before it
	missed         int    // packets asked for the first time in it
	rate           float64
	before         float64 // loss by requests, of the window before
}

// Repeats get a share of what is sent: a quarter, less where packets wait on
// their way, and more where they get lost though nothing waits. It may be saved
// up for a while, since a viewer that has been cut off asks for much at once.
const (
	repairShare    = 0.25
	repairQueued   = 0.15
	repairMost     = 0.75
	repairDoubled  = 1.5
	repairPerLoss  = 2.5
	repairSaved    = 4       // seconds of the share
	repairLeast    = 128_000 // bytes that may be saved in any case
	repairWindow   = time.Second
	repairJammed   = 2 * time.Second // what gets lost so soon after a queue was lost to it
	repairSample   = 50              // packets that loss is judged by at least
	repairOverhead = 64              // bytes that a packet costs beside its payload
	repairBurst    = 512             // numbers that one request may name
	repairReserve  = 48_000          // bytes that what is sent unasked leaves
)

// fill adds what was sent since the last filling gives. asks is how many packets
// are asked for now.
func (r *repairs) fill(v *viewer, now int64, asks int) {
	if !r.begun {
		r.begun, r.left, r.most, r.at = true, repairLeast, repairLeast, now
	}
	r.queues = v.congested(now)
	if r.queues || v.phase == paced && !v.aside() || v.pace.waits {
		r.jammed = now
	}
	r.lately = r.jammed != 0 && now-r.jammed < int64(repairJammed)
	asked := float64(r.missed+asks) / float64(max(v.totals.packets-r.packets, repairSample))
	r.loss = max(v.reportedLoss(), asked, r.before)
	if v.overTCP() {
		r.loss = 0 // what its queue does not take is no loss that more would help
	}
	share := min(repairShare+repairPerLoss*r.loss, repairMost)
	r.doubles = !r.lately && r.loss >= doublesFrom && r.rate > 0 && v.link.estimate() >= doublesRoom*8*max(r.rate, r.stream)
	switch {
	case r.queues:
		share = repairQueued
	case r.doubles:
		share = repairDoubled
	}
	if d := now - r.at; d >= int64(repairWindow) || d < 0 {
		if d > 0 {
			r.rate = float64(v.totals.bytes-r.bytes) / time.Duration(d).Seconds()
		}
		r.before = max(asked, r.before/2)
		if r.before < 0.005 {
			r.before = 0
		}
		r.at, r.bytes, r.packets, r.missed = now, v.totals.bytes, v.totals.packets, 0
	}
	r.most = max(repairLeast, r.rate*share*repairSaved)
	r.left = min(r.left+float64(v.totals.bytes-r.filled)*share, r.most)
	r.filled = v.totals.bytes
}

// spend pays for a repeat, if there is enough. Sound may go into debt: it is
// little, and missed most.
func (r *repairs) spend(pk *media.Packet, kind media.Kind) bool {
	cost := float64(len(pk.Payload) + repairOverhead)
	least := 0.0
	if kind == media.Audio {
		least = -repairLeast / 4
	}
	if r.left-cost < least {
		return false
	}
	r.left -= cost
	return true
}

// spare says whether there is enough to send what nobody has asked for.
func (r *repairs) spare() bool { return !r.lately && r.left > repairReserve }
