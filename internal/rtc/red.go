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
)

// redundancy says whether a viewer gets sound redundantly.
type redundancy struct {
	on    bool
	lossy int64 // Unix ns of when there was last reason to
}

// judge decides anew.
func (r *redundancy) judge(loss float64, now int64) {
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
