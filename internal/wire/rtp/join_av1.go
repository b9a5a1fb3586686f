package rtp

import (
	"github.com/pion/rtp/codecs"

	"millrace/internal/codec/av1"
	"millrace/internal/media"
)

// formatAV1 is that of the RTP payload format for AV1.
type formatAV1 struct{}

func (formatAV1) join(l *lane, first, end int64) (accessUnit, bool) {
	// The library passes over pieces that are missing: whether they fit
	// together is to be seen before.
	var d codecs.AV1Depacketizer
	out, open := make([]byte, 0, sizeOf(l, first, end)), false
	for seq := first; seq < end; seq++ {
		p := l.at(seq).Payload
		if len(p) == 0 {
			continue // as padding is
		}
		if _, ok := inspectAV1(p); !ok || p[0]&0x80 != 0 != open {
			return accessUnit{}, false
		}
		b, err := d.Unmarshal(p)
		if err != nil {
			return accessUnit{}, false
		}
		out, open = append(out, b...), p[0]&0x40 != 0
	}
	if open {
		return accessUnit{}, false
	}
	u, err := av1.ParseUnit(out)
	if err != nil {
		return accessUnit{}, false
	}
	made := accessUnit{data: u.Data, key: u.Key, empty: !u.Shows}
	if u.Sequence != nil {
		made.sets = [][]byte{u.Sequence}
	}
	return made, true
}

// The first packet of a coded video sequence says so, and a sequence header is
// the first of its temporal unit.
func (formatAV1) opens(p []byte) bool {
	s, ok := Inspect(media.AV1, p)
	return ok && s.Key && p[0]&0x80 == 0
}

func (f formatAV1) mayOpen(p []byte) bool { return f.opens(p) }

func (formatAV1) shows(p []byte) bool {
	_, ok := Inspect(media.AV1, p)
	return ok
}
