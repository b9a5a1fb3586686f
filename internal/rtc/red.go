package rtc

import (
	"slices"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	wire "millrace/internal/wire/rtp"
	"millrace/internal/wire/sdp"
)

// A viewer that loses packets gets each packet of Opus with the two before it
// (RFC 2198), if its offer takes that: sound is small, and a repeat mostly comes
// too late for it. The form changes from one packet to the next, under the same
// sequence numbers and timestamps.
const (
	redFrom  = 0.01             // loss
	redUntil = 0.005            // loss, for as long as redCalm
	redCalm  = 10 * time.Second // losses come back
	redReach = 2                // packets before

	// twiceFrom is the loss from on which sound goes out twice as well, unless
	// packets wait on the way: what was before it comes with the packet after,
	// which players that hold little back have no time for, and not every offer
	// takes it.
	twiceFrom = 0.03
)

// redundancy says whether a viewer gets sound redundantly.
type redundancy struct {
	on    bool
	twice bool
	lossy int64 // Unix ns of when there was last reason to
}

// judge decides anew. queues says that packets wait on the way.
func (r *redundancy) judge(loss float64, queues bool, now int64) {
	r.twice = loss >= twiceFrom && !queues
	switch {
	case loss > redFrom, r.on && loss > redUntil:
		r.on, r.lossy = true, now
	case max(now-r.lossy, 0) > int64(redCalm):
		r.on = false
	}
}

// olderSound appends to held up to most packets of sound before pk that can go
// with it, oldest first.
func olderSound(held []*media.Packet, log *live.Packets, pk *media.Packet, most int) []*media.Packet {
	n := 1 + len(pk.Payload)
	for i := 1; i <= most; i++ {
		o := log.BySeq(media.Audio, pk.Seq-int64(i))
		if o == nil || !wire.FitsRED(pk, o, n) {
			break
		}
		n += 4 + len(o.Payload)
		held = append(held, o)
	}
	slices.Reverse(held)
	return held
}

// soundOf returns what v is sent of pk, and under which payload type. The room
// for the redundant and the LATM form is the shard's, for all viewers that want
// the same of one packet.
func (sh *shard) soundOf(v *viewer, pk *media.Packet, forms *soundForms) (payload []byte, pt uint8) {
	f := &v.audio.format
	switch {
	case f.Framing == sdp.FramingLATM:
		if forms.latm == nil {
			forms.latm = wire.LATMFromADTS(pk.Payload, pk.Start)
		}
		return forms.latm, f.PT
	case f.RED == 0 || !v.redundancy.on:
		return pk.Payload, f.PT
	}
	if !forms.tried {
		forms.tried = true
		var room [redReach]*media.Packet
		if older := olderSound(room[:0], v.packets, pk, redReach); len(older) > 0 {
			sh.red = wire.AppendRED(sh.red[:0], f.PT, pk, older)
			forms.red = sh.red
		}
	}
	if forms.red == nil { // there is nothing to go with it
		return pk.Payload, f.PT
	}
	wire.SetREDType(forms.red, f.PT)
	v.totals.red++
	sh.redundant++
	return forms.red, f.RED
}

// sendTwice sends the packet of sound that v was just sent once more, under the
// same number and the same to the bit: later, where it can be made again, since
// losses come in bursts, else at once.
func (sh *shard) sendTwice(v *viewer) {
	t, out := v.audio, v.audio.newest // which fills a gap where it came late
	if t.format.repeatable() {
		sh.repeatLater(later{v, t, media.Audio, doubled, out, 1, sh.now + int64(copiesApart)})
		return
	}
	if sh.out.again() {
		v.repaired(doubled)
	}
}

// again has the newest run sent twice, if there is room.
func (o *outbox) again() bool {
	n := len(o.runs)
	if n == 0 || n >= o.limit {
		return false
	}
	o.runs = append(o.runs, o.runs[n-1])
	return true
}

// soundForms are what one packet of sound looks like to viewers.
type soundForms struct {
	latm, red []byte
	tried     bool // red was made, if it can be
}

// repeatForm returns what is sent again of pk, which had the number out, and
// under which payload type. It is nil when that cannot be made any more.
func (v *viewer) repeatForm(t *sendTrack, f *sendFormat, pk *media.Packet, out int64) (payload []byte, pt uint8) {
	switch {
	case f.Framing == sdp.FramingLATM:
		return wire.LATMFromADTS(pk.Payload, pk.Start), f.PT
	case t.reds == nil || t.reds[out%historySize] == 0:
		return pk.Payload, f.PT
	}
	n := int(t.reds[out%historySize])
	older := olderSound(nil, v.packets, pk, n)
	if len(older) != n {
		return nil, 0
	}
	return wire.AppendRED(nil, f.PT, pk, older), f.RED
}
