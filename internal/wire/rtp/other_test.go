package rtp

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/pion/rtp/codecs"

	"millrace/internal/media"
)

func lengthPrefixed(nals ...[]byte) (b []byte) {
	for _, n := range nals {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(n))), n...)
	}
	return b
}

// noise is n bytes behind a beginning.
func noise(n int, begin ...byte) []byte {
	for i := range n {
		begin = append(begin, byte(i*7))
	}
	return begin
}

// checkPackets looks at what all packets of a frame have in common.
func checkPackets(t *testing.T, pieces []media.Packet, key bool) {
	t.Helper()
	if len(pieces) < 2 {
		t.Fatalf("%d packets", len(pieces))
	}
	for i, pk := range pieces {
		if len(pk.Payload) > MaxPayload || pk.Start != (i == 0) || pk.Marker != (i == len(pieces)-1) || pk.Key != key {
			t.Errorf("packet %d: %d bytes, %+v", i, len(pk.Payload), pk.Key)
		}
		if s, ok := Inspect(pk.Codec, pk.Payload); !ok || i == 0 && s.Key != key {
			t.Errorf("packet %d is seen as %+v, %v", i, s, ok)
		}
	}
}

func TestPacketizeH265(t *testing.T) {
	vps, sps, pps := []byte{0x40, 1, 1}, []byte{0x42, 1, 2}, []byte{0x44, 1, 3}
	slice, sei := noise(5000, 0x26, 1), []byte{0x4e, 1, 5, 1, 0x80}
	track := &media.Track{Kind: media.Video, Codec: media.H265, Params: [][]byte{vps, sps, pps}}
	p := New()
	pieces := p.Packetize(&media.Frame{Track: track, Key: true, Data: lengthPrefixed(sei, slice)})
	checkPackets(t, pieces, true)
	for i, want := range [][]byte{vps, sps, pps, sei} {
		if !bytes.Equal(pieces[i].Payload, want) {
			t.Errorf("packet %d is %x", i, pieces[i].Payload)
		}
	}
	var got []byte
	for _, pk := range pieces[4:] {
		b := pk.Payload
		if b[0]>>1 != nalFU {
			t.Fatalf("a packet of type %d", b[0]>>1)
		}
		if b[2]&0x80 != 0 {
			got = append(got, b[0]&0x81|b[2]&0x3f<<1, b[1])
		}
		got = append(got, b[3:]...)
	}
	if !bytes.Equal(got, slice) || pieces[len(pieces)-1].Payload[2]&0x40 == 0 {
		t.Errorf("the pieces make %d bytes of %d", len(got), len(slice))
	}
	if pieces := p.Packetize(&media.Frame{Track: track, Data: []byte{0, 0, 0, 9, 2, 1}}); len(pieces) != 0 {
		t.Errorf("a cut off unit becomes %d packets", len(pieces))
	}
}

func TestPacketizeVP9(t *testing.T) {
	frame := noise(5000, 0x82, 0x49, 0x83, 0x42, 0, 0x14, 0x10, 0x0f, 0x16, 4)
	pieces := New().Packetize(&media.Frame{Track: &media.Track{Kind: media.Video, Codec: media.VP9}, Key: true, Data: frame})
	checkPackets(t, pieces, true)
	var got []byte
	for _, pk := range pieces {
		var d codecs.VP9Packet
		b, err := d.Unmarshal(pk.Payload)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b...)
	}
	if !bytes.Equal(got, frame) {
		t.Errorf("the packets make %d bytes of %d", len(got), len(frame))
	}
}

func TestPacketizeAV1(t *testing.T) {
	sequence := []byte{0x0a, 0x0b, 0, 0, 0, 4, 0x3d, 7, 0xc4, 0xff, 0xf9, 0x80, 0x40}
	body := noise(5000, 0x10)
	unit := append([]byte{0x32, byte(len(body)&0x7f) | 0x80, byte(len(body) >> 7)}, body...)
	track := &media.Track{Kind: media.Video, Codec: media.AV1}
	pieces := New().Packetize(&media.Frame{Track: track, Key: true, Data: append(sequence, unit...)})
	checkPackets(t, pieces, true)
	var d codecs.AV1Depacketizer
	var got []byte
	for _, pk := range pieces {
		b, err := d.Unmarshal(pk.Payload)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b...)
	}
	if !bytes.Equal(got, append(sequence, unit...)) {
		t.Errorf("the packets make %d bytes of %d", len(got), len(sequence)+len(unit))
	}
	for range 2 {
		if pieces := New().Packetize(&media.Frame{Track: track, Data: []byte{0xff, 0xff, 0xff}}); len(pieces) > 1 {
			t.Errorf("what is no AV1 becomes %d packets", len(pieces))
		}
	}
}
