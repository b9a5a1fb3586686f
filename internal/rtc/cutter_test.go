package rtc

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/pion/srtp/v3"
	"pgregory.net/rapid"

	"millrace/internal/media"
	"millrace/internal/wire/sdp"
)

// Segments hold everything in its order, and each is a run that one send can
// cut: headers of one length, payloads of one length but the last.
func TestSplitProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := newSendTrack(h264Format(), testSeed)
		tr.setPlayout(smoothly)
		tr.announce = media.Time(rapid.IntRange(0, 3).Draw(t, "announced"))
		var c cutter
		number := int64(0)
		for range rapid.IntRange(0, 200).Draw(t, "packets") {
			number += int64(rapid.SampledFrom([]int{1, 1, 1, 1, 2, -3}).Draw(t, "number"))
			c.video = append(c.video, &media.Packet{
				Seq:  number,
				Time: media.Time(rapid.IntRange(0, 3).Draw(t, "time")), Key: rapid.Bool().Draw(t, "key"),
				Start: rapid.IntRange(0, 5).Draw(t, "start") == 0, Codec: rapid.SampledFrom([]media.Codec{media.H264, media.VP8}).Draw(t, "codec"),
				Payload: make([]byte, rapid.SampledFrom([]int{100, 1130, 1131}).Draw(t, "size")),
			})
		}
		c.split()
		at := 0
		b := make([]byte, maxHeader)
		for _, s := range c.segments {
			if s.from != at || s.to <= s.from || s.to-s.from > maxRunPackets {
				t.Fatalf("segment %+v at %d", s, at)
			}
			first := c.video[s.from]
			if s.key != (first.Key && first.Start) {
				t.Fatalf("segment %+v begins with %+v", s, first)
			}
			length := tr.header(b, first, &tr.format, 96, 1, 2, 3)
			for i, pk := range c.video[s.from:s.to] {
				if n := tr.header(b, pk, &tr.format, 96, 1, 2, 3); n != length || pk.Codec != first.Codec {
					t.Fatalf("packet %d of a run has a header of %d bytes, the first of %d", i, n, length)
				}
				if pk.Seq != first.Seq+int64(i) {
					t.Fatalf("packet %d of a run is number %d, the first %d", i, pk.Seq, first.Seq)
				}
				if i > 0 && pk.Key && pk.Start {
					t.Fatal("a key frame begins within a run")
				}
				if n, last := len(pk.Payload), s.from+i == s.to-1; n > len(first.Payload) || !last && n != len(first.Payload) {
					t.Fatalf("packet %d of a run has %d bytes, the first %d", i, n, len(first.Payload))
				}
			}
			at = s.to
		}
		if at != len(c.video) {
			t.Fatalf("%d of %d packets are in a segment", at, len(c.video))
		}
	})
}

// A picture that Chromium cut is two runs, also where a late packet of another
// comes in between.
func TestSplitOfChromiumsPictures(t *testing.T) {
	var c cutter
	for i, size := range cutByChromium {
		c.video = append(c.video, &media.Packet{Seq: int64(i), Time: 1, Start: i == 0, Payload: make([]byte, size)})
	}
	if c.split(); len(c.segments) != 2 {
		t.Fatalf("%d runs", len(c.segments))
	}
	late := &media.Packet{Payload: make([]byte, 1130)}
	c.video = append(append(append([]*media.Packet(nil), c.video[:3]...), late), c.video[3:]...)
	if c.split(); len(c.segments) != 4 {
		t.Fatalf("%d runs with a late packet", len(c.segments))
	}
}

// Sounds that wait together are runs of their own: as many as their sizes make.
func TestRunsOfSound(t *testing.T) {
	for _, tt := range []struct {
		sizes []int
		want  []int
	}{
		{[]int{160}, []int{1}},
		{[]int{160, 160, 160}, []int{3}},
		{[]int{160, 120, 160}, []int{2, 1}},
		{[]int{120, 160, 160}, []int{1, 2}},
		{make([]int, 60), []int{maxRunPackets, 5}},
		{[]int{7650, 7650, 7650, 7650, 7650, 7650, 7650, 7650, 7650}, []int{8, 1}}, // the bytes of a run
	} {
		var all []*media.Packet
		for i, n := range tt.sizes {
			all = append(all, &media.Packet{Kind: media.Audio, Codec: media.Opus, Time: media.Time(i), Payload: make([]byte, n)})
		}
		var got []int
		for len(all) > 0 {
			n := runOf(all, sounds)
			got, all = append(got, n), all[n:]
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("sounds of %v bytes are runs of %v, want %v", tt.sizes, got, tt.want)
		}
	}
	if opus, aac := (&media.Packet{Codec: media.Opus}), (&media.Packet{Codec: media.AAC}); sounds(opus, aac) {
		t.Error("two codecs share a run")
	}
}

// What a busy shard finds together reaches the viewer whole, in one send.
func TestSoundsLeaveTogether(t *testing.T) {
	b := newBench(t, SendGSO)
	sel := sdp.Selection{Audio: &sdp.Format{Codec: media.Opus, PT: 111, ClockRate: 48000, Framing: sdp.FramingOpus}}
	v := b.viewer(sel)
	b.sh.join(v, b.now.UnixNano())
	b.turn(0)
	calls := b.sh.out.sent.calls
	for i := range 3 {
		f := sound(testOpus, time.Duration(20*i)*ms)
		f.Arrived = time.Now().UnixNano()
		must(t, b.pub.Write(f))
	}
	b.turn(60 * ms)
	if n := b.sh.out.sent.calls - calls; n != 1 {
		t.Errorf("%d calls", n)
	}
	key, salt := masterKeys(gcmSaltLen)
	theirs, err := srtp.CreateContext(key, salt, srtp.ProtectionProfileAeadAes128Gcm)
	must(t, err)
	buf := make([]byte, 4096)
	for i := 0; i < 3; {
		must(t, b.sink.SetReadDeadline(time.Now().Add(patience)))
		n, err := b.sink.Read(buf)
		must(t, err)
		if !isRTP(buf[:n]) {
			continue
		}
		plain, err := theirs.DecryptRTP(nil, buf[:n], nil)
		must(t, err)
		p := parse(t, plain)
		if got := time.Duration(binary.BigEndian.Uint64(p.Payload[1:])); got != time.Duration(20*i)*ms {
			t.Fatalf("sound %d is the one of %v", i, got)
		}
		i++
	}
}
