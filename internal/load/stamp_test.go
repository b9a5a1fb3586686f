package load

import (
	"bytes"
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"

	"millrace/internal/media"
	wire "millrace/internal/wire/rtp"
)

// What a stamp says comes back, and nothing in it looks like a start code.
func TestStampComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := stamp{
			at: rapid.Int64Min(0).Draw(t, "at"), number: rapid.Uint32().Draw(t, "number"), stream: rapid.Uint32().Draw(t, "stream"),
			size: rapid.IntRange(0, 1<<28-1).Draw(t, "size"), key: rapid.Bool().Draw(t, "key"),
		}
		before := rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "before")
		b := appendStamp(bytes.Clone(before), s)
		if len(b) != len(before)+stampSize {
			t.Fatalf("%d bytes", len(b)-len(before))
		}
		for _, c := range b[len(before):] {
			if c < 0x80 {
				t.Fatalf("byte %#x", c)
			}
		}
		got, rest, ok := findStamp(append(b, "rest"...))
		if !bytes.Contains(before, []byte(stampMagic)) && (!ok || got != s || string(rest) != "rest") {
			t.Fatalf("%+v, %q, %v", got, rest, ok)
		}
		b[len(before)+stampSize-7] ^= 1
		if got, _, ok := findStamp(b); ok && got == s {
			t.Fatal("a damaged stamp is taken")
		}
	})
}

func FuzzFindStamp(f *testing.F) {
	f.Add(appendStamp(nil, stamp{at: 1, key: true}))
	f.Add(FullHD.frame(stamp{number: 7})[:300])
	f.Add([]byte(stampMagic))
	f.Fuzz(func(_ *testing.T, b []byte) { findStamp(b) })
}

// Pictures have the sizes of their shape and carry their stamp; so does sound.
func TestFramesCarryTheirStamp(t *testing.T) {
	for _, s := range []stamp{{at: 5, number: 3, stream: 9}, {at: 6, number: 60, stream: 9, key: true}} {
		b := FullHD.frame(s)
		got, rest, ok := findStamp(b)
		s.size = FullHD.frameSize(s.key)
		if !ok || got != s || int(binary.BigEndian.Uint32(b)) != s.size || len(b) != s.size+4 || !bytes.Equal(rest, noiseOf(s, len(rest))) {
			t.Errorf("%+v: %+v, %v, %d bytes", s, got, ok, len(b))
		}
	}
	perGOP := FullHD.frameSize(true) + 59*FullHD.frameSize(false)
	if want := FullHD.Bits / 8 * 2; perGOP > want || perGOP < want-60 {
		t.Errorf("%d bytes per group of pictures, want %d", perGOP, want)
	}
	if got, _, ok := findStamp(opusPacket(stamp{at: 7})); !ok || got.at != 7 || got.size != opusSize {
		t.Errorf("sound: %+v, %v", got, ok)
	}
}

// rtpOf is the packets of a frame as the lane sees them.
func rtpOf(p *wire.Packetizer, f *media.Frame) (heads []header, payloads [][]byte) {
	for _, pk := range p.Packetize(f) {
		heads = append(heads, header{seq: uint16(pk.Seq + 65530), time: uint32(pk.Time / 1000), marker: pk.Marker, pt: h264PT})
		payloads = append(payloads, pk.Payload)
	}
	return heads, payloads
}

// A lane finds whole access units and no others, over the wrap of the sequence
// numbers.
func TestLaneFindsWholeFrames(t *testing.T) {
	track := &media.Track{Kind: media.Video, Codec: media.H264, Params: [][]byte{sps, pps}}
	p, l, s := wire.New(), lane{next: -1, verify: verify{on: true}}, newSeen()
	for n := range uint32(6) {
		key := n == 0
		at := media.Time(n) * 33_000_000
		heads, payloads := rtpOf(p, &media.Frame{Track: track, DTS: at, PTS: at, Key: key, Data: FullHD.frame(stamp{at: 1000, number: n, key: key})})
		for i, h := range heads {
			if n == 2 && i == 1 || n == 4 && i == len(heads)-1 {
				continue // lost
			}
			l.take(h, 2000+int64(n), s, func() ([]byte, bool) { return payloads[i], true })
		}
	}
	// The third and the fifth are not whole, and nobody knows whether the sixth,
	// behind a gap, has lost its beginning.
	if got := s.frames.Load(); got != 3 {
		t.Errorf("%d whole frames", got)
	}
	if s.lost.Load() != 2 || s.firstKey.Load() != 2000 {
		t.Errorf("lost %d, first key at %d", s.lost.Load(), s.firstKey.Load())
	}
	if s.wrong.Load() != 0 {
		t.Errorf("%d packets are wrong", s.wrong.Load())
	}
	heads, payloads := rtpOf(p, &media.Frame{Track: track, DTS: 1e9, PTS: 1e9, Key: true, Data: FullHD.frame(stamp{number: 6, key: true})})
	payloads[3][9] ^= 1
	l.next, l.started = int32(heads[0].seq), true
	for i, h := range heads {
		l.take(h, 2000, s, func() ([]byte, bool) { return payloads[i], true })
	}
	if s.wrong.Load() != 1 || s.frames.Load() != 3 {
		t.Errorf("of a damaged picture %d packets are wrong; %d frames", s.wrong.Load(), s.frames.Load())
	}
	l.take(header{seq: uint16(l.next - 3)}, 0, s, nil)
	if s.late.Load() != 1 {
		t.Error("a packet of before is not late")
	}
}
