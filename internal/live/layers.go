package live

import (
	"slices"
	"sync/atomic"

	"millrace/internal/media"
)

// A publisher may send its pictures in several layers (simulcast). The best of
// those that come is layer 0: what all read who know of no layers, and the only
// one where there is no simulcast. The others stand beside it in the same log,
// while somebody wants them, each with numbers of its own.

// MaxLayers is how many layers a stream can have.
const MaxLayers = 4

// layerShift is where the layer stands in a packet's sequence number: numbers of
// different layers are never the same.
const layerShift = 40

// lanes is how many sequences of numbers a log has: one per kind, and one per
// layer beside the best.
const lanes = 2 + MaxLayers - 1

func lane(kind media.Kind, layer uint8) int {
	if layer == 0 {
		return int(kind)
	}
	return 1 + int(layer)
}

// firstSeq is where a layer's numbers begin.
func firstSeq(layer uint8) int64 { return int64(layer) << layerShift }

// LayerOf returns which layer a sequence number of pictures belongs to.
func LayerOf(seq int64) uint8 { return uint8(seq >> layerShift) }

// Rung is one layer of the pictures.
type Rung struct {
	Layer         uint8
	Rate          float64 // bit/s
	Width, Height int
}

type packetIndex []atomic.Pointer[media.Packet]

// layers is what a log knows of its layers.
type layers struct {
	ladder  atomic.Pointer[[]Rung]
	wanted  [MaxLayers]atomic.Int32
	keys    [MaxLayers]atomic.Int64 // of layers beside the best: position of the newest key frame, and 1
	indexes [MaxLayers]atomic.Pointer[packetIndex]
}

// Ladder returns the layers that there are now, the smallest first and layer 0
// last; nil where there is only one. The caller must not change it.
func (p *Packets) Ladder() []Rung {
	if l := p.layers.ladder.Load(); l != nil {
		return *l
	}
	return nil
}

// Want makes a layer wanted by so many readers more, or less. What nobody wants
// is not appended.
func (p *Packets) Want(layer uint8, more int32) { p.layers.wanted[layer].Add(more) }

// NewestKeyOf is NewestKey for a layer.
func (p *Packets) NewestKeyOf(layer uint8) int64 {
	if layer == 0 {
		return p.NewestKey()
	}
	if key := p.layers.keys[layer].Load() - 1; key >= p.log.tail.Load() {
		return key
	}
	return -1
}

// indexOf returns the index that a number is in; nil where there is none.
func (p *Packets) indexOf(kind media.Kind, seq int64) packetIndex {
	layer := LayerOf(seq)
	switch {
	case layer == 0 || kind == media.Audio:
		return p.index[kind]
	case layer >= MaxLayers:
		return nil
	}
	if at := p.layers.indexes[layer].Load(); at != nil {
		return *at
	}
	return nil
}

// begin makes room for a layer beside the best. Only the stream calls it.
func (l *layers) begin(layer uint8) {
	if layer > 0 && l.indexes[layer].Load() == nil {
		index := make(packetIndex, layerIndexSize)
		l.indexes[layer].Store(&index)
	}
}

// layerIndexSize is videoIndexSize for the layers beside the best.
const layerIndexSize = 2048

// SetLadder says which layers the publisher sends now, the smallest first and
// layer 0, the best, last; nil where it sends one.
func (p *Publisher) SetLadder(rungs []Rung) {
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.publisher != p {
		return
	}
	ladder := slices.Clone(rungs)
	p.ladder = &ladder
	if packets := p.packets.Load(); packets != nil {
		packets.layers.ladder.Store(p.ladder)
	}
}

// Wants says whether somebody reads a layer beside the best. It may be called
// by any goroutine.
func (p *Publisher) Wants(layer uint8) bool {
	packets := p.packets.Load()
	return packets != nil && packets.layers.wanted[layer].Load() > 0
}

// OnLayerRequest is OnKeyRequest for layers beside the best.
func (p *Publisher) OnLayerRequest(ask func(layer uint8)) {
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	p.askLayer = ask
}

// RequestKeyOf is RequestKey for a layer.
func (r *Reader) RequestKeyOf(layer uint8) bool {
	if layer == 0 {
		return r.RequestKey()
	}
	s, now := r.stream, media.Now()
	s.mu.Lock()
	var ask func(uint8)
	if s.publisher != nil {
		ask = s.publisher.askLayer
	}
	past := now - s.layerAsked[layer]
	due := ask != nil && (past < 0 || past >= int64(keyApart))
	if due {
		s.layerAsked[layer] = now
	}
	s.mu.Unlock()
	if due {
		ask(layer)
	}
	return ask != nil
}
