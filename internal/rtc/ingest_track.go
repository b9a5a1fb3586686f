package rtc

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/pion/rtp"

	"millrace/internal/media"
)

const (
	layerSilence  = 2 * time.Second // after which a layer is not received any more
	announceAlone = 2 * time.Second // how long one medium waits for the other
	sourceSilence = time.Second     // after which another SSRC may take a layer over
	captureMost   = 5 * time.Second // between a plausible capture and its arrival
	captureSlack  = 50 * time.Millisecond
)

// settle finds out what src, whose first packet is h with payload, belongs to:
// by the SSRC that the offer tells, else by MID and RID (RFC 8843 section 9.2),
// else by the payload type. It reports false where nothing tells.
func (in *ingest) settle(src *source, h *rtp.Header, payload []byte, now moment) bool {
	t := in.trackOf(src.ssrc, h)
	if t == nil {
		return false
	}
	s := t.source
	told := src.ssrc == s.SSRC || s.RTXSSRC != 0 && src.ssrc == s.RTXSSRC
	rtx := s.RTXPT != 0 && (h.PayloadType == s.RTXPT || src.ssrc == s.RTXSSRC)
	if !rtx && h.PayloadType != s.PT {
		return false
	}
	order := 0
	if len(s.RIDs) > 0 && !told {
		if order = in.layerOf(t, h, rtx, payload); order < 0 {
			return false
		}
	}
	l := t.layers[order]
	if rtx {
		if l == nil {
			return false
		}
		src.layer, src.rtx = l, true
		return true
	}
	if l != nil && (l.told && !told || !told && now.since-l.seen < int64(sourceSilence)) {
		return false
	}
	l = &layer{
		track: t, order: order, ssrc: src.ssrc, told: told, seen: now.since,
		clock: rtpClock{rate: int64(s.ClockRate), wall: &in.wall},
	}
	if t.kind == media.Audio {
		in.wall.lead = &l.clock
	}
	t.layers[order], src.layer = l, l
	return true
}

// trackOf finds the track of an SSRC that is seen for the first time.
func (in *ingest) trackOf(ssrc uint32, h *rtp.Header) *receiveTrack {
	mid := h.GetExtension(in.ids.MID)
	for _, t := range in.tracks {
		if t != nil && ssrc != 0 && (ssrc == t.source.SSRC || ssrc == t.source.RTXSSRC) {
			return t
		}
	}
	for _, t := range in.tracks {
		if t != nil && in.ids.MID != 0 && len(mid) > 0 && string(mid) == t.source.MID {
			return t
		}
	}
	for _, t := range in.tracks {
		if t != nil && (h.PayloadType == t.source.PT || t.source.RTXPT != 0 && h.PayloadType == t.source.RTXPT) {
			return t
		}
	}
	return nil
}

// layerOf returns which layer a packet belongs to, or -1.
func (in *ingest) layerOf(t *receiveTrack, h *rtp.Header, rtx bool, payload []byte) int {
	id := in.ids.RID
	if rtx {
		id = in.ids.RepairedRID
	}
	if id != 0 {
		if rid := h.GetExtension(id); len(rid) > 0 {
			return slices.Index(t.source.RIDs, string(rid))
		}
	}
	if rtx && len(payload) >= 2 { // whose packet is missing?
		number := binary.BigEndian.Uint16(payload)
		for i, l := range t.layers {
			if l == nil {
				continue
			}
			if _, missing := l.gaps.find(l.have.extend(number)); missing {
				return i
			}
		}
	}
	return -1
}

// stamps reads the header extensions that say when a picture was made and is shown.
func (in *ingest) stamps(l *layer, u *unit, h *rtp.Header, now moment) {
	if id := in.ids.CompositionTime; id != 0 && l.track.source.BFrames {
		if x := h.GetExtension(id); len(x) == 3 {
			u.composite = int64(int32(uint32(x[0])<<24|uint32(x[1])<<16|uint32(x[2])<<8)>>8) * int64(time.Millisecond)
			if u.composite != 0 && !l.reorder {
				l.reorder, l.paramsChanged = true, true
			}
		}
	}
	if id := in.ids.AbsCaptureTime; id != 0 {
		if x := h.GetExtension(id); len(x) >= 8 {
			capture := media.FromWall(fromNTP(binary.BigEndian.Uint64(x)))
			if age := now.unix - capture; capture != 0 && age > -int64(captureSlack) && age < int64(captureMost) {
				l.capture, l.stamped = capture-int64(u.time)-u.composite, true
			}
		}
	}
}

// forward makes l the layer that is forwarded, from its packet seq on.
func (t *receiveTrack) forward(l *layer, seq int64) {
	if t.numbering.n == 0 {
		t.numbering.begin(l, seq, seq)
	} else {
		t.numbering.begin(l, seq, t.numbering.next)
	}
	t.forwarded, t.switching = l, nil
	l.side.open = false
}

// onKeyFrame switches to l, if that is due: its packet seq with header h is the
// first one known of the key picture u.
func (in *ingest) onKeyFrame(l *layer, u *unit, h *rtp.Header, seq int64, whole bool, now moment) {
	t := l.track
	if len(t.layers) == 1 && t.forwarded == nil || t.forwarded == l {
		return
	}
	if t.forwarded.active(now.since) && (!whole || t.best(now.since) != l) {
		return
	}
	if t.forwarded != nil && u.time <= t.last {
		l.clock.nudge(h.Timestamp, t.last+media.Time(time.Millisecond))
		u.time = l.clock.time(h.Timestamp)
	}
	t.forward(l, seq)
	l.paramsChanged = true
}

// choose asks for a key frame of the layer that should be forwarded.
func (in *ingest) choose(t *receiveTrack, now int64) {
	if t.kind != media.Video || len(t.layers) == 1 && t.layers[0] == t.forwarded {
		return
	}
	best := t.best(now)
	if best == nil || best == t.forwarded {
		t.switching = nil
		return
	}
	if t.switching != best || !best.wish.active {
		t.switching = best
		in.wantKey(best, now)
	}
}
