package rtc

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

// Packets that come shuffled, doubled and with some missing all reach a viewer,
// once each and in their places.
func TestShuffledPackets(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	src := newFeed(t, r.hub, true)
	begin := src.picture(0, true, 500, time.Now())
	src.write(begin...)
	c := r.watch(wish{})
	c.see()
	const pictures, perPicture, round = 600, 4, 5
	rnd := rand.New(rand.NewPCG(1, 2))
	var next [2]int64
	packet := func(kind media.Kind, at time.Duration) *media.Packet {
		next[kind]++
		pk := &media.Packet{
			Seq: next[kind], Time: media.Time(at), Kind: kind, Codec: media.H264,
			Payload: numbered(kind, next[kind], 200+int(next[kind])%3),
		}
		if kind == media.Audio {
			pk.Codec, pk.Start, pk.Marker = media.Opus, true, true
		}
		return pk
	}
	next[media.Video] = begin[len(begin)-1].Seq
	seen := [2]map[int64]uint16{{}, {}}
	lost, written := [2]map[int64]bool{{}, {}}, 0
	take := func() {
		for len(seen[0])+len(seen[1]) < written {
			p := c.next()
			n := numberOf(p.Payload)
			if _, twice := seen[p.kind][n]; twice || lost[p.kind][n] || p.Payload[1] != byte(p.kind) {
				t.Fatalf("%s %d comes twice or from nowhere", p.kind, n)
			}
			seen[p.kind][n] = p.SequenceNumber
		}
	}
	for i := 0; i < pictures; i += round {
		var batch []*media.Packet
		for j := range round {
			at := time.Duration(i+j+1) * pictureEvery
			for k := range perPicture {
				pk := packet(media.Video, at)
				pk.Start, pk.Marker = k == 0, k == perPicture-1
				batch = append(batch, pk)
			}
			batch = append(batch, packet(media.Audio, at))
		}
		rnd.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
		for _, pk := range batch {
			if rnd.IntN(100) < 3 {
				lost[pk.Kind][pk.Seq] = true
				continue
			}
			again := *pk
			src.write(pk)
			written++
			if rnd.IntN(100) < 5 {
				src.write(&again)
			}
		}
		take()
	}
	for kind, all := range seen {
		if len(all) < pictures*9/10 {
			t.Fatalf("%d packets of %s", len(all), media.Kind(kind))
		}
		var base uint16
		first := true
		for n, number := range all {
			if b := number - uint16(n); first {
				base, first = b, false
			} else if b != base {
				t.Fatalf("%s %d goes out as %d, others say %d", media.Kind(kind), n, number, base+uint16(n))
			}
		}
	}
}

// A key frame whose beginning comes late is whole for those who were there and
// for those who waited for it.
func TestKeyFrameComesLate(t *testing.T) {
	b := newPacketBench(t, true)
	b.src.write(b.src.picture(0, true, 3000, b.now)...)
	was, waits := b.viewer(videoOnly()), b.viewer(videoOnly())
	b.sh.join(was, b.now.UnixNano())
	b.sh.join(waits, b.now.UnixNano())
	b.turn(0)
	for _, v := range []*viewer{was, waits} {
		b.wants(v, 0)
	}
	waits.wait(media.H264, 0)
	delta := b.src.picture(pictureEvery, false, 3000, b.now)
	key := b.src.picture(2*pictureEvery, true, 6000, b.now)
	b.src.arrive(delta, 0, 2)
	b.src.arrive(key, 2, 3)
	b.turn(0)
	delta[1].Start, key[0].Start, key[1].Start = false, false, false
	b.src.write(key[1], delta[1], key[0])
	b.src.write(key[4:]...)
	b.turn(0)
	late := waits.totals.drops[reason.Late]
	for _, v := range []*viewer{was, waits} {
		want := 9 + len(key) // of two pictures and the key frame
		if v == waits {
			want -= 3 // those of the picture that it cannot decode
		}
		if int(v.totals.packets) < len(key)+3 || v.video.nspans > 2 {
			t.Fatalf("%d packets, want %d, %d spans", v.totals.packets, want, v.video.nspans)
		}
	}
	if late != 1 {
		t.Fatalf("%d packets were late, want the one of the picture before", late)
	}
}

// A viewer's PLI goes to the publisher, at any time.
func TestPLIAsksPublisher(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	src := newFeed(t, r.hub, true)
	src.write(src.picture(0, true, 500, time.Now())...)
	c := r.watch(wish{})
	was := c.see()
	ssrc := c.ssrcOf(media.Video)
	drained(src.asked)
	for i := range 3 {
		for again := time.NewTicker(20 * time.Millisecond); len(src.asked) == 0; <-again.C {
			c.send(&rtcp.PictureLossIndication{MediaSSRC: ssrc}) // requests within 500 ms are one
		}
		src.awaitAsked()
		at := time.Duration(i+1) * time.Second
		src.write(src.picture(at, true, 500, time.Now())...)
		s := c.see()
		if !s.key {
			t.Fatal("no key frame follows")
		}
		if s.packets[0].SequenceNumber != was.packets[len(was.packets)-1].SequenceNumber+1 {
			t.Fatal("the numbers do not go on")
		}
		was = s
	}
}

func drained(c chan struct{}) {
	for len(c) > 0 {
		<-c
	}
}

// awaitAsked waits for a request for a key frame.
func (s *feed) awaitAsked() {
	s.t.Helper()
	select {
	case <-s.asked:
	case <-time.After(patience):
		s.t.Fatal("nobody asks for a key frame")
	}
}

// A packet that the source never repairs costs a key frame, not the picture: it
// is asked for as soon as the viewer misses what was given up.
func TestLossThatIsNeverRepaired(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	src := newFeed(t, r.hub, true)
	src.write(src.picture(0, true, 500, time.Now())...)
	c := r.watch(wish{})
	was := c.see()
	ssrc := c.ssrcOf(media.Video)
	drained(src.asked)
	long := time.Now().Add(-givenUp)
	run := src.picture(pictureEvery, false, 3000, long)
	src.write(run[0], run[2])
	src.write(src.picture(2*pictureEvery, false, 500, long)...)
	got := c.takes(media.Video, 3)
	missing := got[0].SequenceNumber + 1
	if last := was.packets[len(was.packets)-1].SequenceNumber; got[0].SequenceNumber != last+1 || got[1].SequenceNumber != missing+1 {
		t.Fatalf("after %d come %d and %d", last, got[0].SequenceNumber, got[1].SequenceNumber)
	}
	nack := &rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{missing})}
	c.send(nack)
	src.awaitAsked()
	src.write(src.picture(3*pictureEvery, true, 500, time.Now())...)
	if s := c.see(); !s.key || s.packets[0].SequenceNumber != got[2].SequenceNumber+1 {
		t.Fatalf("the picture does not go on: %+v", s.packets[0].Header)
	}
	// What comes after all is sent after all.
	run[1].Start = false
	src.write(run[1])
	if p := c.nextOf(media.Video); p.SequenceNumber != missing {
		t.Fatalf("number %d, want the late %d", p.SequenceNumber, missing)
	}
}

// A viewer's PLI is passed on however long it has been there; what a key frame
// has made good is not asked for.
func TestKeyFrameRequests(t *testing.T) {
	b := newPacketBench(t, true)
	b.src.write(b.src.picture(0, true, 500, b.now)...)
	v := b.viewer(videoOnly())
	b.sh.join(v, b.now.UnixNano())
	b.turn(0)
	drained(b.src.asked)
	b.sh.keyFrame(v, b.now.Add(time.Hour).UnixNano())
	if len(b.src.asked) != 1 || v.phase != liveEdge {
		t.Fatalf("asked %d times, phase %d", len(b.src.asked), v.phase)
	}
	run := b.src.picture(pictureEvery, false, 3000, b.now)
	b.src.write(run[0], run[2])
	b.turn(0)
	missing := uint16(v.video.next - 2)
	soon, later := b.now.Add(givenUp).UnixNano(), b.now.Add(givenUp+1).UnixNano()
	if v.hopeless(missing, soon) || !v.hopeless(missing, later) || v.hopeless(missing+1, later) || v.hopeless(missing-1, later) {
		t.Fatal("what is hopeless")
	}
	b.src.write(b.src.picture(2*pictureEvery, true, 500, b.now)...)
	b.turn(0)
	if v.hopeless(missing, later) {
		t.Fatal("a packet is missed that a key frame has made good")
	}
}

// Who joins an askable source far behind its key frame gets a new one, and
// nothing before it; near it, or where little has followed, what there is.
func TestJoinAskable(t *testing.T) {
	for _, tt := range []struct {
		name    string
		askable bool
		age     time.Duration
		size    int
		asks    bool
	}{
		{"old and long", true, 3 * time.Second, 5000, true},
		{"old and short", true, 3 * time.Second, 100, false},
		{"young and long", true, 800 * time.Millisecond, 20_000, false},
		{"old and long, not askable", false, 3 * time.Second, 5000, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newPacketBench(t, tt.askable)
			b.now = time.Now().Add(-tt.age)
			for at := time.Duration(0); at < tt.age; at += pictureEvery {
				b.src.write(b.src.picture(at, at == 0, tt.size, b.now.Add(at))...)
			}
			v := b.viewer(videoOnly())
			b.sh.join(v, time.Now().UnixNano())
			b.sh.out.flush()
			if asks := len(b.src.asked) > 0; asks != tt.asks || asks != (v.phase == awaitKey) {
				t.Fatalf("asked %v, phase %d", asks, v.phase)
			}
			if !tt.asks {
				b.wants(v, 0)
				return
			}
			b.src.write(b.src.picture(tt.age, false, 100, time.Now())...)
			b.src.write(b.src.picture(tt.age+pictureEvery, true, 100, time.Now())...)
			b.turn(tt.age + pictureEvery)
			b.wants(v, tt.age+pictureEvery)
		})
	}
}

// As long as somebody waits, the publisher is asked again; not for those who
// could not show it, or whose connection is full.
func TestAskedAgain(t *testing.T) {
	b := newPacketBench(t, true)
	sel := videoOnly()
	v := b.viewer(sel)
	b.sh.join(v, b.now.UnixNano())
	b.src.awaitAsked() // there is no key frame
	b.src.write(b.src.picture(0, true, 500, b.now)...)
	b.turn(0)
	b.wants(v, 0)
	g := b.sh.groups[v.packets]
	asks := func() bool {
		drained(b.src.asked)
		limit := time.After(2 * time.Second) // requests within 500 ms are one
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			g.askAgain()
			select {
			case <-b.src.asked:
				return true
			case <-limit:
				return false
			case <-tick.C:
			}
		}
	}
	if asks() {
		t.Fatal("a key frame is asked for that nobody waits for")
	}
	v.wait(media.H264, 1)
	if !asks() {
		t.Fatal("nobody asks")
	}
	v.wait(media.VP8, 1)
	if !v.deaf || asks() {
		t.Fatal("a key frame is asked for that the viewer cannot show")
	}
}

// A hole in what a new viewer catches up with is made good by a key frame.
func TestJoinWithHole(t *testing.T) {
	b := newPacketBench(t, true)
	b.now = time.Now().Add(-600 * ms)
	b.src.write(b.src.picture(0, true, 3000, b.now)...)
	run := b.src.picture(pictureEvery, false, 3000, b.now)
	b.src.write(run[0], run[2])
	b.src.write(b.src.picture(2*pictureEvery, false, 3000, b.now)...)
	v := b.viewer(videoOnly())
	b.sh.join(v, time.Now().UnixNano())
	if len(b.src.asked) != 1 || v.phase != liveEdge {
		t.Fatalf("asked %d times, phase %d", len(b.src.asked), v.phase)
	}
}

// A publisher that comes back with another codec, and with the first again.
func TestCodecSwitch(t *testing.T) {
	b := newPacketBench(t, true)
	vp8 := h264Format()
	vp8.Codec, vp8.PT, vp8.RTXPT = media.VP8, 98, 99
	able, unable := b.viewer(sdp.Selection{Video: h264Format(), Others: []*sdp.Format{vp8}}), b.viewer(videoOnly())
	taps := map[*viewer]*tap{}
	for _, v := range []*viewer{able, unable} {
		taps[v] = tapOf(v)
		b.sh.join(v, b.now.UnixNano())
	}
	at := time.Duration(0)
	send := func(c media.Codec, key bool) {
		b.src.write(as(c, b.src.picture(at, key, 500, b.now))...)
		at += pictureEvery
		b.turn(at)
	}
	check := func(v *viewer, want ...uint8) {
		t.Helper()
		got := taps[v].pictures()
		if string(got) != string(want) {
			t.Fatalf("pictures of types %v, want %v", got, want)
		}
	}
	send(media.H264, true)
	send(media.H264, false)
	check(able, 96, 96)
	check(unable, 96, 96)
	send(media.VP8, false) // its beginning was lost
	check(able)
	send(media.VP8, true)
	send(media.VP8, false)
	check(able, 98, 98)
	check(unable)
	if n := unable.totals.drops[reason.Codec]; n == 0 || !unable.deaf || able.totals.drops[reason.Codec] != 0 {
		t.Fatalf("left out: %v and %v", unable.totals.drops, able.totals.drops)
	}
	// A repeat goes out as what it was.
	number := able.video.next - 1
	send(media.H264, true)
	send(media.H264, false)
	check(able, 96, 96)
	check(unable, 96, 96)
	if unable.deaf {
		t.Fatal("it is still deaf")
	}
	able.repairs.fill(b.now.UnixNano())
	if !able.resend(b.sh.out, able.video, media.Video, uint16(number), b.now.UnixNano()) {
		t.Fatal("no repeat")
	}
	check(able, 99)
	// A viewer that joins what it cannot show waits without asking.
	send(media.VP8, true)
	late := b.viewer(videoOnly())
	taps[late] = tapOf(late)
	b.sh.join(late, b.now.UnixNano())
	if late.phase != awaitKey || !late.deaf {
		t.Fatalf("phase %d, deaf %v", late.phase, late.deaf)
	}
	send(media.H264, true)
	check(late, 96)
}

// The same as a real viewer sees it.
func TestCodecSwitchSeen(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	src := newFeed(t, r.hub, true)
	src.write(src.picture(0, true, 500, time.Now())...)
	c := r.watch(wish{})
	was := c.see()
	for i, codec := range []media.Codec{media.VP8, media.H264, media.VP8} {
		src.p.Close(reason.ClosedByPeer)
		src = newFeed(t, r.hub, true)
		for j := range 3 {
			src.write(as(codec, src.picture(time.Duration(j)*pictureEvery, j == 0, 2000, time.Now()))...)
		}
		run := c.frame()
		last := was.packets[len(was.packets)-1]
		if run[0].SequenceNumber != last.SequenceNumber+1 || run[0].SSRC != last.SSRC || (run[0].PayloadType == last.PayloadType) {
			t.Fatalf("change %d: %+v follows %+v", i, run[0].Header, last.Header)
		}
		c.frame()
		was = seen{packets: c.frame()}
	}
	if r.server.Sessions() != 1 {
		t.Fatal("it is not the same session")
	}
}

// With 5 % lost on both legs, each way, a viewer that asks for what it misses
// gets every packet of the publisher's: by itself, at most once, or as a repeat.
func TestLossOnBothLegs(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	up, down := newRelay(t, r.server.Addr()), newRelay(t, r.server.Addr())
	dice := rand.New(rand.NewPCG(5, 6))
	lossy := serial(func(_ bool, b []byte) bool { return b[0] < 128 || dice.IntN(20) > 0 })
	up.let(lossy)
	cam := r.film(lens{reply: up.instead})
	cam.roll(handheld)
	r.ready(testName)
	c := r.watch(wish{reply: down.instead})
	ssrc := c.ssrcOf(media.Video)
	first := c.nextOf(media.Video)
	down.let(lossy)
	const n = 500
	newest, got, repeats, late := int64(first.SequenceNumber), map[int64]bool{int64(first.SequenceNumber): true}, 0, 0
	itself, asked := map[int64]bool{}, time.Now()
	missing := func() (out []uint16) {
		for seq := int64(first.SequenceNumber); seq <= newest; seq++ {
			if !got[seq] {
				out = append(out, uint16(seq))
			}
		}
		return out
	}
	for newest < int64(first.SequenceNumber)+n || len(missing()) > 0 {
		p := c.next()
		if p.kind == media.Audio {
			continue
		}
		seq := newest + int64(int16(p.SequenceNumber-uint16(newest)))
		switch {
		case p.rtx:
			repeats++
		case itself[seq]:
			t.Fatalf("number %d comes twice", seq)
		case seq < newest:
			late++
		}
		got[seq], itself[seq] = true, itself[seq] || !p.rtx
		newest = max(newest, seq)
		if all := missing(); len(all) > 0 && time.Since(asked) > 30*time.Millisecond {
			asked = time.Now()
			c.send(&rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(all)})
		}
	}
	if repeats < n/50 || late == 0 {
		t.Fatalf("%d repeats, %d late packets: nothing was lost", repeats, late)
	}
}

// A change of size is a key frame like others.
func TestSizeChanges(t *testing.T) {
	b := newPacketBench(t, true)
	b.src.write(b.src.picture(0, true, 3000, b.now)...)
	v := b.viewer(videoOnly())
	b.sh.join(v, b.now.UnixNano())
	b.turn(0)
	b.wants(v, 0)
	larger := *testVideo
	larger.Width, larger.Height = 1280, 720
	larger.Params = [][]byte{{0x67, 0x42, 0xe0, 0x1f, 0x8c, 0x68, 0x05, 0x00, 0x5b, 0xa1}, {0x68, 0xce, 0x3c, 0x80}}
	f := picture(pictureEvery, true, 3000)
	f.Track = &larger
	b.src.write(b.src.pack(f, b.now)...)
	b.src.p.Announce(&larger, testOpus)
	b.src.write(b.src.picture(2*pictureEvery, false, 3000, b.now)...)
	b.turn(0)
	b.wants(v, pictureEvery, 2*pictureEvery)
	if v.video.nspans != 1 || len(v.totals.drops) != 0 {
		t.Fatalf("%d spans, left out %v", v.video.nspans, v.totals.drops)
	}
}
