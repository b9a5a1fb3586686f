package rtp

import (
	"testing"

	"pgregory.net/rapid"

	"millrace/internal/live"
	"millrace/internal/media"
)

var _ live.Assembler = (*Assembler)(nil)

// What is cut, reordered and repeated comes back bit-exactly.
func TestAssembleRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		frames := programme(t, rapid.IntRange(1, 30).Draw(t, "frames"))
		a := NewAssembler(reordering, ofKind(frames, media.Audio)[0].Track)
		got := assembleAll(t, a, travel(t, packetize(frames), rapid.IntRange(0, 12).Draw(t, "reordering")))
		sameFrames(t, got, frames)
		if a.Lost() {
			t.Fatal("video is reported lost")
		}
	})
}

// In order, a frame comes out with its last packet.
func TestAssembleWaitsForNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		frames := programme(t, 10)
		a := NewAssembler(reordering, ofKind(frames, media.Audio)[0].Track)
		p := New()
		for _, f := range frames {
			sameFrames(t, assembleAll(t, a, p.Packetize(f)), []*media.Frame{f})
		}
	})
}

// Whatever is lost: what comes out is whole, in order, and can be decoded; and
// what comes behind the losses is there.
func TestAssembleWithLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const lossy, all = 60, 100
		frames := programme(t, all, lossy+1)
		var packets []media.Packet
		lost, lostVideo := 0, false
		for i, pk := range travel(t, packetize(frames), rapid.IntRange(0, 6).Draw(t, "reordering")) {
			if i > 0 && pk.Time < lossy*media.Time(step) && pk.Seq > 0 && rapid.IntRange(0, 40).Draw(t, "lost") == 0 {
				lost++
				lostVideo = lostVideo || pk.Kind == media.Video
				continue
			}
			packets = append(packets, pk)
		}
		a := NewAssembler(reordering, ofKind(frames, media.Audio)[0].Track)
		got := assembleAll(t, a, packets)
		for _, kind := range []media.Kind{media.Video, media.Audio} {
			sent := ofKind(frames, kind)
			next, broken := 0, true
			for _, f := range ofKind(got, kind) {
				for ; next < len(sent) && sent[next].DTS != f.DTS; next++ {
					broken = broken || kind == media.Video && !sent[next].Discardable
				}
				if next == len(sent) {
					t.Fatalf("%s at %d came out of order, or was never sent", kind, f.DTS)
				}
				want := *sent[next]
				want.Discontinuity = f.Discontinuity // moves on to the first that is there
				sameFrame(t, f, &want)
				if broken && !f.Key {
					t.Fatalf("a picture at %d came after a loss before any key frame", f.DTS)
				}
				next, broken = next+1, false
			}
			if next < len(sent) {
				t.Fatalf("%s ends at frame %d of %d", kind, next, len(sent))
			}
			tail := ofKind(got, kind)
			if n := all - lossy - 1; len(tail) < n || tail[len(tail)-n].DTS != sent[lossy+1].DTS {
				t.Fatalf("%s without losses did not come whole", kind)
			}
			if lost == 0 && len(tail) != all {
				t.Fatalf("%d of %d frames of %s without a loss", len(tail), all, kind)
			}
		}
		if a.Lost() && !lostVideo {
			t.Fatal("video is reported lost")
		}
	})
}
