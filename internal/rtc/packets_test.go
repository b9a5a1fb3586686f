package rtc

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"millrace/internal/media"
	"millrace/internal/reason"
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
	taps := []*tap{tapOf(was), tapOf(waits)}
	delta := b.src.picture(pictureEvery, false, 3000, b.now)
	key := b.src.picture(2*pictureEvery, true, 6000, b.now)
	b.src.arrive(delta, 0, 2)
	b.src.arrive(key, 2, 3)
	b.turn(0)
	delta[1].Start, key[0].Start, key[1].Start = false, false, false
	b.src.write(key[1], delta[1], key[0])
	b.src.write(key[4:]...)
	b.turn(0)
	for i, all := range [][]*media.Packet{append(delta, key...), key} {
		numbers, least := map[uint16]string{}, uint16(0xffff)
		for _, p := range taps[i].taken() {
			numbers[p.SequenceNumber], least = string(p.Payload), min(least, p.SequenceNumber)
		}
		if len(numbers) != len(all) {
			t.Fatalf("viewer %d gets %d packets, want %d", i, len(numbers), len(all))
		}
		for n, pk := range all {
			if numbers[least+uint16(n)] != string(pk.Payload) {
				t.Fatalf("viewer %d: packet %d is not at its place", i, n)
			}
		}
	}
	if n := waits.totals.drops[reason.Late]; n != 1 {
		t.Fatalf("%d packets were late, want the one of the picture before", n)
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
