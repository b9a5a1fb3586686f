package rtc

import (
	"context"
	"testing"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

func opusFormat() *sdp.Format {
	return &sdp.Format{Codec: media.Opus, PT: 111, ClockRate: 48000, Framing: sdp.FramingOpus, NACK: true}
}

// opusOf is the name of the variant with Opus.
func opusOf(n live.Name) live.Name {
	n.Variant = live.VariantOpus
	return n
}

// A viewer that goes over to another log of its stream goes on with the picture
// after the one it was sent last, whichever of the logs is ahead.
func TestMoveGoesOnWithTheNextPicture(t *testing.T) {
	b, source, made := newVariantBench(t)
	send := func(at time.Duration, key bool) {
		b.src.write(b.src.picture(at, key, 3000, b.now.Add(at))...)
		b.turn(at)
	}
	pump := func(at time.Duration, n int) { // hands pictures on to the variant
		for range n {
			f, err := source.Next(t.Context())
			must(t, err)
			own := *f
			must(t, made.Write(&own))
		}
		b.turn(at)
	}
	send(0, true)
	v := b.viewer(sdp.Selection{Video: h264Format(), Audio: opusFormat()})
	b.sh.join(v, b.now.UnixNano())
	send(pictureEvery, false)
	b.wants(v, 0, pictureEvery)
	move1 := func(variant string, at time.Duration) {
		t.Helper()
		r, err := v.session.reader().Variant(t.Context(), variant)
		must(t, err)
		r.Packets()
		b.sh.moves = append(b.sh.moves, move{v, r, b.now.Add(at + movePatience).UnixNano()})
	}
	settled := func(at time.Duration, want bool) {
		t.Helper()
		b.sh.moveOn(b.now.Add(at).UnixNano())
		if (len(b.sh.moves) == 0) != want {
			t.Fatalf("%d wait to go over", len(b.sh.moves))
		}
		b.turn(at)
	}

	b.src.p.Announce(testVideo, testAAC)
	before := uint16(v.video.next - 1)
	move1(live.VariantOpus, pictureEvery)
	settled(pictureEvery, false) // there is nothing
	pump(pictureEvery, 1)
	settled(pictureEvery, false) // it is behind
	pump(pictureEvery, 1)
	settled(pictureEvery, true)
	if n := v.session.reader().Name().Variant; n != live.VariantOpus || v.phase != liveEdge {
		t.Fatalf("it reads %q in phase %d", n, v.phase)
	}
	if fates := b.asks(v, pictureEvery, before); fates["unknown"] != 1 {
		t.Fatalf("what went out of the other log is asked for: %v", fates)
	}
	send(2*pictureEvery, false)
	pump(2*pictureEvery, 1)
	b.wants(v, 2*pictureEvery)

	b.src.p.Announce(testVideo, testOpus)
	send(3*pictureEvery, false)
	send(4*pictureEvery, false)
	move1("", 4*pictureEvery)
	settled(4*pictureEvery, true) // the source is ahead
	b.wants(v, 3*pictureEvery, 4*pictureEvery)

	b.src.p.Announce(testVideo, testAAC)
	run := b.src.picture(5*pictureEvery, false, 3000, b.now.Add(5*pictureEvery))
	b.src.write(run[0])
	b.turn(5 * pictureEvery)
	pump(5*pictureEvery, 2)
	move1(live.VariantOpus, 5*pictureEvery)
	settled(5*pictureEvery, false) // in the middle of a picture
	b.src.write(run[1:]...)
	b.turn(5 * pictureEvery)
	settled(5*pictureEvery, false) // which is not there yet
	pump(5*pictureEvery, 1)
	settled(5*pictureEvery, true)
	send(6*pictureEvery, false)
	pump(6*pictureEvery, 1)
	b.wants(v, 5*pictureEvery, 6*pictureEvery)
	if len(v.totals.drops) != 0 {
		t.Fatalf("left out: %v", v.totals.drops)
	}

	// Where the other log never comes to where it is, it waits for a key frame there.
	b.src.p.Announce(testVideo, testOpus)
	send(7*pictureEvery, false)
	pump(7*pictureEvery, 1)
	b.wants(v, 7*pictureEvery)
	b.src.p.Announce(testVideo, testOpus)
	move1("", 7*pictureEvery)
	v.choice.newest += media.Time(time.Hour)
	settled(7*pictureEvery, false)
	settled(7*pictureEvery+movePatience, true)
	if v.phase != awaitKey || v.session.reader().Name().Variant != "" {
		t.Fatalf("phase %d of %q", v.phase, v.session.reader().Name().Variant)
	}
	b.sh.leave(v, reason.Kicked)
}

// toOpus supplies the Opus variant of streams whose sound is AAC by name alone.
type toOpus struct{ hub *live.Hub }

func (s toOpus) Supplies(n live.Name) bool { return n.Variant == live.VariantOpus }

func (s toOpus) Supply(ctx context.Context, n live.Name) error {
	source, err := s.hub.Subscribe(ctx, n.Source())
	if err != nil {
		return err
	}
	defer source.Close()
	p, err := s.hub.Publish(n, "test", "")
	if err != nil {
		return err
	}
	defer p.Close(reason.StreamEnded)
	p.MadeOf(source)
	p.Announce(testVideo, testOpus)
	for {
		f, err := source.Next(ctx)
		if err != nil {
			return err
		}
		own := *f
		if f.Track.Kind == media.Audio {
			own.Track = testOpus
		}
		if err := p.Write(&own); err != nil {
			return err
		}
	}
}

// Whatever sound the publishers of a stream bring, a viewer that stays has it, as
// one RTP stream each of pictures and of sound.
func TestViewerStaysWhileSoundChanges(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	r.hub.AddSupplier(toOpus{r.hub})
	pr := ordinary
	pr.delta = 900
	st := r.broadcast(testName, pr)
	c := r.watch(wish{})
	var last [2]received
	take := func() received {
		p := c.next()
		if p.rtx {
			return p
		}
		if was := last[p.kind]; was.Packet != nil {
			ticks := int32(p.Timestamp - was.Timestamp)
			if p.SSRC != was.SSRC || p.SequenceNumber != was.SequenceNumber+1 || ticks < 0 || ticks == 0 && p.kind == media.Audio {
				t.Fatalf("%+v follows %+v", p.Header, was.Header)
			}
		}
		last[p.kind] = p
		return p
	}
	for _, step := range []struct {
		audio   *media.Track
		variant string
	}{{testOpus, ""}, {testAAC, live.VariantOpus}, {nil, live.VariantOpus}, {testOpus, ""}, {nil, ""}, {testAAC, live.VariantOpus}, {testAAC, live.VariantOpus}} {
		if step.audio != pr.audio || last[0].Packet != nil {
			st.off()
			pr.audio = step.audio
			st = r.broadcast(testName, pr)
		}
		limit := time.After(patience)
		for reads := r.session(c.id).reader(); reads.Name().Variant != step.variant; reads = r.session(c.id).reader() {
			take()
			select {
			case <-limit:
				t.Fatalf("it does not go over to %q", step.variant)
			default:
			}
		}
		for n := [2]int{}; n[media.Video] < 30 || n[media.Audio] < 30 && step.audio != nil; {
			if p := take(); !p.rtx {
				n[p.kind]++
			}
		}
	}
	if got := r.server.Sessions(); got != 1 {
		t.Fatalf("%d sessions", got)
	}
	r.hub.Close() // and what is converted
}

// Nothing is converted in half-second mode: who can no longer hear the stream is
// told by the end, and may ask anew.
func TestSoundThatNobodyConverts(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	st := r.broadcast(testName, ordinary)
	stays, ends := r.watch(wish{}), r.watch(wish{mode: "half_second"})
	stays.see()
	ends.see()
	st.off()
	pr := ordinary
	pr.audio = testAAC
	r.broadcast(testName, pr)
	r.ledger.awaitReason(t, ends.id, reason.Codec)
	stays.takes(media.Video, 50) // and has its picture
}

// AAC of another configuration is heard where packets tell of it, and ends who was
// told by the answer alone.
func TestOtherAAC(t *testing.T) {
	b := newPacketBench(t, true)
	b.src.p.Announce(testVideo, testAAC)
	b.src.write(b.src.picture(0, true, 3000, b.now)...)
	viewers := map[sdp.Framing]*viewer{}
	for _, framing := range []sdp.Framing{sdp.FramingADTS, sdp.FramingLATM} {
		v := b.viewer(sdp.Selection{Video: h264Format(), Audio: &sdp.Format{Codec: media.AAC, PT: 97, ClockRate: 44100, Framing: framing, Config: testAAC.Config}})
		b.sh.join(v, b.now.UnixNano())
		viewers[framing] = v
	}
	g := b.sh.groups[viewers[sdp.FramingADTS].packets]
	same, other := *testAAC, *testAAC
	same.Config, other.Config = []byte{0x12, 0x10, 0x56, 0xe5, 0x00}, []byte{0x11, 0x90} // no SBR, said; 48 kHz
	for _, c := range []struct {
		track *media.Track
		gone  bool
	}{{testAAC, false}, {&same, false}, {testOpus, false}, {&other, true}} {
		b.src.p.Announce(testVideo, c.track)
		b.sh.suit(g, b.now.UnixNano())
		if got := viewers[sdp.FramingLATM].session.gone.Load(); got != c.gone || viewers[sdp.FramingADTS].session.gone.Load() {
			t.Fatalf("%+v: gone %v", c.track, got)
		}
		for _, v := range viewers {
			v.errand.without(v)
		}
	}
	for _, v := range viewers {
		b.sh.leave(v, reason.Codec)
	}
	b.sh.server.running.Wait()
}

// A viewer whose network takes less than the stream goes on at its pace in the log
// that it goes over to.
func TestMoveKeepsPace(t *testing.T) {
	b, source, made := newVariantBench(t)
	b.src.write(b.src.picture(0, true, 3000, b.now)...)
	v := b.viewer(sdp.Selection{Video: h264Format(), Audio: opusFormat()})
	b.sh.join(v, b.now.UnixNano())
	b.turn(0)
	b.src.p.Announce(testVideo, testAAC)
	v.link.rate = 1e6
	v.phase, v.pos, v.last = paced, b.sh.groups[v.packets].cursor, b.now.UnixNano()
	b.sh.chases(v)
	const pictures, size = 5, 10_000
	for i := range pictures {
		b.src.write(b.src.picture(time.Duration(i+1)*ms, false, size, b.now)...)
	}
	for range pictures + 1 {
		f, err := source.Next(t.Context())
		must(t, err)
		own := *f
		must(t, made.Write(&own))
	}
	r, err := v.session.reader().Variant(t.Context(), live.VariantOpus)
	must(t, err)
	r.Packets()
	sent := v.totals.bytes
	b.sh.moves = append(b.sh.moves, move{v, r, b.now.Add(movePatience).UnixNano()})
	b.sh.moveOn(b.now.UnixNano())
	b.turn(10 * ms)
	if v.phase != paced || v.session.reader() != r {
		t.Fatalf("phase %d of %q", v.phase, v.session.reader().Name())
	}
	if got := v.totals.bytes - sent; got == 0 || got > 3*pieceLeast {
		t.Fatalf("%d bytes leave at once", got)
	}
	b.sh.leave(v, reason.Kicked)
}

// A viewer hears nothing twice that the log that it goes over to comes to later than
// its own did; those who are there hear all of it.
func TestMoveHearsNothingTwice(t *testing.T) {
	b := newPacketBench(t, true)
	b.now = time.Now().Add(time.Hour) // never stale
	source, err := b.hub.Subscribe(t.Context(), testName)
	must(t, err)
	defer source.Close()
	made, err := b.hub.Publish(opusOf(testName), "test", "")
	must(t, err)
	made.MadeOf(source)
	made.Announce(testVideo, testOpus)
	sel := sdp.Selection{Audio: opusFormat()}
	moves, stays := b.viewer(sel), b.viewer(sel)
	variant := func(v *viewer) *live.Reader {
		r, err := v.session.reader().Variant(t.Context(), live.VariantOpus)
		must(t, err)
		r.Packets()
		return r
	}
	r := variant(stays)
	stays.session.reading.Swap(r).Close()
	stays.packets = r.Packets()
	taps := []*tap{tapOf(moves), tapOf(stays)}
	b.sh.join(moves, b.now.UnixNano())
	b.sh.join(stays, b.now.UnixNano())
	heard := func(i, n int) {
		t.Helper()
		all := taps[i].taken()
		for k := 1; k < len(all); k++ {
			if all[k].SequenceNumber != all[k-1].SequenceNumber+1 || all[k].Timestamp != all[k-1].Timestamp+960 {
				t.Fatalf("%+v follows %+v", all[k].Header, all[k-1].Header)
			}
		}
		if len(all) != n {
			t.Fatalf("viewer %d hears %d packets, want %d", i, len(all), n)
		}
	}
	const each, early, late = 20 * ms, 5, 3
	for i := range early {
		b.src.write(b.src.sound(time.Duration(i)*each, b.now)...)
	}
	b.turn(0)
	first := time.Duration(moves.packets.At(moves.packets.Head() - early).Time)
	b.src.p.Announce(testVideo, testAAC)
	b.sh.moves = append(b.sh.moves, move{moves, variant(moves), b.now.Add(movePatience).UnixNano()})
	b.sh.moveOn(b.now.UnixNano())
	if len(b.sh.moves) != 0 || moves.packets != stays.packets {
		t.Fatal("it does not go over")
	}
	for i := range early + late {
		f := sound(testOpus, first+time.Duration(i)*each)
		f.Arrived = b.now.UnixNano()
		must(t, made.Write(f))
		if i == early {
			b.turn(0) // some of it alone, the rest together
		}
	}
	b.turn(0)
	heard(0, early+late)
	heard(1, early+late)
	for _, v := range []*viewer{moves, stays} {
		b.sh.leave(v, reason.Kicked)
	}
}

// newVariantBench returns a bench whose stream has a variant in Opus, what that is
// made of, and who makes it.
func newVariantBench(t *testing.T) (*bench, *live.Reader, *live.Publisher) {
	t.Helper()
	b := newPacketBench(t, true)
	source, err := b.hub.Subscribe(t.Context(), testName)
	must(t, err)
	t.Cleanup(source.Close)
	made, err := b.hub.Publish(opusOf(testName), "test", "")
	must(t, err)
	made.MadeOf(source)
	made.Announce(testVideo, testOpus)
	return b, source, made
}

// However many wait to go over, a turn of the shard looks at some of them, and at
// all of them in turn.
func TestMovesTakeTurns(t *testing.T) {
	b, _, _ := newVariantBench(t)
	b.src.write(b.src.picture(0, true, 3000, b.now)...)
	var viewers []*viewer
	for range 2*movesAtOnce + 1 {
		v := b.viewer(sdp.Selection{Video: h264Format(), Audio: opusFormat()})
		b.sh.join(v, b.now.UnixNano())
		viewers = append(viewers, v)
	}
	b.turn(0)
	b.src.p.Announce(testVideo, testAAC)
	for i, v := range viewers {
		r, err := v.session.reader().Variant(t.Context(), live.VariantOpus)
		must(t, err)
		r.Packets()
		until := b.now.Add(time.Hour)
		if i == len(viewers)-1 {
			until = b.now
		}
		b.sh.moves = append(b.sh.moves, move{v, r, until.UnixNano()})
	}
	for turn, want := range []int{len(viewers), len(viewers), len(viewers) - 1} {
		b.sh.moveOn(b.now.UnixNano())
		if len(b.sh.moves) != want {
			t.Fatalf("%d wait after turn %d, want %d", len(b.sh.moves), turn+1, want)
		}
	}
	waits := map[*viewer]bool{}
	for _, m := range b.sh.moves {
		waits[m.viewer] = true
	}
	if len(waits) != len(viewers)-1 || waits[viewers[len(viewers)-1]] {
		t.Fatalf("%d viewers wait", len(waits))
	}
	for _, v := range viewers {
		b.sh.leave(v, reason.Kicked)
	}
	if len(b.sh.moves) != 0 {
		t.Fatalf("%d wait though all have left", len(b.sh.moves))
	}
}

// A packet that comes late hides nothing of what came before it.
func TestAfterLatePacket(t *testing.T) {
	b := newPacketBench(t, true)
	r, err := b.hub.Subscribe(t.Context(), testName)
	must(t, err)
	defer r.Close()
	log := r.Packets()
	late := b.src.picture(0, true, 3000, b.now)
	b.src.write(late[:len(late)-1]...)
	first := log.At(0).Time
	b.src.write(b.src.picture(pictureEvery, false, 3000, b.now)...)
	next := log.Head()
	b.src.write(late[len(late)-1])
	if pos, seen, whole := after(log, first+media.Time(pictureEvery), log.Head()); pos != log.Head() || !seen || !whole {
		t.Fatalf("nothing follows: position %d, seen %v, whole %v", pos, seen, whole)
	}
	b.src.write(b.src.picture(2*pictureEvery, false, 3000, b.now)...)
	if pos, seen, whole := after(log, first+media.Time(pictureEvery), log.Head()); pos != next+1 || !seen || !whole {
		t.Fatalf("the next picture: position %d, want %d, seen %v, whole %v", pos, next+1, seen, whole)
	}
	for i := range maxUnseen {
		b.src.write(b.src.picture(time.Duration(i+3)*pictureEvery, false, 16, b.now)...)
	}
	if pos, seen, _ := after(log, first+media.Time(time.Hour), log.Head()); pos != log.Head() || seen {
		t.Fatalf("what has not come: position %d of %d, seen %v", pos, log.Head(), seen)
	}
}
