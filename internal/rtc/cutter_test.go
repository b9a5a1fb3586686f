package rtc

import (
	"testing"

	"pgregory.net/rapid"

	"millrace/internal/media"
)

// Segments hold everything in its order, and each is a run that one send can
// cut: headers of one length, payloads of one length but the last.
func TestSplitProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := newSendTrack(h264Format(), testSeed)
		tr.setPlayout(smoothly)
		tr.announce = media.Time(rapid.IntRange(0, 3).Draw(t, "announced"))
		var c cutter
		for range rapid.IntRange(0, 200).Draw(t, "packets") {
			c.video = append(c.video, &media.Packet{
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
		c.video = append(c.video, &media.Packet{Time: 1, Start: i == 0, Payload: make([]byte, size)})
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
