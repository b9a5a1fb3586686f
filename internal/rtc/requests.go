package rtc

import (
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
)

const (
	// A packet that has not come this long after what follows it is taken for
	// lost: the publisher was asked for it several times.
	givenUp = 300 * time.Millisecond
	// widestHole bounds the search for what follows.
	widestHole = 512
	nothing    = -1
)

// miss notes that a viewer misses a number of which there is nothing to send:
// players ask a few times, quickly, and then freeze for seconds.
func (g *group) miss(t *sendTrack, low uint16) {
	if _, seq, ok := t.sent(low); ok && live.LayerOf(seq) == 0 && g.missed == nothing && g.lacks(seq) {
		g.missed = seq
	}
}

// lacks says whether a picture packet has not come, and no key frame since has
// made up for it.
func (g *group) lacks(seq int64) bool {
	if g.packets.BySeq(media.Video, seq) != nil {
		return false
	}
	key := g.packets.At(g.packets.NewestKey())
	return key == nil || key.Seq < seq
}

// hopeless says whether a missing packet will not come any more.
func (g *group) hopeless(seq, now int64) bool {
	for after := seq + 1; after <= seq+widestHole; after++ {
		if pk := g.packets.BySeq(media.Video, after); pk != nil {
			return now-pk.Arrived > int64(givenUp)
		}
	}
	return false
}

// keyFrame answers a PLI: the publisher is asked for a key frame. A source that
// cannot be asked leaves one remedy: a viewer that has just joined gets the
// newest group of pictures once more. Later it would throw away pictures older
// than those it has shown.
func (sh *shard) keyFrame(v *viewer, now int64) {
	sh.server.metrics.PLI.Inc()
	v.totals.pli++
	if v.left || v.video == nil || !v.joined.Load() || v.deaf || v.session.reader().RequestKeyOf(v.choice.layer) {
		return
	}
	const young, apart = int64(3 * time.Second), int64(500 * time.Millisecond)
	if now-v.joinAt > young || now-v.replays < apart {
		return
	}
	v.replays = now
	sh.rewind(sh.groups[v.packets], v, now)
}

// askAgain asks for a key frame as long as one of the group's viewers waits, or
// misses what was given up. One whose connection is full is no reason to send
// the others more. Where none is to be expected, those who have seen nothing yet
// get the group of pictures that there is.
func (sh *shard) askAgain(g *group, now int64) {
	if g.missed != nothing && !g.lacks(g.missed) {
		g.missed = nothing
	}
	missed := g.missed != nothing && g.hopeless(g.missed, now)
	asked, heeded := false, false
	for _, v := range g.viewers {
		waits := v.phase == awaitKey && !v.deaf && v.queued() <= tcpShort && v.mayAsk(g, now)
		if waits && v.choice.layer != 0 {
			v.session.reader().RequestKeyOf(v.choice.layer)
			continue
		}
		if !waits && !missed {
			continue
		}
		if !asked {
			asked, heeded = true, v.session.reader().RequestKey()
		}
		if heeded {
			return
		}
		if waits && !v.began && g.packets.NewestKey() >= 0 {
			sh.rewind(g, v, now)
		}
	}
}

// report sends a tenth of the viewers their sender reports, weighs what they
// lose, and asks for the key frames that are waited for.
func (sh *shard) report() {
	now := media.Now()
	for _, g := range sh.groups {
		sh.look(g, now)
		sh.askAgain(g, now)
		sh.suit(g, now)
		for i := sh.turn; i < len(g.viewers); i += reportTurns {
			v := g.viewers[i]
			v.repairs.stream = g.meter.rate / 8
			v.repairs.fill(v, now, 0)
			v.redundancy.judge(v.repairs.loss, v.repairs.lately, now)
			if g.offset != 0 {
				v.sendReports(sh.out, now, g.offset)
			}
		}
	}
	sh.turn = (sh.turn + 1) % reportTurns
}
