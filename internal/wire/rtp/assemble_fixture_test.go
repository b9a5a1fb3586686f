package rtp

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"slices"
	"time"

	"pgregory.net/rapid"

	"millrace/internal/media"
)

func fromHex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// Parameter sets that x264 wrote: 1920x1080 with B-frames, and 640x360 without.
var (
	largeSPS, largePPS = fromHex("67640028acd940780227e5c044000003000400000300f03c60c658"), fromHex("68ebe3cb22c0")
	smallSPS, smallPPS = fromHex("6742c01ed900a02ff970110000030001000003003c0f162e48"), fromHex("68cb83cb20")
	reordering         = &media.Track{
		Kind: media.Video, Codec: media.H264, Width: 1920, Height: 1080, Reorder: true, Params: [][]byte{largeSPS, largePPS},
	}
	plain = &media.Track{
		Kind: media.Video, Codec: media.H264, Width: 640, Height: 360, Params: [][]byte{smallSPS, smallPPS},
	}
)

// slice makes a NAL unit that begins with the header of an I or P slice.
func slice(first byte, macroblock bool, size int) []byte {
	b := nal(first, max(size, 3))
	b[1] = 0b1_00110_00 // first_mb_in_slice 0, slice_type 5
	if macroblock {
		b[1] = 0b010_00110 // first_mb_in_slice 1
	}
	return b
}

// picture makes an access unit.
func picture(t *rapid.T, key, discardable bool) []byte {
	first := byte(0x41)
	switch {
	case key:
		first = 0x65
	case discardable:
		first = 0x01
	}
	size := rapid.OneOf(rapid.IntRange(3, 40), rapid.IntRange(MaxPayload-6, MaxPayload+6), rapid.IntRange(3, 9000))
	var nals [][]byte
	for range rapid.IntRange(0, 2).Draw(t, "SEI") {
		nals = append(nals, nal(0x06, rapid.IntRange(2, 60).Draw(t, "SEI size")))
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "slices") {
		nals = append(nals, slice(first, i > 0, size.Draw(t, "size")))
	}
	return unit(nals...)
}

// step is the time between two frames of the streams that programme makes.
const step = 20 * time.Millisecond

// programme makes a stream of pictures and sound, in the order of time, whose
// first picture, every ninth and those in keys are key frames.
func programme(t *rapid.T, count int, keys ...int) (frames []*media.Frame) {
	sound := rapid.SampledFrom([]*media.Track{testAAC, testOpus}).Draw(t, "sound")
	for i := range count {
		at := media.Time(i) * media.Time(step)
		stamp := int64(1e18) + int64(at)
		key := i%9 == 0 || slices.Contains(keys, i)
		discardable := !key && rapid.Bool().Draw(t, "discardable")
		v := &media.Frame{
			Track: reordering, DTS: at, PTS: at + media.Time(rapid.IntRange(0, 3).Draw(t, "composition"))*media.Time(step),
			Capture: stamp - 5e6, Arrived: stamp, Key: key, Discardable: discardable, Discontinuity: i == 0,
			Data: picture(t, key, discardable),
		}
		a := &media.Frame{
			Track: sound, DTS: at + 1e6, PTS: at + 1e6, Capture: stamp - 4e6, Arrived: stamp + 1e6, Key: true, Discontinuity: i == 0,
			Data: nal(0xfc, rapid.OneOf(rapid.IntRange(1, 400), rapid.IntRange(1, 4000)).Draw(t, "sound size")),
		}
		frames = append(frames, v, a)
	}
	return frames
}

func packetize(frames []*media.Frame) (packets []media.Packet) {
	p := New()
	for _, f := range frames {
		packets = append(packets, p.Packetize(f)...)
	}
	return packets
}

// travel reorders packets by up to reordering places and repeats some. The
// first packet of sound stays the first of its kind.
func travel(t *rapid.T, packets []media.Packet, reordering int) []media.Packet {
	type dated struct {
		pk media.Packet
		at int
	}
	var on []dated
	sound := false
	for i, pk := range packets {
		delay := rapid.IntRange(0, reordering).Draw(t, "delay")
		if pk.Kind == media.Audio && !sound {
			sound, delay = true, 0
		}
		on = append(on, dated{pk, i + delay})
		if rapid.IntRange(0, 19).Draw(t, "repeated") == 0 {
			on = append(on, dated{pk, i + rapid.IntRange(1, 50).Draw(t, "repeat")})
		}
	}
	slices.SortStableFunc(on, func(a, b dated) int { return cmp.Compare(a.at, b.at) })
	out := make([]media.Packet, len(on))
	for i := range on {
		out[i] = on[i].pk
	}
	return out
}

// ofKind returns the frames of one kind.
func ofKind(frames []*media.Frame, kind media.Kind) (out []*media.Frame) {
	for _, f := range frames {
		if f.Track.Kind == kind {
			out = append(out, f)
		}
	}
	return out
}

func sameFrame(t tester, got, want *media.Frame) {
	t.Helper()
	if got.Track != want.Track {
		t.Fatalf("%s at %d: the track is %+v, not the announced one", want.Track.Kind, want.DTS, got.Track)
	}
	if !bytes.Equal(got.Data, want.Data) {
		t.Fatalf("%s at %d: %d bytes, want %d; first difference at %d", want.Track.Kind, want.DTS,
			len(got.Data), len(want.Data), difference(got.Data, want.Data))
	}
	g, w := *got, *want
	g.Data, w.Data = nil, nil
	if g.DTS != w.DTS || g.PTS != w.PTS || g.Capture != w.Capture || g.Arrived != w.Arrived || g.Key != w.Key ||
		g.Discardable != w.Discardable || g.Discontinuity != w.Discontinuity {
		t.Fatalf("%s: %+v\nwant %+v", want.Track.Kind, g, w)
	}
}

func sameFrames(t tester, got, want []*media.Frame) {
	t.Helper()
	for _, kind := range []media.Kind{media.Video, media.Audio} {
		g, w := ofKind(got, kind), ofKind(want, kind)
		for i := range min(len(g), len(w)) {
			sameFrame(t, g[i], w[i])
		}
		if len(g) != len(w) {
			t.Fatalf("%d frames of %s, want %d", len(g), kind, len(w))
		}
	}
}

// assembleAll runs packets through a, checking what holds for any input.
func assembleAll(t tester, a *Assembler, packets []media.Packet) (frames []*media.Frame) {
	t.Helper()
	for i := range packets {
		before := packets[i]
		out := a.Assemble(&packets[i])
		for j := 1; j < len(out); j++ {
			if out[j].DTS < out[j-1].DTS {
				t.Fatalf("packet %d: frames run back from %d to %d", i, out[j-1].DTS, out[j].DTS)
			}
		}
		frames = append(frames, out...)
		checkBounds(t, a)
		if p := &packets[i]; p.Seq != before.Seq || p.Time != before.Time || len(p.Payload) != len(before.Payload) {
			t.Fatalf("packet %d was changed", i)
		}
	}
	return frames
}

// checkBounds checks that the limits hold and the books are right.
func checkBounds(t tester, a *Assembler) {
	t.Helper()
	for _, l := range []*lane{&a.video.lane, &a.audio.lane} {
		if l.end-l.next > l.span || l.bytes > l.room || int64(len(l.slots)) > l.span {
			t.Fatalf("%d numbers, %d bytes, %d slots wait", l.end-l.next, l.bytes, len(l.slots))
		}
		held, bytes, solid := 0, 0, l.next
		for seq := l.next; seq < l.end; seq++ {
			if pk := l.at(seq); pk != nil {
				held++
				bytes += len(pk.Payload)
				if solid == seq {
					solid++
				}
			}
		}
		for i := range l.slots {
			if l.slots[i].held {
				held--
			}
		}
		if held != 0 || bytes != l.bytes || solid != l.solid || l.gap() && (l.at(l.ahead) == nil || l.ahead <= l.solid) {
			t.Fatalf("the window's books are wrong: %d strays, %d bytes of %d, solid up to %d of %d, %d ahead", held, l.bytes, bytes, l.solid, solid, l.ahead)
		}
	}
}
