package rtc

import (
	"slices"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
)

// The best layer of simulcast is the stream's pictures. The others stand beside
// it while a viewer wants them, each from a key frame on and with numbers of its
// own.

// side is how a layer stands beside the one forwarded.
type side struct {
	open      bool // from a key frame on
	numbering numbering
}

// number is the stream's for a layer beside the best; 0: it can have none.
func (l *layer) number() uint8 {
	if len(l.track.layers) < 2 || l.order+1 >= live.MaxLayers {
		return 0
	}
	return uint8(l.order + 1)
}

// beside returns the layer with a number of the stream's, or nil.
func (t *receiveTrack) beside(number uint8) *layer {
	if i := int(number) - 1; i >= 0 && i < len(t.layers) {
		return t.layers[i]
	}
	return nil
}

// beside places packet seq of a layer that is not the one forwarded. ok is false
// where nobody wants it.
func (in *ingest) beside(l *layer, seq int64, keyBegins bool) (out int64, layer uint8, ok bool) {
	layer = l.number()
	if layer == 0 || !in.publisher.Wants(layer) {
		l.side.open = false
		return 0, 0, false
	}
	if n := &l.side.numbering; keyBegins && !l.side.open {
		n.begin(l, seq, max(n.next, 1))
		l.side.open = true
	}
	if !l.side.open {
		return 0, 0, false
	}
	out, ok = l.side.numbering.place(l, seq)
	return out, layer, ok
}

// leaveOut takes l's number seq, which carries no picture, out of the numbers.
func (in *ingest) leaveOut(l *layer, seq int64, newest bool) {
	switch {
	case !newest:
	case l == l.track.forwarded:
		l.track.numbering.leaveOut(l, seq)
	case l.side.open:
		l.side.numbering.leaveOut(l, seq)
	}
}

// ladderEvery is how often viewers learn of the layers' rates.
const ladderEvery = 500 * time.Millisecond

// ladder tells the stream which layers come.
func (in *ingest) ladder(t *receiveTrack, now int64) {
	if t.kind != media.Video || len(t.layers) < 2 || t.forwarded == nil {
		return
	}
	come := slices.DeleteFunc(t.received(), func(l *layer) bool {
		return l != t.forwarded && (!l.active(now) || l.number() == 0 || l.better(t.forwarded))
	})
	slices.SortFunc(come, func(a, b *layer) int {
		if a == t.forwarded || b != t.forwarded && a.better(b) {
			return 1
		}
		return -1
	})
	var rungs []live.Rung
	for _, l := range come {
		r := live.Rung{Layer: l.number(), Rate: l.meter.rate, Width: l.width, Height: l.height}
		if l == t.forwarded {
			r.Layer = 0
		}
		rungs = append(rungs, r)
	}
	if len(rungs) < 2 {
		rungs = nil
	}
	same := slices.EqualFunc(rungs, in.rungs, func(a, b live.Rung) bool { return a.Layer == b.Layer })
	if same && now-in.laddered < int64(ladderEvery) {
		return
	}
	in.rungs, in.laddered = rungs, now
	in.publisher.SetLadder(rungs)
}
