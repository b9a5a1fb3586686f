package rtc

import (
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
)

// Where the publisher sends its pictures in layers (simulcast), each viewer gets
// the best that its link carries. Layer 0, the best, is sent with the group's;
// a viewer of another one reads it at its own pace. A viewer changes at a key
// frame of the layer that it goes to, and sees one stream: numbers go on, and
// times only forward.

// choice is which layer a viewer gets.
type choice struct {
	layer, target uint8 // target: that it goes to at the next key frame, else layer
	sought        int64 // position in the log at which the target was chosen
	asked         int64 // Unix ns of when the target's key frame was last asked for
	upAt          int64 // Unix ns: no better layer before that
	upFrom        int64 // Unix ns of when it last went to a better one
	patience      time.Duration
	newest        media.Time // of the pictures sent, as the viewer sees it
}

const (
	layerHeadroom = 1.1     // times a layer's rate that it takes of a link
	layerOthers   = 120_000 // bit/s beside the pictures
	layerKeep     = 0.95    // share of the link that the present layer may take
	layerRise     = 0.75    // share of it that a better one may take
	layerKeyAgain = 500 * time.Millisecond

	risePatience = 1500 * time.Millisecond // after a worse layer was taken
	riseMost     = time.Minute
	riseProves   = 10 * time.Second // a better layer that lasted so long was no mistake

	shiftMost = 300 * time.Millisecond // between layers' times
)

// fits returns the best layer that the link carries, and how it stands to the
// present one: -1 worse, 0 the same, 1 better.
func (c *choice) fits(ladder []live.Rung, estimate float64) (layer uint8, turn int) {
	at := -1
	for i := range ladder {
		if ladder[i].Layer == c.target {
			at = i
		}
	}
	room, best := estimate-layerOthers, 0
	for i, r := range ladder {
		share := layerKeep
		if i > at {
			share = layerRise
		}
		if r.Rate != 0 && r.Rate*layerHeadroom <= room*share {
			best = i
		}
	}
	switch {
	case at < 0 || best < at:
		turn = -1
	case best > at:
		turn = 1
	}
	return ladder[best].Layer, turn
}

// choose gives v the layer that its link carries.
func (sh *shard) choose(g *group, v *viewer, now int64) {
	c, l := &v.choice, &v.link
	if v.video == nil || v.phase == catchUp {
		return
	}
	ladder := g.packets.Ladder()
	if len(ladder) < 2 {
		sh.aim(g, v, 0, now)
		return
	}
	estimate := l.estimate()
	if estimate == 0 {
		return
	}
	layer, turn := c.fits(ladder, estimate)
	switch {
	case turn < 0:
		if c.patience == 0 || now-c.upFrom > int64(riseProves) {
			c.patience = risePatience
		} else {
			c.patience = min(2*c.patience, riseMost)
		}
		c.upAt = now + int64(c.patience)
	case turn > 0:
		if now < c.upAt || l.overused(now) || l.standing > standingMin/2 {
			return
		}
		c.upFrom = now
	}
	sh.aim(g, v, layer, now)
}

// aim makes v go to a layer, at its next key frame, which it asks for.
func (sh *shard) aim(g *group, v *viewer, layer uint8, now int64) {
	c := &v.choice
	if layer != c.target {
		if layer != 0 && layer != c.layer { // the present one is wanted already
			g.packets.Want(layer, 1)
		}
		if c.target != c.layer && c.target != 0 {
			g.packets.Want(c.target, -1)
		}
		c.target, c.sought, c.asked = layer, g.cursor, 0
		if v.phase == liveEdge || v.phase == awaitKey {
			if v.phase == liveEdge {
				v.phase, v.pos, v.last, v.budget = paced, g.cursor, now, pieceLeast
			}
			sh.chases(v)
		}
	}
	if c.target != c.layer && now-c.asked >= int64(layerKeyAgain) {
		c.asked = now
		v.session.reader().RequestKeyOf(c.target)
	}
}

// changeLayer makes v go over to its target, if a key frame of it is there. Pictures of
// the layer before that are older leave first, unless a queue stands.
func (sh *shard) changeLayer(g *group, v *viewer, now int64) {
	c := &v.choice
	if c.target == c.layer {
		return
	}
	key := g.packets.NewestKeyOf(c.target)
	first := g.packets.At(key)
	if key < 0 || first == nil || key >= g.cursor {
		return
	}
	t, shift := v.video, media.Time(0)
	if first.Time <= c.newest {
		if shift = c.newest + media.Time(time.Millisecond) - first.Time; key < c.sought || shift > media.Time(shiftMost) {
			return
		}
	}
	if v.phase == paced && v.pos < key && !v.link.overused(now) {
		v.budget = max(v.budget, 1)
		sh.sendPiece(g, v, key, now)
		if v.pos < key {
			return
		}
	}
	if c.layer != 0 {
		g.packets.Want(c.layer, -1)
	}
	if t.shifts[c.target] != shift {
		t.shifts[c.target] = shift
		clear(t.history) // what it holds was sealed with other times
	}
	c.layer = c.target
	v.phase, v.pos, v.last, v.video.jump = paced, key, now, true
	v.budget = max(v.budget, pieceLeast)
	v.turns++
}

// release gives up what v wants of the log's layers.
func (v *viewer) release() {
	c := &v.choice
	if c.target != c.layer && c.target != 0 {
		v.packets.Want(c.target, -1)
	}
	if c.layer != 0 {
		v.packets.Want(c.layer, -1)
	}
}

const (
	probePackets = 5 // sound waits for them
	probeEvery   = 1000 * time.Millisecond
)

// probe sends v some pictures once more, in one go, where its own do not show
// whether its link carries a better layer.
func (sh *shard) probe(g *group, v *viewer, now int64) {
	t, l := v.video, &v.link
	wants := v.choice.layer != 0 || v.pace.waits
	if !wants || l.rate == 0 || l.standing > standingMin/2 || now-v.pace.probe < int64(probeEvery) || t.format.RTXPT == 0 || !t.format.numbered {
		return
	}
	v.pace.probe = now
	sh.out.limit = maxRuns
	for i := range int64(probePackets) {
		pk, out, known, _ := v.find(t, media.Video, uint16(t.next-1-i))
		if pk != nil {
			v.resend(sh.out, t, pk, out, known)
		}
	}
	sh.out.flush()
}

// look chooses the viewers' layers, and asks what they wait for.
func (sh *shard) look(g *group, now int64) {
	layered := len(g.packets.Ladder()) > 1
	for _, v := range g.viewers {
		if layered || v.choice.target != 0 {
			sh.choose(g, v, now)
		}
		if v.link.heard != 0 && v.video != nil {
			sh.probe(g, v, now)
		}
	}
}
