package rtc

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	wire "millrace/internal/wire/rtp"
	"millrace/internal/wire/sdp"
)

// lane drives a shard with one viewer, whose network is a road, in a bubble of
// synctest: pictures of 2.5 Mbit/s and sound are published, the shard turns each
// millisecond.
type lane struct {
	*bench
	v       *viewer
	r       *road
	noted   uint32
	at      time.Duration // of the program
	rate    float64       // bit/s of pictures
	gop     int           // pictures
	thin    int           // every thinth picture is discardable; 0: none
	longest int64         // ns: the longest wait for the network of a packet
	keys    bool          // the next picture is a key frame
	turn    time.Duration // of the shard

	newest media.Time // of the pictures sent
	seen   int64      // when it came to the viewer, Unix ns
	frozen time.Duration
	angles []*angleOf // of a publisher of layers
	ear    ear
}

// ear is how a player that sounds like Chromium's NetEq chooses what to hold back
// of sound: of the longest waits in each half second, above the shortest of two
// seconds, what covers 95 % in steps of 20 ms, forgotten by 1.7 % each.
type ear struct {
	waits  []int64 // ns, of the last two seconds
	most   int64   // of this half second
	shares [100]float64
	heard  int
}

// hear takes the wait of the next packet of sound.
func (e *ear) hear(wait int64) {
	const each, all = int(500 * time.Millisecond / soundEvery), int(2 * time.Second / soundEvery)
	if e.waits = append(e.waits, wait); len(e.waits) > all {
		e.waits = e.waits[1:]
	}
	e.most = max(e.most, wait-slices.Min(e.waits))
	if e.heard++; e.heard%each != 0 {
		return
	}
	forget := min(0.983, 1-2/float64(e.heard/each+1))
	for i := range e.shares {
		e.shares[i] *= forget
	}
	e.shares[min(e.most/int64(20*time.Millisecond), 99)] += 1 - forget
	e.most = 0
}

// holds is what it holds back.
func (e *ear) holds() time.Duration {
	share := 0.0
	for i := len(e.shares) - 1; i >= 0; i-- {
		if share += e.shares[i]; share > 0.05 {
			return time.Duration(i+1) * 20 * time.Millisecond
		}
	}
	return 0
}

func newLane(t *testing.T, rate float64, way time.Duration) *lane {
	d := &lane{bench: newBench(t, SendPlain), rate: 2.5e6, gop: 50, turn: catchUpTick}
	f := h264Format()
	f.RTXPT, f.NACK, f.Ext.TransportCC = 97, true, 5
	sel := sdp.Selection{Video: f, Audio: &sdp.Format{Codec: media.Opus, PT: 111, ClockRate: 48000, Framing: sdp.FramingOpus}}
	d.publish()
	d.v = d.viewer(sel)
	d.sh.join(d.v, time.Now().UnixNano())
	d.r = newRoad(t, rate, way)
	d.r.l, d.r.now = &d.v.link, time.Now().UnixNano()
	d.r.epoch = d.r.now
	return d
}

// publish writes what is due.
func (d *lane) publish() {
	if len(d.angles) > 0 {
		d.publishLayers()
		return
	}
	if d.at%(20*time.Millisecond) == 0 {
		f := sound(testOpus, d.at)
		f.Arrived = time.Now().UnixNano()
		must(d.t, d.pub.Write(f))
	}
	const each = 40 * time.Millisecond
	if d.at%each == 0 {
		i, size := int(d.at/each), int(d.rate/25/8)
		key := i%d.gop == 0 || d.keys
		if d.keys = false; key {
			size *= 8
		} else {
			size = size * 6 / 7 // the key frames take their part
		}
		f := picture(d.at, key, size)
		f.Arrived = time.Now().UnixNano()
		if d.thin > 0 && !key && i%d.thin == 0 {
			f.Data[4] = 0x01 // nal_ref_idc 0
		}
		must(d.t, d.pub.Write(f))
	}
	d.at += time.Millisecond
}

// angleOf is a layer of a publisher's pictures.
type angleOf struct {
	layer  uint8
	rate   float64
	cut    live.Packetizer
	asked  time.Duration // when a key frame was asked for, and one; 0: none is
	forced int           // key frames that were asked for
}

// layered makes the program one of WebRTC in layers of the given rates, the best
// first, with key frames each 10 s and when asked for.
func (d *lane) layered(rates ...float64) {
	d.t.Helper()
	d.pub.Close(reason.ClosedByPeer)
	p, err := d.hub.Publish(testName, "test", "")
	must(d.t, err)
	d.pub, d.gop = p, 250
	var ladder []live.Rung
	for i, rate := range rates {
		d.angles = append(d.angles, &angleOf{layer: uint8(i), rate: rate, cut: wire.New(), asked: 1})
		ladder = append([]live.Rung{{Layer: uint8(i), Rate: rate}}, ladder...)
	}
	ask := func(layer uint8) { d.angles[layer].asked = d.at + 60*time.Millisecond }
	p.OnKeyRequest(func() { ask(0) })
	p.OnLayerRequest(ask)
	p.SetLadder(ladder)
	p.Announce(testVideo, testOpus)
}

// publishLayers writes what is due.
func (d *lane) publishLayers() {
	write := func(layer uint8, f *media.Frame, cut live.Packetizer) {
		for _, pk := range cut.Packetize(f) {
			pk.Layer, pk.Arrived = layer, time.Now().UnixNano()
			must(d.t, d.pub.WritePacket(&pk))
		}
	}
	if d.at%(20*time.Millisecond) == 0 {
		write(0, sound(testOpus, d.at), d.angles[0].cut)
	}
	const each = 40 * time.Millisecond
	for _, a := range slices.Backward(d.angles) {
		if d.at%each != 0 || a.layer != 0 && !d.pub.Wants(a.layer) {
			continue
		}
		size, forced := int(a.rate/25/8), a.asked != 0 && a.asked <= d.at
		if forced {
			a.asked = 0
			a.forced++
		}
		key := forced || int(d.at/each)%d.gop == 0
		if key {
			size *= 6
		}
		write(a.layer, picture(d.at, key, size), a.cut)
	}
	d.at += time.Millisecond
}

// run lets time pass.
func (d *lane) run(long time.Duration) {
	d.t.Helper()
	for end := d.at + long; d.at < end; {
		<-time.After(time.Millisecond)
		if d.at%soundEvery == 0 {
			d.ear.hear(max(0, d.r.free-d.r.now))
		}
		d.publish()
		d.sh.now = time.Now().UnixNano()
		for _, g := range d.sh.groups {
			d.sh.forward(g)
		}
		if d.at%d.turn == 0 {
			d.sh.advance(d.sh.now)
		}
		d.sh.out.limit = maxRuns
		d.sh.out.flush()
		if d.at%reportTick == 0 {
			d.sh.report()
		}
		for l := d.r.l; d.noted < l.noted; d.noted++ {
			run := *l.at(d.noted)
			d.r.wide = run.wide
			d.r.put(run.packets(), int(run.bytes)/run.packets())
		}
		d.longest = max(d.longest, d.r.free-d.r.now)
		if is := d.v.choice.newest; is != d.newest {
			if is < d.newest {
				d.t.Fatalf("a picture of %v is sent after one of %v", is, d.newest)
			}
			came := max(d.r.free, d.r.now) + d.r.way
			if d.seen != 0 {
				d.frozen = max(d.frozen, time.Duration(came-d.seen))
			}
			d.newest, d.seen = is, came
		}
		d.r.pass(time.Millisecond)
	}
}

// waits is how long a packet that was sent now would wait for the network, and
// how long the oldest picture has waited here.
func (d *lane) waits() (network, here time.Duration) {
	return time.Duration(max(0, d.r.free-d.r.now)), d.v.detail(time.Now().UnixNano()).QueueAge
}

// A link that the stream fits into sees whole key frames, or spread ones, and
// nothing is ever left out.
func TestPaceWideLink(t *testing.T) {
	for _, rate := range []float64{3.2e6, 5e6, 20e6, 1e9} {
		synctest.Test(t, func(t *testing.T) {
			d := newLane(t, rate, 20*time.Millisecond)
			d.run(10 * time.Second)
			if n := d.v.totals.drops[reason.Congested]; n > 0 || d.v.phase == awaitKey {
				t.Errorf("%.1f Mbit/s: %d packets left out, phase %d", rate/1e6, n, d.v.phase)
			}
			t.Logf("%.1f Mbit/s: measured %.2f, longest wait %v, %v", rate/1e6, d.r.l.estimate()/1e6, time.Duration(d.longest), d.v.detail(time.Now().UnixNano()))
		})
	}
}

// A link that becomes narrower than the stream: sound goes on with a bounded
// delay, pictures too, and all is as before soon after it is wide again.
func TestPaceNarrowLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newLane(t, 5e6, 20*time.Millisecond)
		d.run(5 * time.Second)
		if n := d.v.totals.drops[reason.Congested]; n > 0 {
			t.Fatalf("%d packets left out before", n)
		}
		d.r.rate, d.longest = 1e6, 0
		d.run(time.Second)
		first := d.longest
		d.longest = 0
		for range 190 {
			d.run(100 * time.Millisecond)
			if _, here := d.waits(); here > 1500*time.Millisecond {
				t.Fatalf("a picture has waited for %v: %+v", here, d.v.detail(time.Now().UnixNano()))
			}
		}
		t.Logf("network queue at most %v at first, then %v; %+v", time.Duration(first), time.Duration(d.longest), d.v.detail(time.Now().UnixNano()))
		if d.longest > int64(400*time.Millisecond) {
			t.Errorf("sound waits for %v", time.Duration(d.longest))
		}
		if d.v.totals.drops[reason.Congested] == 0 || d.v.audio.packets < 50*25-5 {
			t.Errorf("%d packets left out, %d of sound sent", d.v.totals.drops[reason.Congested], d.v.audio.packets)
		}
		d.r.rate = 5e6
		was := d.v.totals.drops[reason.Congested]
		for i := range 60 {
			d.run(50 * time.Millisecond)
			network, here := d.waits()
			if d.v.phase == liveEdge && network+here < 50*time.Millisecond {
				t.Logf("as before after %v; left out %d; %+v", time.Duration(i+1)*50*time.Millisecond, d.v.totals.drops[reason.Congested]-was, d.v.detail(time.Now().UnixNano()))
				break
			}
			if i == 59 {
				t.Errorf("3 s later: phase %d, %v in the network, %v here, %+v", d.v.phase, network, here, d.v.detail(time.Now().UnixNano()))
			}
		}
		was = d.v.totals.drops[reason.Congested]
		d.run(5 * time.Second)
		if n := d.v.totals.drops[reason.Congested] - was; n > 0 {
			t.Errorf("%d packets left out afterwards", n)
		}
	})
}

// What a narrow link carries of pictures keeps sound even, so that players hold
// little of it back, and pictures with it, when the link is wide again.
func TestPaceKeepsSoundEven(t *testing.T) {
	for _, c := range []struct {
		name  string
		gop   int // pictures
		rates []float64
	}{{"key frames each 2 s", 50, nil}, {"key frames when asked", 1 << 20, nil}, {"a layer", 0, []float64{2.5e6, 0.8e6}}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newLane(t, 5e6, 20*time.Millisecond)
				d.r.queue, d.gop = 64_000, c.gop
				if c.rates != nil {
					d.layered(c.rates...)
				} else {
					d.pub.OnKeyRequest(func() { d.keys = true })
				}
				d.run(10 * time.Second)
				before := d.ear.holds()
				d.r.rate = 1e6
				got := d.r.got
				d.run(20 * time.Second)
				t.Logf("%v held before, %v at the end; %.2f Mbit/s", before, d.ear.holds(), float64(d.r.got-got)*8/20e6)
				if held := d.ear.holds(); held > 100*time.Millisecond {
					t.Errorf("players hold %v of sound: %+v", held, d.v.detail(time.Now().UnixNano()))
				}
			})
		})
	}
}

// A shard whose turns are long gives a narrow link as much as it takes all the same.
func TestPaceBearsLongTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newLane(t, 5e6, 20*time.Millisecond)
		d.turn = 50 * time.Millisecond
		d.layered(2.5e6, 0.8e6)
		d.run(5 * time.Second)
		d.r.rate = 1e6
		d.run(5 * time.Second)
		got := d.r.got
		d.run(20 * time.Second)
		t.Logf("%.2f Mbit/s", float64(d.r.got-got)*8/20e6)
		if rate := float64(d.r.got-got) * 8 / 20; rate < 0.8e6 {
			t.Errorf("%.2f of 1 Mbit/s are used: %+v", rate/1e6, d.v.detail(time.Now().UnixNano()))
		}
	})
}

// A viewer that falls behind its group while another catches up reads on.
func TestPaceBesideCatchUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newLane(t, 5e6, 20*time.Millisecond)
		d.run(time.Second)
		if d.v.phase != liveEdge {
			t.Fatalf("phase %d", d.v.phase)
		}
		joins := d.viewer(videoOnly())
		d.sh.now = time.Now().UnixNano()
		d.sh.join(joins, d.sh.now)
		if joins.phase != catchUp {
			t.Fatalf("phase %d of the one that joins", joins.phase)
		}
		d.v.link.rate = 500_000
		<-time.After(time.Millisecond)
		f := picture(d.at, true, 20_000)
		f.Arrived = time.Now().UnixNano()
		must(t, d.pub.Write(f))
		d.sh.now = time.Now().UnixNano()
		d.sh.advance(d.sh.now) // before the group is forwarded
		if d.v.phase != paced || !slices.Contains(d.sh.catching, d.v) {
			t.Fatalf("phase %d, %d catch up", d.v.phase, len(d.sh.catching))
		}
		d.sh.leave(joins, "")
		d.sh.leave(d.v, "")
		if len(d.sh.catching) > 0 {
			t.Errorf("%d catch up though none is there", len(d.sh.catching))
		}
	})
}

// A link that is cut off for a while, and tells of nothing that was on its way,
// is taken up again when it is back, at the next key frame but one at the latest,
// also where there is no sound to find out by.
func TestPaceLinkComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newLane(t, 1.5e6, 20*time.Millisecond)
		d.v.audio = nil
		d.run(5 * time.Second)
		d.r.loss = 1
		d.run(5 * time.Second)
		d.r.loss, d.r.rate = 0, 20e6
		newest := d.v.choice.newest
		for i := 0; d.v.phase != liveEdge; i++ {
			if d.run(100 * time.Millisecond); i == 35 {
				t.Fatalf("3.5 s later: %d bytes under way, %v of pictures since, %+v", d.v.link.inFlight, time.Duration(d.v.choice.newest-newest), d.v.detail(time.Now().UnixNano()))
			}
		}
	})
}

// A connection that takes nothing is not filled by a viewer's own pace: where a
// smaller layer is read, no group looks at it.
func TestPaceOverTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newLane(t, 1e9, 0)
		stream := &tcpStream{wake: make(chan struct{}, 1)}
		d.v.session.path.Store(&path{stream: stream})
		d.v.video.formats[0].numbered, d.v.video.format.numbered = false, false
		d.v.link = link{said: 1.2e6} // and no other feedback
		d.noted = 0
		d.layered(2.5e6, 0.8e6)
		d.run(20 * time.Second)
		if got := stream.queued(); d.v.choice.layer != 1 || got > tcpQueue*3/4 {
			t.Errorf("%d bytes wait, %+v", got, d.v.detail(time.Now().UnixNano()))
		}
	})
}

// A viewer at a pace of its own hears, too, that pictures come unevenly now.
func TestPaceTellsPlayout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newLane(t, 1e6, 20*time.Millisecond)
		d.v.halfSecond = true
		d.v.video.setPlayout(atOnce)
		d.layered(2.5e6, 0.6e6)
		d.run(5 * time.Second)
		if d.v.choice.layer != 1 || d.v.video.playout != atOnce {
			t.Fatalf("playout delay %06x, %+v", d.v.video.playout, d.v.detail(time.Now().UnixNano()))
		}
		d.sh.groups[d.v.packets].rhythm = rhythm{}
		d.run(500 * time.Millisecond)
		if d.v.video.playout != playoutDelay(0, 100*time.Millisecond) {
			t.Errorf("playout delay %06x", d.v.video.playout)
		}
	})
}

// Where every millisecond counts, players may hold back twice what their source
// strays, in steps.
func TestPlayoutFollowsSpread(t *testing.T) {
	for _, c := range []struct{ spread, want time.Duration }{
		{30 * time.Millisecond, 100 * time.Millisecond}, {50 * time.Millisecond, 100 * time.Millisecond},
		{51 * time.Millisecond, 200 * time.Millisecond}, {101 * time.Millisecond, 400 * time.Millisecond},
	} {
		g := &group{rhythm: rhythm{newer: beat{began: 1, most: int64(c.spread)}}}
		if got := (&viewer{halfSecond: true}).wantedPlayout(g, 1e18); got != playoutDelay(0, c.want) {
			t.Errorf("a spread of %s: %06x", c.spread, got)
		}
		if got := (&viewer{}).wantedPlayout(g, 1e18); got != smoothly {
			t.Errorf("not in half-second mode: %06x", got)
		}
		late := &viewer{halfSecond: true, pace: pace{late: 1e18 - int64(recovers)}}
		if got := late.wantedPlayout(g, 1e18); got != playoutDelay(0, 100*time.Millisecond) {
			t.Errorf("a spread of %s after late pictures: %06x", c.spread, got)
		}
		late.choice.layer = 1
		if got := late.wantedPlayout(g, 1e18); got != playoutDelay(0, c.want) {
			t.Errorf("a spread of %s in a smaller layer after late pictures: %06x", c.spread, got)
		}
	}
}

// While pictures come late, players are told to hold nothing back in half-second
// mode, and for a minute after; then little, however uneven the source is.
func TestPlayoutAfterNarrowLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newLane(t, 5e6, 20*time.Millisecond)
		d.v.halfSecond = true
		tap := tapOf(d.v)
		only := func(when string, long time.Duration, value uint16) {
			t.Helper()
			tap.taken()
			n := 0
			for end := d.at + long; d.at < end; {
				d.sh.groups[d.v.packets].rhythm = rhythm{newer: beat{began: 1, most: 1e18}} // as uneven as can be
				d.run(20 * time.Millisecond)
			}
			for _, p := range tap.taken() {
				if raw := p.GetExtension(d.v.video.format.Ext.PlayoutDelay); raw != nil {
					var e rtp.PlayoutDelayExtension
					if must(t, e.Unmarshal(raw)); e.MinDelay != 0 || e.MaxDelay != value {
						t.Fatalf("%s players are told %+v, want %d", when, e, value)
					}
					n++
				}
			}
			if n == 0 {
				t.Errorf("%s players are told nothing", when)
			}
		}
		d.run(time.Second)
		only("before", 4*time.Second, 40)
		d.r.rate = 1e6
		d.run(3 * time.Second)
		only("in it", 5*time.Second, 0)
		d.r.rate = 5e6
		only("after it", 10*time.Second, 0)
		d.run(recovers)
		only("later", 4*time.Second, 10)
	})
}

// Where no feedback tells of loss, reports do.
func TestDetailLoss(t *testing.T) {
	v := &viewer{session: &session{}}
	v.line.shares[media.Video].Store(shareUnit / 4)
	if got := v.detail(0).Loss; got != 0.25 {
		t.Errorf("loss %v", got)
	}
}
