package live

import (
	"testing"
	"testing/synctest"
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
)

// drained returns all packets from pos to the head.
func drained(t testing.TB, p *Packets, pos int64) []*media.Packet {
	t.Helper()
	var all []*media.Packet
	for ; pos < p.Head(); pos++ {
		pk := p.At(pos)
		if pk == nil {
			t.Fatalf("no packet at %d of [%d, %d)", pos, p.log.tail.Load(), p.Head())
		}
		all = append(all, pk)
	}
	return all
}

func TestPacketsBeginWithTheCachedGroupOfPictures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		p := publishTracks(t, h, testName)
		clip := frameRun(0, 2*time.Second, time.Second) // two key frames
		write(t, p, clip...)
		r := subscribe(t, h, testName)
		pk := r.Packets()
		if r.Packets() != pk {
			t.Error("a second call gives another view")
		}
		if pk.Start() != 0 || pk.NewestKey() != 0 {
			t.Errorf("start %d, newest key %d; want 0", pk.Start(), pk.NewestKey())
		}
		want := newSlicer()
		var gop []media.Packet
		for _, f := range clip[len(clip)/2:] {
			gop = append(gop, want.Packetize(f)...)
		}
		got := drained(t, pk, 0)
		if len(got) != len(gop) {
			t.Fatalf("%d packets cached, want %d", len(got), len(gop))
		}
		for i := range got {
			if got[i].Kind != gop[i].Kind || got[i].Seq != gop[i].Seq || got[i].Time != gop[i].Time ||
				&got[i].Payload[0] != &gop[i].Payload[0] {
				t.Fatalf("packet %d is %+v", i, got[i])
			}
			if pk.BySeq(got[i].Kind, got[i].Seq) != got[i] {
				t.Fatalf("packet %d is not found by its number", i)
			}
		}
		if pk.At(-1) != nil || pk.At(pk.Head()) != nil || pk.BySeq(media.Video, -1) != nil || pk.BySeq(media.Audio, 1<<40) != nil {
			t.Error("got a packet that does not exist")
		}
		at := pk.Head()
		write(t, p, picture(2*time.Second, true))
		if more := drained(t, pk, at); len(more) != 3 || !more[0].Start || !more[2].Marker || pk.NewestKey() != at {
			t.Errorf("a key frame of 2500 bytes came as %d packets, newest key at %d, want %d", len(more), pk.NewestKey(), at)
		}
	})
}

func TestPacketsAreDerivedOnlyWhileRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cutters := 0
		h := newTestHub(t, Options{NewPacketizer: func() Packetizer { cutters++; return newSlicer() }})
		p := publishTracks(t, h, testName)
		frames := subscribe(t, h, testName)
		write(t, p, frameRun(0, time.Second, time.Second)...)
		next(t, frames)
		if cutters != 0 {
			t.Fatal("packets are made for a reader of frames")
		}
		a, b := subscribe(t, h, testName), subscribe(t, h, testName)
		first := a.Packets()
		if b.Packets() != first || cutters != 1 {
			t.Errorf("two views of one stream, %d packetizers", cutters)
		}
		a.Close()
		a.Close()
		head := first.Head()
		write(t, p, sound(time.Second))
		if first.Head() != head+1 {
			t.Error("closing one of two readers twice stopped the packets")
		}
		b.Close()
		write(t, p, sound(1020*time.Millisecond))
		if first.Head() != head+1 || frames.stream.packets != nil {
			t.Error("packets are made for nobody")
		}
		// A closed reader gets an empty view, and counts for nothing.
		if pk := b.Packets(); pk != first || pk.Head() != head+1 {
			t.Error("a closed reader lost its view")
		}
		never := subscribe(t, h, testName)
		never.Close()
		if pk := never.Packets(); pk.Head() != 0 || frames.stream.packets != nil || frames.stream.packetReaders != 0 {
			t.Error("a closed reader started the packets")
		}

		again := subscribe(t, h, testName).Packets()
		if again == first || cutters != 2 {
			t.Error("a log that was given up lives on")
		}
		if pk := again.At(0); pk == nil || pk.Seq != 0 || !pk.Key || !pk.Start {
			t.Errorf("starts afresh with %+v", pk)
		}
	})
}

func TestPacketWatchers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newTestHub(t, Options{})
		p := publishTracks(t, h, testName)
		pk := subscribe(t, h, testName).Packets()
		a, b, full := make(chan struct{}, 1), make(chan struct{}, 9), make(chan struct{})
		pk.Watch(a)
		pk.Watch(b)
		pk.Watch(b)
		pk.Watch(full) // nobody receives: blocks nobody
		write(t, p, picture(0, true))
		if len(a) != 1 || len(b) != 2 {
			t.Errorf("%d and %d tokens for one frame, want 1 and 2", len(a), len(b))
		}
		write(t, p, sound(0))
		pk.Unwatch(b)
		pk.Unwatch(make(chan struct{}))
		write(t, p, sound(20*time.Millisecond))
		if len(a) != 1 || len(b) != 5 {
			t.Errorf("%d and %d tokens, want 1 and 5", len(a), len(b))
		}
		pk.Unwatch(b)
		pk.Unwatch(a)
		<-a
		write(t, p, sound(40*time.Millisecond))
		if len(a) != 0 || len(b) != 5 {
			t.Errorf("%d and %d tokens after Unwatch", len(a), len(b))
		}
		pk.Watch(a)
		p.Close(reason.ClosedByPeer)
		pass(11 * time.Second)
		if len(a) != 1 {
			t.Error("the end of the stream wakes no watcher")
		}
	})
}

// The index reaches as far back as its size, and no further than the log.
func TestPacketsBySeq(t *testing.T) {
	p := newPackets(account{most: maxBytes, age: maxAge})
	const total = 3 * audioIndexSize
	for i := range int64(total) {
		p.append([]media.Packet{{Seq: i, Kind: media.Audio, Payload: []byte{1}, Arrived: i}}, i)
	}
	for i := range int64(total) {
		got := p.BySeq(media.Audio, i)
		if held := i >= total-audioIndexSize; held != (got != nil) || held && got.Seq != i {
			t.Fatalf("packet %d of %d: %v", i, total, got)
		}
	}
	now := int64(maxAge) + 1 + total
	p.append([]media.Packet{{Seq: total, Kind: media.Audio, Arrived: now}}, now)
	for i := range int64(total) {
		if p.BySeq(media.Audio, i) != nil {
			t.Fatalf("packet %d is found though the log dropped it", i)
		}
	}
	if p.BySeq(media.Audio, total) == nil || p.account.bytes != entryBytes {
		t.Errorf("newest packet is lost; %d bytes counted", p.account.bytes)
	}
}
