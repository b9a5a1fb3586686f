package rtp

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"millrace/internal/codec/av1"
	"millrace/internal/codec/h264"
	"millrace/internal/codec/h265"
	"millrace/internal/codec/vp9"
	"millrace/internal/media"
)

// scriptStep is the size of what FuzzAssembler reads per packet: number, time,
// arrival, flags, length of the payload.
const scriptStep = 7

// script writes packets in the form that FuzzAssembler reads.
func script(packets []media.Packet) (b []byte) {
	seq, at, arrived := [2]int64{}, media.Time(0), int64(0)
	for i := range packets {
		pk := &packets[i]
		flags := byte(pk.Codec) & 7
		for bit, set := range map[int]bool{3: pk.Kind == media.Audio, 4: pk.Marker, 5: pk.Discontinuity, 6: pk.Composition != 0} {
			if set {
				flags |= 1 << bit
			}
		}
		b = append(b, byte(pk.Seq-seq[pk.Kind]), byte(pk.Time.Sub(at)/time.Millisecond), byte((pk.Arrived-arrived)/1e6), flags, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(len(pk.Payload)))
		b = append(b, pk.Payload...)
		seq[pk.Kind], at, arrived = pk.Seq, pk.Time, pk.Arrived
	}
	return b
}

// read is the inverse of script: numbers and times are steps from the one
// before; a byte of leap scales them.
func read(b []byte) (packets []media.Packet) {
	seq, at, arrived := [2]int64{}, media.Time(0), int64(0)
	for len(b) >= scriptStep && len(packets) < 400 {
		pk := media.Packet{Codec: media.Codec(b[3] & 7), Marker: b[3]&16 != 0, Discontinuity: b[3]&32 != 0}
		if b[3]&8 != 0 {
			pk.Kind = media.Audio
		}
		if b[3]&64 != 0 {
			pk.Composition = int64(int8(b[1])) * 1e6
		}
		scale := int64(1) << (b[4] & 63)
		seq[pk.Kind] += int64(int8(b[0])) * scale
		at += media.Time(int64(int8(b[1])) * 1e6)
		if b[4] < 128 {
			arrived += int64(b[2]) * 1e6
			pk.Arrived = arrived
		}
		pk.Seq, pk.Time = seq[pk.Kind], at
		n := min(int(binary.BigEndian.Uint16(b[5:])), len(b)-scriptStep)
		pk.Payload = b[scriptStep : scriptStep+n : scriptStep+n]
		b = b[scriptStep+n:]
		packets = append(packets, pk)
	}
	return packets
}

// Whatever comes, limits hold, and what comes out is in order and can be decoded.
func FuzzAssembler(f *testing.F) {
	c, p := newTape(), New()
	var seed []media.Packet
	for i := range 12 {
		seed = append(seed, c.cut(i%5 == 0)...)
		seed = append(seed, p.Packetize(&media.Frame{Track: testAAC, DTS: c.at, PTS: c.at, Arrived: 1e18 + int64(c.at), Data: nal(0x21, 400*i+1)})...)
	}
	f.Add(script(seed))
	for i := 5; i < len(seed); i += 7 {
		seed[i], seed[i-2] = seed[i-2], seed[i]
		seed = append(seed[:i-4], seed[i-3:]...)
	}
	f.Add(script(seed))
	seed = nil
	for i, pk := range sounds(New(), testOpus, 0, 9, 30) {
		pk[0].Discontinuity = i == 5
		seed = append(seed, pk...)
	}
	f.Add(script(seed))
	for _, frames := range syntheses() {
		seed = slices.Concat(cutAll(New(), frames)...)
		f.Add(script(seed))
		f.Add(script(slices.Concat(cutByPion(frames)...)))
		f.Add(script(append(seed[:1:1], seed[2:]...)))
	}
	for _, s := range shapes {
		f.Add(script([]media.Packet{{Codec: s.codec, Marker: true, Payload: unhex(f, s.bytes)}}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		a := NewAssembler(plain, testAAC)
		last, begun := [2]media.Time{}, [2]bool{}
		for _, pk := range read(b) {
			if pk.Discontinuity {
				begun[pk.Kind] = false
			}
			for _, f := range a.Assemble(&pk) {
				kind := f.Track.Kind
				if begun[kind] && f.DTS < last[kind] {
					t.Fatalf("%s runs back from %d to %d", kind, last[kind], f.DTS)
				}
				last[kind], begun[kind] = f.DTS, true
				check(t, f)
			}
			checkBounds(t, a)
			if a.Lost() && !a.video.needKey {
				t.Fatal("a key frame is asked for without need")
			}
		}
		if !bytes.Equal(b, before) {
			t.Fatal("a payload was changed")
		}
	})
}

// check checks what every frame keeps.
func check(t tester, f *media.Frame) {
	t.Helper()
	if len(f.Data) == 0 {
		t.Fatalf("an empty frame of %s", f.Track.Kind)
	}
	if f.Track.Kind == media.Audio {
		if f.PTS != f.DTS || !f.Key || f.Track.Codec != media.Opus && len(f.Track.Config) == 0 {
			t.Fatalf("%+v of %+v", f, f.Track)
		}
		return
	}
	if f.Track.Codec != media.H264 {
		checkOther(t, f)
		return
	}
	if len(f.Track.Params) < 2 {
		t.Fatalf("a picture of %+v", f.Track)
	}
	size, key := 0, false
	for n := range h264.NALs(f.Data) {
		size += 4 + len(n)
		key = key || h264.Type(n) == h264.TypeIDR
		switch h264.Type(n) {
		case h264.TypeSPS, h264.TypePPS, h264.TypeDelimiter, 0, nalSTAPA, nalFUA:
			t.Fatalf("a NAL unit of type %d in a frame", h264.Type(n))
		}
	}
	if size != len(f.Data) || key != f.Key {
		t.Fatalf("%d of %d bytes are NAL units; key is %v", size, len(f.Data), f.Key)
	}
}

// syntheses are two pictures in each of the other codecs, which no encoder wrote.
func syntheses() (all [][]*media.Frame) {
	sequence := fromHex("0a0b000000043d07c4fff98040")
	for codec, data := range map[media.Codec][2][]byte{
		media.H265: {lengthPrefixed(noise(1500, 0x26, 1, 0xaf)), lengthPrefixed(fromHex("4e010501"), noise(100, 0x02, 1, 0xaf))},
		media.AV1:  {append(sequence, noise(1500, 0x32, 0xdd, 0x0b, 0x10)...), noise(100, 0x32, 101, 0x30)},
		media.VP9:  {noise(1500, 0x82, 0x49, 0x83, 0x42, 0, 0x14, 0x10, 0x0f, 0x16, 4), noise(100, 0x86)},
	} {
		track := &media.Track{Kind: media.Video, Codec: codec}
		if codec == media.H265 {
			track.Params = [][]byte{
				fromHex("40010c01ffff01600000030090000003000003003c959809"),
				fromHex("42010101600000030090000003000003003ca00a480f9c9265959a4932bc05a02000000300200000030321"),
				fromHex("4401c172b46240"),
			}
		}
		all = append(all, []*media.Frame{
			{Track: track, Key: true, Arrived: 1e18, Data: data[0]},
			{Track: track, DTS: pace, PTS: pace, Arrived: 1e18 + int64(pace), Data: data[1]},
		})
	}
	return all
}

// Each of them makes frames: a seed that none does would test nothing.
func TestSyntheses(t *testing.T) {
	for _, frames := range syntheses() {
		packets := slices.Concat(cutAll(New(), frames)...)
		if got := assembleAll(t, NewAssembler(nil, nil), packets); len(got) != 2 || !bytes.Equal(got[0].Data, frames[0].Data) {
			t.Errorf("%d frames of %s", len(got), frames[0].Track.Codec)
		}
	}
}

// checkOther is check for pictures of the other codecs.
func checkOther(t tester, f *media.Frame) {
	t.Helper()
	var data []byte
	key := false
	switch f.Track.Codec {
	case media.H265:
		u, err := h265.ParseUnit(f.Data, 4)
		if err != nil || u.Slices == 0 || len(u.Params) > 0 || !h265.Complete(f.Track.Params) {
			t.Fatalf("%+v, %v, of %+v", u, err, f.Track)
		}
		data, key = u.Data, u.Key
	case media.AV1:
		u, err := av1.ParseUnit(f.Data)
		if err != nil || !u.Shows || len(f.Track.Params) != 1 {
			t.Fatalf("%+v, %v, of %+v", u, err, f.Track)
		}
		data, key = u.Data, u.Key
	case media.VP9:
		h, ok := vp9.ParseHeader(f.Data)
		if !ok {
			t.Fatalf("no VP9 frame")
		}
		data, key = f.Data, h.Key
	default:
		t.Fatalf("a picture of %+v", f.Track)
	}
	if !bytes.Equal(data, f.Data) || key != f.Key {
		t.Fatalf("%d bytes of %d are the frame's; key is %v", len(data), len(f.Data), f.Key)
	}
}

// BenchmarkAssemble runs an ordinary stream, 4 Mbit/s of pictures and Opus.
func BenchmarkAssemble(b *testing.B) {
	for name, order := range map[string]int{"in order": 0, "each third late": 3} {
		b.Run(name, func(b *testing.B) {
			var packets []media.Packet
			p, sound := New(), New()
			for i := range 100 {
				at := media.Time(i) * 33e6
				first := byte(0x41)
				if i == 0 {
					first = 0x65
				}
				packets = append(packets, p.Packetize(&media.Frame{Track: plain, DTS: at, PTS: at, Arrived: int64(at) + 1e18, Key: i == 0, Data: unit(slice(first, false, 16_000))})...)
				packets = append(packets, sound.Packetize(&media.Frame{Track: testOpus, DTS: at, PTS: at, Arrived: int64(at) + 1e18, Data: nal(0xfc, 160)})...)
			}
			count := int64(len(packets))
			for i := 10; order > 0 && i < len(packets)-20; i += order {
				packets[i], packets[i-1] = packets[i-1], packets[i]
			}
			a := NewAssembler(plain, testOpus)
			frames, i := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				frames += len(a.Assemble(&packets[i%len(packets)]))
				packets[i%len(packets)].Seq += seqStep(&packets[i%len(packets)], count)
				i++
			}
			if i > 1000 && frames < i/8 {
				b.Fatalf("%d frames of %d packets", frames, i)
			}
		})
	}
}

// seqStep is how many packets of pk's kind a round of the benchmark has.
func seqStep(pk *media.Packet, count int64) int64 {
	if pk.Kind == media.Audio {
		return 100
	}
	return count - 100
}
