package rtc

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"millrace/internal/media"
)

// origins tells what a viewer's transport-wide numbers were given to, from its
// first loss on: its feedback names by them what got lost, requests that got
// lost included, and repeats that did.
type origins struct {
	eager atomic.Bool // feedback is worth a turn of the shard
	of    []origin    // by run of the link; nil as long as nothing gets lost
	lost  int64       // Unix ns of when feedback last told of a loss
}

// eagerFor is how long after a loss a viewer's feedback gets turns of its own.
const eagerFor = 10 * time.Second

// origin is the first packet of a run.
type origin struct {
	number uint16 // in its stream; those that follow it count on
	kind   uint8  // media.Kind, and one; 0: not known
	repeat bool
}

// note remembers the newest run of v's link, whose packets b holds, sealed.
func (s *origins) note(v *viewer, b []byte) {
	if s.of == nil {
		return
	}
	is := origin{}
	switch ssrc := binary.BigEndian.Uint32(b[8:]); {
	case v.video != nil && ssrc == v.video.ssrc:
		is = origin{number: binary.BigEndian.Uint16(b[2:]), kind: uint8(media.Video) + 1}
	case v.audio != nil && ssrc == v.audio.ssrc:
		is = origin{number: binary.BigEndian.Uint16(b[2:]), kind: uint8(media.Audio) + 1}
	}
	s.of[(v.link.noted-1)%linkRuns] = is
}

// mark says that the newest run is a repeat of out, which its header does not tell.
func (s *origins) mark(l *link, kind media.Kind, out int64) {
	if s.of != nil && l.noted > 0 {
		if is := &s.of[(l.noted-1)%linkRuns]; is.kind == 0 {
			*is = origin{uint16(out), uint8(kind) + 1, true}
		}
	}
}

// miss sends again what the feedback that v's link has just taken says is lost,
// unless something of it is still under way: a request that gets lost would come
// again only after a round trip, or what the peer takes for one. Where packets
// wait on the way nothing is sent but what is asked for.
func (sh *shard) miss(v *viewer, now int64) {
	l := &v.link
	if len(l.gone) == 0 && now-v.origins.lost > int64(eagerFor) {
		v.origins.eager.Store(false)
	}
	if len(l.gone) == 0 || v.video == nil || v.video.format.RTXPT == 0 || v.overTCP() {
		return
	}
	s := &v.origins
	s.lost = now
	s.eager.Store(true)
	if s.of == nil {
		s.of = make([]origin, linkRuns)
		return
	}
	v.repairs.fill(v, now, 0)
	for _, wide := range l.gone {
		run, ok := l.find(wide)
		if !ok {
			continue
		}
		is := s.of[run%linkRuns]
		if is.kind != uint8(media.Video)+1 {
			continue
		}
		number := is.number
		if !is.repeat {
			number += wide - l.at(run).wide
		}
		out, _, ok := v.video.sent(number)
		if !ok {
			continue
		}
		a := v.video.askedFor(media.Video, out)
		if a.flying = max(a.flying, 1) - 1; a.flying > 0 || v.repairs.lately || !is.repeat && a.times > 0 {
			continue
		}
		v.repaired(sh.answer(v, v.video, media.Video, number, told, now))
	}
	sh.out.flush()
}
