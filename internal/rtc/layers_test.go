package rtc

import (
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"millrace/internal/live"
	"millrace/internal/reason"
)

// A viewer whose link narrows goes to the layer that it carries, and comes back.
func TestLayerFollowsLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newLane(t, 5e6, 20*time.Millisecond)
		d.layered(2.5e6, 0.8e6)
		d.run(5 * time.Second)
		if d.v.choice.layer != 0 || d.v.turns != 0 {
			t.Fatalf("%+v", d.v.detail(time.Now().UnixNano()))
		}
		d.frozen = 0
		d.r.rate = 1e6
		d.run(20 * time.Second)
		t.Logf("narrow: frozen for %v, %+v, asked %d", d.frozen, d.v.detail(time.Now().UnixNano()), d.angles[1].forced)
		if d.v.choice.layer != 1 || d.frozen > 2*time.Second {
			t.Errorf("layer %d, frozen for %v", d.v.choice.layer, d.frozen)
		}
		d.frozen = 0
		d.r.rate = 5e6
		for i := range 100 {
			d.run(100 * time.Millisecond)
			if d.v.phase == liveEdge && d.v.choice.layer == 0 {
				t.Logf("back after %v", time.Duration(i+1)*100*time.Millisecond)
				break
			}
		}
		d.run(3 * time.Second)
		t.Logf("wide: frozen for %v, %+v, asked %d", d.frozen, d.v.detail(time.Now().UnixNano()), d.angles[0].forced)
		if d.v.choice.layer != 0 || d.v.phase != liveEdge || d.frozen > 500*time.Millisecond {
			t.Errorf("layer %d, phase %d, frozen for %v", d.v.choice.layer, d.v.phase, d.frozen)
		}
		d.sh.leave(d.v, "")
		if d.pub.Wants(1) {
			t.Error("the lower layer is wanted by nobody")
		}
	})
}

// A publisher in one layer may follow one in several, and the other way round.
func TestLayersEndAndComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newLane(t, 1e6, 20*time.Millisecond)
		best, lower := 2.5e6, 0.8e6
		d.layered(best, lower)
		until := func(layer uint8) {
			t.Helper()
			for i := 0; d.v.choice.layer != layer; i++ {
				if d.run(100 * time.Millisecond); i == 150 {
					t.Fatalf("not layer %d: %+v", layer, d.v.detail(time.Now().UnixNano()))
				}
			}
		}
		until(1)
		d.run(2 * time.Second)
		for range 2 {
			d.pub.Close(reason.ClosedByPeer)
			p, err := d.hub.Publish(testName, "test", "")
			must(t, err)
			p.Announce(testVideo, testOpus)
			d.pub, d.angles, d.rate, d.gop, d.keys = p, nil, 0.6e6, 250, true
			d.frozen = 0
			d.run(3 * time.Second)
			if c := &d.v.choice; c.layer != 0 || c.target != 0 || d.frozen > 500*time.Millisecond {
				t.Fatalf("frozen for %v: %+v", d.frozen, d.v.detail(time.Now().UnixNano()))
			}
			d.layered(best, lower)
			until(1)
			d.frozen = 0
			d.run(3 * time.Second)
			if d.frozen > 500*time.Millisecond {
				t.Fatalf("frozen for %v: %+v", d.frozen, d.v.detail(time.Now().UnixNano()))
			}
		}
		d.sh.leave(d.v, "")
		if d.pub.Wants(1) {
			t.Error("a layer is wanted by nobody")
		}
	})
}

// A viewer that thinks better of it before the key frame comes wants no more
// than it gets.
func TestLayerThinksBetterOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newLane(t, 1e6, 20*time.Millisecond)
		d.layered(2.5e6, 0.8e6)
		for i := 0; d.v.choice.layer != 1; i++ {
			if d.run(100 * time.Millisecond); i == 100 {
				t.Fatalf("%+v", d.v.detail(time.Now().UnixNano()))
			}
		}
		g, now := d.sh.groups[d.v.packets], time.Now().UnixNano()
		d.sh.aim(g, d.v, 0, now)
		d.sh.aim(g, d.v, 1, now)
		if !d.pub.Wants(1) {
			t.Error("the present layer is not wanted")
		}
		d.sh.leave(d.v, "")
		if d.pub.Wants(1) {
			t.Error("a layer is wanted by nobody")
		}
	})
}

// A viewer whose pictures were left out for the sake of another layer, and that
// stays with its own after all, goes on at a key frame.
func TestLayerLeftOutNeedsKeyFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newLane(t, 5e6, 20*time.Millisecond)
		d.layered(2.5e6, 0.8e6)
		d.pub.OnLayerRequest(func(uint8) {}) // the other layer's key frame is long in coming
		d.angles[1].asked = 0
		d.run(2 * time.Second)
		g, now := d.sh.groups[d.v.packets], time.Now().UnixNano()
		d.sh.aim(g, d.v, 1, now)
		d.v.link.standing = longStanding + 1
		for range 40 {
			d.publishLayers()
		}
		d.sh.forward(g)
		d.sh.advance(now)
		if d.v.totals.drops[reason.Congested] == 0 {
			t.Fatalf("nothing is left out: %+v", d.v.detail(now))
		}
		d.v.link.standing = 0
		d.sh.aim(g, d.v, 0, now)
		newest, forced := d.v.choice.newest, d.angles[0].forced
		for i := 0; d.v.choice.newest == newest; i++ {
			if d.run(time.Millisecond); i == 5000 {
				t.Fatalf("no picture for 5 s: %+v", d.v.detail(time.Now().UnixNano()))
			}
		}
		if d.angles[0].forced == forced {
			t.Errorf("after %v of media that is not whole comes what refers to it: %+v", d.v.choice.newest-newest, d.v.detail(time.Now().UnixNano()))
		}
	})
}

// Whatever the estimate, a layer is there, one that fits if any does, and the
// estimate that chose it does not choose another.
func TestChoiceFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 4).Draw(t, "layers")
		ladder := make([]live.Rung, n)
		rate := 100_000.0
		for i := range ladder {
			rate *= rapid.Float64Range(1.5, 4).Draw(t, "step")
			ladder[i] = live.Rung{Layer: uint8(i + 1), Rate: rate}
		}
		ladder[n-1].Layer = 0
		c := choice{target: uint8(rapid.IntRange(0, 4).Draw(t, "present"))}
		estimate := rapid.Float64Range(50_000, 20e6).Draw(t, "estimate")
		layer, turn := c.fits(ladder, estimate)
		var is *live.Rung
		for i := range ladder {
			if ladder[i].Layer == layer {
				is = &ladder[i]
			}
		}
		if is == nil || is != &ladder[0] && is.Rate+layerOthers > estimate {
			t.Fatalf("layer %d of %v for %.0f", layer, ladder, estimate)
		}
		if turn == 0 && layer != c.target {
			t.Fatalf("layer %d is %d", layer, c.target)
		}
		c.target = layer
		if again, turn := c.fits(ladder, estimate); again != layer || turn != 0 {
			t.Fatalf("layer %d, then %d (%d) of %v for %.0f", layer, again, turn, ladder, estimate)
		}
	})
}
