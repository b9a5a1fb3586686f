package rtc

import (
	"bytes"
	"testing"
	"time"

	"millrace/internal/media"
	wire "millrace/internal/wire/rtp"
	"millrace/internal/wire/sdp"
)

func redOpus() *sdp.Format {
	return &sdp.Format{Codec: media.Opus, PT: 111, RED: 63, ClockRate: 48000, Framing: sdp.FramingOpus, NACK: true}
}

// Sound carries what was before it from the first loss on until there has been
// none for a while; numbers and timestamps do not care.
func TestRedundantSound(t *testing.T) {
	b := newPacketBench(t, false)
	lossy, calm := b.viewer(sdp.Selection{Audio: redOpus()}), b.viewer(sdp.Selection{Audio: redOpus()})
	tap, other := tapOf(lossy), tapOf(calm)
	b.sh.join(lossy, b.now.UnixNano())
	b.sh.join(calm, b.now.UnixNano())
	var payloads [][]byte
	number, timestamp := uint16(lossy.audio.next), uint32(0)
	send := func(want int) {
		t.Helper()
		at := soundEvery * time.Duration(len(payloads))
		run := b.src.sound(at, time.Now())
		run[0].Payload = append(run[0].Payload, byte(len(payloads)))
		payloads = append(payloads, run[0].Payload)
		b.src.write(run...)
		b.turn(at)
		for _, p := range other.taken() {
			if p.PayloadType != 111 || !bytes.Equal(p.Payload, run[0].Payload) {
				t.Fatalf("who loses nothing gets %+v", p.Header)
			}
		}
		got := tap.taken()
		if len(got) != 1 || got[0].SequenceNumber != number || timestamp != 0 && got[0].Timestamp != timestamp {
			t.Fatalf("%d packets, %+v", len(got), got[0].Header)
		}
		number, timestamp = number+1, got[0].Timestamp+960
		if want == 0 {
			if got[0].PayloadType != 111 || !bytes.Equal(got[0].Payload, run[0].Payload) {
				t.Fatalf("packet %d: %+v", len(payloads), got[0].Header)
			}
			return
		}
		all := bytes.Join(payloads[len(payloads)-1-want:], nil)
		if got[0].PayloadType != 63 || wire.REDBlocks(got[0].Payload) != want || !bytes.HasSuffix(got[0].Payload, all) {
			t.Fatalf("packet %d: type %d with %d more, want %d", len(payloads), got[0].PayloadType, wire.REDBlocks(got[0].Payload), want)
		}
	}
	judge := func(loss float64, at time.Duration) {
		lossy.redundancy.judge(loss, false, b.now.Add(at).UnixNano())
	}
	judge(.02, 0)
	send(0) // there is nothing before
	send(1)
	send(2)
	send(2)
	judge(.004, redCalm)
	send(2)
	judge(.007, redCalm)
	judge(.004, redCalm+time.Second)
	send(2)
	judge(.004, 2*redCalm+time.Millisecond)
	send(0)
	judge(.009, 3*redCalm)
	send(0)
	judge(.011, 3*redCalm)
	b.src.sound(soundEvery*time.Duration(len(payloads)), time.Now()) // lost by the source
	payloads = append(payloads, nil)
	number, timestamp = number+1, timestamp+960
	send(0)
	send(1)
	if lossy.totals.red != 6 {
		t.Fatalf("%d packets were counted", lossy.totals.red)
	}
}

// Without RTX a repeat is the same to the bit, in whatever form it went out.
func TestRepeatOfRedundantSound(t *testing.T) {
	b := newPacketBench(t, false)
	v := b.viewer(sdp.Selection{Audio: redOpus()})
	tap := tapOf(v)
	b.sh.join(v, b.now.UnixNano())
	for i := range 8 {
		v.redundancy.on = i >= 2 && i != 5
		b.src.write(b.src.sound(soundEvery*time.Duration(i), time.Now())...)
		b.turn(soundEvery * time.Duration(i))
	}
	v.redundancy.on = false
	types := map[uint8]int{}
	for _, want := range tap.taken() {
		types[want.PayloadType]++
		b.sh.repair(v, &command{ssrc: v.audio.ssrc, lost: []uint16{want.SequenceNumber}}, b.now.UnixNano())
		got := tap.taken()
		if len(got) != 1 || got[0].PayloadType != want.PayloadType || got[0].Timestamp != want.Timestamp || !bytes.Equal(got[0].Payload, want.Payload) {
			t.Fatalf("the repeat of %+v is another", want.Header)
		}
	}
	if types[111] != 3 || types[63] != 5 {
		t.Fatalf("packets by type: %v", types)
	}
}

// Where more gets lost and nothing waits, sound goes out twice, the same to the
// bit, with or without what was before it.
func TestSoundTwice(t *testing.T) {
	b := newPacketBench(t, false)
	red := b.viewer(sdp.Selection{Audio: redOpus()})
	plain := b.viewer(sdp.Selection{Audio: &sdp.Format{Codec: media.Opus, PT: 111, ClockRate: 48000, Framing: sdp.FramingOpus}})
	viewers, taps := []*viewer{red, plain}, []*tap{tapOf(red), tapOf(plain)}
	at := time.Duration(0)
	send := func() (sent uint64) {
		b.src.write(b.src.sound(at, b.now.Add(at))...)
		before := b.sh.out.sent.packets
		b.turn(at)
		b.sh.repeatDue(b.now.Add(at + copiesApart).UnixNano())
		b.sh.out.flush()
		at += soundEvery
		return b.sh.out.sent.packets - before
	}
	for _, v := range viewers {
		b.sh.join(v, b.now.UnixNano())
	}
	for _, tt := range []struct {
		loss   float64
		queues bool
		want   uint64
	}{{0, false, 2}, {twiceFrom, false, 4}, {.1, true, 2}, {.1, false, 4}} {
		for _, v := range viewers {
			v.repairs.lately = tt.queues
			v.redundancy.judge(tt.loss, tt.queues, b.now.Add(at).UnixNano())
		}
		if n := send(); n != tt.want {
			t.Fatalf("%+v: %d packets are sent", tt, n)
		}
		if all := taps[1].taken(); len(all) != 1 {
			t.Fatalf("%d packets are sealed anew", len(all))
		}
		all := taps[0].taken()
		if twice := tt.want == 4; twice != (len(all) == 2) || twice && (all[0].String() != all[1].String() || !bytes.Equal(all[0].Payload, all[1].Payload)) {
			t.Fatalf("%+v: %v", tt, all)
		}
	}
	if n := red.totals.repairs[doubled]; n != 2 || plain.totals.repairs[doubled] != 2 {
		t.Fatalf("%d and %d", n, plain.totals.repairs[doubled])
	}
	// One that comes late is the one that goes out twice.
	late := b.src.sound(at, b.now.Add(at))
	at += soundEvery
	send()
	newer := taps[0].taken()
	b.src.write(late...)
	b.turn(at)
	b.sh.repeatDue(b.now.Add(at + copiesApart).UnixNano())
	b.sh.out.flush()
	all := taps[0].taken()
	if len(all) != 2 || all[0].SequenceNumber != newer[0].SequenceNumber-1 || all[0].String() != all[1].String() || !bytes.Equal(all[0].Payload, all[1].Payload) {
		t.Fatalf("after %v: %v", newer, all)
	}
}

// Redundant sound allocates nothing.
func TestRedundantSoundDoesNotAllocate(t *testing.T) {
	b := newPacketBench(t, false)
	v := b.viewer(sdp.Selection{Audio: redOpus()})
	b.sh.join(v, b.now.UnixNano())
	v.redundancy.on = true
	for i := range 3 {
		b.src.write(b.src.sound(soundEvery*time.Duration(i), time.Now().Add(time.Hour))...)
	}
	g := b.sh.groups[v.packets]
	again := func() {
		g.cursor, v.audio.jump = 0, true
		b.sh.forward(g)
	}
	again()
	if n := testing.AllocsPerRun(20, again); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}
