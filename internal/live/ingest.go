package live

import (
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// Assembler puts packets together to frames. An Assembler belongs to one
// stream and is never called concurrently.
type Assembler interface {
	// Assemble takes the next packet in arrival order, which it must not
	// change, and returns the frames that are complete now, each kind in
	// decode order. Video begins with a key frame, and after a loss again.
	Assemble(pk *media.Packet) []*media.Frame
	// Lost reports whether, since the last call, video went missing that only
	// a key frame can make good.
	Lost() bool
}

// early is the room for packets that were sent before the first one to arrive.
const early = 64

// WritePacket appends one packet of a publisher that brings packets, and takes
// ownership of it. Packets may come in any order; Seq, which counts per Kind,
// and Time are on the publisher's own scale and are moved onto the stream's.
// One that was appended before, or is too old to tell, is dropped and counted.
// After another publisher, video before the first key frame is dropped: viewers
// would decode it on top of the other's pictures. Capture and Arrived are filled
// in where they are 0. The error says why the publisher may not publish any more.
func (p *Publisher) WritePacket(pk *media.Packet) error {
	if pk.Arrived == 0 {
		pk.Arrived = media.Now()
	}
	s := p.stream
	s.mu.Lock()
	if s.publisher != p {
		defer s.mu.Unlock()
		return p.cause()
	}
	ask, due := p.take(pk)
	s.mu.Unlock()
	if due {
		ask()
	}
	return nil
}

// take appends pk, if it can be. The results are those of keyRequest. The
// caller holds the stream's mu.
func (p *Publisher) take(pk *media.Packet) (ask func(), due bool) {
	s, kind := p.stream, pk.Kind
	p.heard = pk.Arrived
	s.become(bringsPackets)
	if kind == media.Video && p.fresh[kind] && (p.continues && !pk.Key || pk.Layer != 0) {
		p.undecodable++
		return nil, false
	}
	if !p.number(pk) {
		return nil, false
	}
	pk.Time += p.timeline.place(pk.Time, pk.Arrived, s.last, s.lastArrived)
	if p.fresh[kind] {
		p.fresh[kind], p.start[kind] = false, pk.Time
	}
	pk.Discontinuity = p.continues && pk.Time == p.start[kind]
	offset := p.clock.Estimate(pk.Time.Add(time.Duration(pk.Composition)), pk.Arrived)
	if pk.Capture == 0 {
		pk.Capture = int64(pk.Time) + pk.Composition + offset
	}
	s.last = max(s.last, pk.Time)
	s.lastArrived = pk.Arrived
	if pk.Layer == 0 {
		p.meters[kind].add(len(pk.Payload), pk.Time, pk.Arrived)
	}
	p.answer(pk)
	s.packets.account.asked = s.heeds()
	s.packets.appendOne(pk)
	return p.derive(pk)
}

// number moves pk's sequence number onto the log's scale. It reports whether
// the log can take it.
func (p *Publisher) number(pk *media.Packet) bool {
	packets, at := p.stream.packets, lane(pk.Kind, pk.Layer)
	if !p.begun[at] {
		if p.begun == [lanes]bool{} {
			p.first = packets.Head()
			p.packets.Store(packets)
			packets.layers.ladder.Store(p.ladder)
		}
		p.begun[at] = true
		packets.layers.begin(pk.Layer)
		begin := packets.next[at]
		if begin == 0 {
			begin = firstSeq(pk.Layer) + early
		}
		p.shift[at], packets.base[at] = begin-pk.Seq, begin
	}
	pk.Seq += p.shift[at]
	why, ok := packets.place(pk)
	// What a publisher sent before its first packet to arrive would take the
	// number of one of the publisher before it.
	if ok && pk.Seq < packets.base[at] && p.continues {
		why, ok = reason.Late, false
	}
	if !ok {
		if p.dropped == nil {
			p.dropped = map[reason.Reason]int{}
		}
		p.dropped[why]++
	}
	return ok
}

// derive makes frames of pk where somebody reads frames. The results are those
// of keyRequest.
func (p *Publisher) derive(pk *media.Packet) (ask func(), due bool) {
	s := p.stream
	if s.frameReaders == 0 || pk.Layer != 0 {
		return nil, false
	}
	switch {
	case s.assembler != nil:
		s.assemble(pk)
	case p.announced:
		s.assembleFrom(p.first)
	default:
		return nil, false // its tracks are not known yet
	}
	if s.assembler.Lost() {
		return s.keyRequest(pk.Arrived)
	}
	return nil, false
}
