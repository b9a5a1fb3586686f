package rtc

import (
	"bytes"
	"time"

	"github.com/pion/rtp"

	"millrace/internal/media"
	"millrace/internal/reason"
	wire "millrace/internal/wire/rtp"
)

// onRTP takes an SRTP packet, which it does not keep, and reports whether it is
// the publisher's.
func (in *ingest) onRTP(b []byte, now moment) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.ended {
		return false
	}
	if in.keys == nil {
		if len(in.early) < maxEarly {
			in.early = append(in.early, bytes.Clone(b))
		}
		return false
	}
	h := &in.header
	n, err := h.Unmarshal(b)
	if err != nil || h.Version != 2 {
		in.session.server.refuse(refusedRTP)
		return false
	}
	src := in.sources[h.SSRC]
	if src == nil && len(in.sources) >= maxSources {
		in.session.server.refuse(refusedSources)
		return false
	}
	payload, ext, ok := in.open(src, b, n)
	if !ok {
		return false
	}
	if src == nil {
		src = &source{ssrc: h.SSRC}
		in.sources[h.SSRC] = src
	}
	src.taken.take(ext)
	in.totals.packets++
	in.totals.bytes += uint64(len(b))
	in.metrics.Received.Inc()
	in.metrics.ReceivedBytes.Add(float64(len(b)))
	in.arrived(h, now)
	in.spare = payload[:0]
	if src.layer == nil && !in.settle(src, h, payload, now) {
		if in.repeats(h) {
			in.totals.padding++ // before there is anything to repeat
		} else {
			in.unsupported()
		}
		return true
	}
	if payload, ok = unpadded(h, payload); !ok {
		in.session.server.refuse(refusedRTP)
		return true
	}
	if src.rtx {
		in.repeated(src, h, payload, now)
		return true
	}
	src.layer.tally.count(ext, len(b))
	in.take(src.layer, h, ext, payload, now, false)
	return true
}

// open opens a packet whose header is in.header, n bytes long, into in.spare.
func (in *ingest) open(src *source, b []byte, n int) (payload []byte, ext int64, ok bool) {
	h := &in.header
	ext = int64(h.SequenceNumber)
	if src != nil {
		if ext = src.taken.extend(h.SequenceNumber); !src.taken.fresh(ext) {
			in.session.server.refuse(refusedReplay)
			return nil, 0, false
		}
	}
	payload, err := in.keys.in.openRTP(in.spare, b, h, n, ext, &in.iv)
	if err != nil && src == nil && in.keys.in.cm == nil {
		// The first packets may have been lost, and with them the roll-over.
		ext += 1 << 16
		payload, err = in.keys.in.openRTP(in.spare, b, h, n, ext, &in.iv)
	}
	if err != nil {
		in.session.server.refuse(refusedSRTP)
		return nil, 0, false
	}
	return payload, ext, true
}

// arrived notes when a packet came, for the publisher's congestion control.
func (in *ingest) arrived(h *rtp.Header, now moment) {
	if in.arrivals == nil {
		return
	}
	if x := h.GetExtension(in.ids.TransportCC); len(x) == 2 {
		in.arrivals.Record(h.SSRC, uint16(x[0])<<8|uint16(x[1]), now.since/int64(time.Microsecond))
	}
}

// unpadded takes the padding off.
func unpadded(h *rtp.Header, payload []byte) ([]byte, bool) {
	if !h.Padding {
		return payload, true
	}
	if len(payload) == 0 {
		return nil, false
	}
	n := int(payload[len(payload)-1])
	if n == 0 || n > len(payload) {
		return nil, false
	}
	return payload[:len(payload)-n], true
}

// repeats says whether h is that of a repair stream.
func (in *ingest) repeats(h *rtp.Header) bool {
	for _, t := range in.tracks {
		if t != nil && t.source.RTXPT != 0 && t.source.RTXPT == h.PayloadType {
			return true
		}
	}
	return false
}

// repeated takes a packet of a repair stream (RFC 4588 section 4).
func (in *ingest) repeated(src *source, h *rtp.Header, payload []byte, now moment) {
	if len(payload) < 2 {
		in.totals.padding++
		return
	}
	l := src.layer
	if !l.have.any {
		return // of what was never begun
	}
	ext := l.have.extend(uint16(payload[0])<<8 | uint16(payload[1]))
	h.PayloadType = l.track.source.PT
	in.take(l, h, ext, payload[2:], now, true)
}

// take takes a layer's packet with number seq. repeated says that it came in a
// repair stream; without one, who can tell goes by the time.
func (in *ingest) take(l *layer, h *rtp.Header, seq int64, payload []byte, now moment, repeated bool) {
	if !l.have.fresh(seq) {
		in.totals.duplicates++
		in.drop(reason.Duplicate)
		return
	}
	newest := !l.have.any || seq >= l.have.next
	in.miss(l, seq, now.since)
	l.have.take(seq)
	if asked := !newest && l.gaps.close(seq, now.since, in.roundTrip.Load()); asked || repeated && !newest {
		in.totals.recovered++
		in.metrics.Recovered.Inc()
	}
	if newest {
		l.seen = now.since
		l.meter.add(len(payload), now.unix)
	}
	if len(payload) == 0 || h.PayloadType != l.track.source.PT {
		if len(payload) == 0 {
			in.totals.padding++
		} else {
			in.unsupported()
		}
		in.leaveOut(l, seq, newest)
		return
	}
	shape, ok := wire.Inspect(l.track.source.Codec, payload)
	if !ok {
		in.session.server.refuse(refusedRTP)
		in.leaveOut(l, seq, newest)
		in.wantKey(l, now.since)
		return
	}
	in.forward(l, h, seq, payload, &shape, newest, now)
}

// miss notes what is missing before seq, and asks for it.
func (in *ingest) miss(l *layer, seq, now int64) {
	if !l.have.any || seq <= l.have.next {
		return
	}
	from := l.have.next
	if n := seq - from; n > maxGaps {
		in.lose(l, int(n)+len(l.gaps), now)
		l.gaps = l.gaps[:0]
		return
	}
	if over := len(l.gaps) + int(seq-from) - maxGaps; over > 0 {
		in.lose(l, over, now)
		l.gaps = append(l.gaps[:0], l.gaps[over:]...)
	}
	l.gaps.open(from, seq, now)
	in.chase(l, now)
}

// forward puts a packet into the stream, if its layer is the one forwarded.
func (in *ingest) forward(l *layer, h *rtp.Header, seq int64, payload []byte, shape *wire.Shape, newest bool, now moment) {
	t := l.track
	l.note(shape)
	u := l.units.find(h.Timestamp)
	begins, known := u == nil && !l.units.old(h.Timestamp), u != nil && u.key
	switch {
	case begins && newest:
		at, jumped := l.clock.place(h.Timestamp, now.since)
		if jumped {
			in.totals.jumps++
			in.drop(reason.TimestampJump)
		}
		l.tally.transited((now.since - l.clock.local(l.clock.ticks)) * l.clock.rate / int64(time.Second))
		u = l.units.add(h.Timestamp, at)
	case begins:
		u = l.units.add(h.Timestamp, l.clock.time(h.Timestamp))
	case u == nil:
		u = &unit{ts: h.Timestamp, time: l.clock.time(h.Timestamp)}
	}
	in.stamps(l, u, h, now)
	u.key = u.key || shape.Key && t.kind == media.Video
	keyBegins := u.key && !known && t.kind == media.Video
	if keyBegins {
		l.wish.active = false
		// Of a picture whose begin is missing only the late begin could be shown.
		whole := len(shape.Params) > 0 || !l.have.fresh(seq-1)
		in.onKeyFrame(l, u, h, seq, whole, now)
	} else if t.kind == media.Video && t.forwarded == nil && !l.wish.active {
		in.wantKey(l, now.since)
	}
	if len(t.layers) == 1 && (t.forwarded == nil || t.kind == media.Audio && t.forwarded != l && newest) {
		t.forward(l, seq)
	}
	out, ok := t.numbering.place(l, seq)
	layer := uint8(0)
	if !ok && l != t.forwarded {
		out, layer, ok = in.beside(l, seq, keyBegins && newest)
	}
	if !ok {
		in.totals.layers++
		in.drop(reason.Layer)
		return
	}
	in.spare = nil
	if l == t.forwarded && u.time > t.last {
		t.last = u.time
	}
	pk := &media.Packet{
		Seq: out, Time: u.time, Composition: u.composite, Arrived: now.unix, Payload: payload,
		Codec: t.source.Codec, Kind: t.kind, Marker: h.Marker, Start: begins || keyBegins,
		Key: u.key, Discardable: shape.Discardable, Layer: layer,
	}
	if l.stamped {
		pk.Capture = l.capture + int64(u.time) + u.composite
	}
	if t.kind == media.Audio && !t.hear(pk) {
		in.unsupported()
		return
	}
	in.announce(now.since)
	if pk.Key && pk.Marker && t.track == nil {
		in.wantKey(l, now.since) // the parameter sets of this one are missing
	}
	_ = in.publisher.WritePacket(pk) // Done tells run why it cannot be written
}

// drop counts a packet that is not forwarded.
func (in *ingest) drop(why reason.Reason) { in.metrics.Unforwarded.WithLabelValues(string(why)).Inc() }

// unsupported counts a packet that is of no use.
func (in *ingest) unsupported() {
	in.totals.unsupported++
	in.drop(reason.UnsupportedMsg)
}
