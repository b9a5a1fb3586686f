package rtc

import (
	"millrace/internal/media"
	wire "millrace/internal/wire/rtp"
)

// seal appends pk to the outbox's arena as the next packet of t, with a payload
// of type pt.
func (v *viewer) seal(o *outbox, t *sendTrack, pk *media.Packet, payload []byte, pt uint8) bool {
	at, f := len(o.arena), &t.format
	if t.jump {
		t.begin(pk, unseen(v.packets, pk))
	}
	out, why := t.place(pk)
	if why != "" {
		v.drop(why, 1)
		return false
	}
	o.arena = o.arena[:at+maxHeader]
	n := t.header(o.arena[at:], pk, f, pt, t.ssrc, out, v.wide)
	if f.numbered {
		v.wide++
	}
	sealed, err := v.out.sealRTP(o.arena[:at+n], at, n, payload, t.ssrc, out, &o.iv)
	if err != nil {
		o.arena = o.arena[:at]
		return false
	}
	o.arena = sealed
	t.remember(out, pk)
	t.newest = out
	if t.reds != nil {
		t.reds[out%historySize] = 0
		if pt == f.RED {
			t.reds[out%historySize] = uint8(wire.REDBlocks(payload))
		}
	}
	t.packets++
	t.octets += uint32(len(payload))
	v.totals.packets++
	v.totals.bytes += uint64(len(sealed) - at)
	return true
}

// sendRun sends packets of equal payload length (but the last) as one run.
func (v *viewer) sendRun(o *outbox, t *sendTrack, pks []*media.Packet) {
	p := v.session.path.Load()
	if p == nil {
		return
	}
	from, wide := o.begin(len(pks)*(maxHeader+len(pks[0].Payload)+gcmTagLen)), v.wide
	segment := 0
	for _, pk := range pks {
		before := len(o.arena)
		if v.seal(o, t, pk, pk.Payload, t.format.PT) && segment == 0 {
			segment = len(o.arena) - before
		}
	}
	o.end(p, from, max(segment, 1))
	v.noteSent(o, from, wide)
}

// sendAudio sends one audio packet with a payload of type pt.
func (v *viewer) sendAudio(o *outbox, pk *media.Packet, payload []byte, pt uint8) {
	p := v.session.path.Load()
	if p == nil {
		return
	}
	from, wide := o.begin(maxHeader+len(payload)+gcmTagLen), v.wide
	if v.seal(o, v.audio, pk, payload, pt) {
		o.end(p, from, len(o.arena)-from)
		v.noteSent(o, from, wide)
	}
}

// resend sends pk again, which has or gets the number out. known says that it is
// the very packet that was sent under it.
func (v *viewer) resend(o *outbox, t *sendTrack, pk *media.Packet, out int64, known bool) bool {
	f, p := t.of(pk.Codec), v.session.path.Load()
	if f == nil || p == nil || !f.repeatable() {
		return false
	}
	if f.same && !known { // it has not been sent yet, or was so long ago
		if t.take(out) != "" {
			return false
		}
		t.remember(out, pk)
		if t.reds != nil {
			t.reds[out%historySize] = 0
		}
	}
	payload, pt := v.repeatForm(t, f, pk, out)
	if payload == nil {
		return false
	}
	from := o.begin(maxHeader + 2 + len(payload) + gcmTagLen)
	o.arena = o.arena[:from+maxHeader+2+len(payload)]
	ssrc, number := t.ssrc, out
	if f.RTXPT != 0 {
		pt, ssrc, number = f.RTXPT, t.rtxSSRC, t.nextRTX
		t.nextRTX++
	}
	wide := v.wide
	n := t.header(o.arena[from:], pk, f, pt, ssrc, number, wide)
	if f.numbered {
		v.wide++
	}
	body := o.arena[from+n : from+n]
	if f.RTXPT != 0 { // RFC 4588 section 4
		body = append(body, byte(out>>8), byte(out))
	}
	body = append(body, payload...)
	sealed, err := v.out.sealRTP(o.arena[:from+n], from, n, body, ssrc, number, &o.iv)
	if err != nil {
		o.arena = o.arena[:from]
		return false
	}
	o.arena = sealed
	o.end(p, from, len(sealed)-from)
	v.noteSent(o, from, wide)
	return true
}
