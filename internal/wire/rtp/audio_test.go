package rtp

import (
	"bytes"
	"testing"

	"millrace/internal/codec/aac"
	"millrace/internal/media"
)

func TestADTS(t *testing.T) {
	for _, size := range []int{0, 1, 371, MaxPayload - aac.ADTSHeaderSize, MaxPayload, 4000, 8184} {
		f := &media.Frame{Track: testAAC, DTS: 1, PTS: 1, Key: true, Data: nal(0x21, max(size, 1))[:size]}
		packets := New().Packetize(f)
		checkRun(t, f, packets, 0)
		var whole []byte
		for i := range packets {
			whole = append(whole, packets[i].Payload...)
		}
		h, err := aac.ParseADTS(whole)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if h.FrameSize != len(whole) || h.Config.CoreRate != 44100 || h.Config.Channels != 2 || h.Config.ObjectType != aac.ObjectLC {
			t.Fatalf("%d bytes: header %+v before %d bytes", size, h, len(whole))
		}
		if !bytes.Equal(whole[h.HeaderSize:], f.Data) {
			t.Fatalf("%d bytes: the access unit changed", size)
		}
		if want := (len(whole) + MaxPayload - 1) / MaxPayload; len(packets) != want {
			t.Fatalf("%d bytes: %d packets, want %d", size, len(packets), want)
		}
	}
}

// An ADTS header counts 13 bits of length and knows no configuration beyond its own.
func TestADTSRefuses(t *testing.T) {
	p := New()
	broken := &media.Track{Kind: media.Audio, Codec: media.AAC, Config: []byte{0xff}}
	for name, f := range map[string]*media.Frame{
		"too large":        {Track: testAAC, Data: make([]byte, 8185)},
		"no configuration": {Track: broken, Data: make([]byte, 100)},
	} {
		if got := p.Packetize(f); len(got) != 0 {
			t.Errorf("%s: %d packets", name, len(got))
		}
	}
	// A frame that cannot be sent uses up no number.
	if got := p.Packetize(&media.Frame{Track: testAAC, Data: make([]byte, 10)}); len(got) != 1 || got[0].Seq != 0 {
		t.Fatalf("after refusals: %+v", got)
	}
}

// The track may change between two frames.
func TestADTSTrackChange(t *testing.T) {
	p := New()
	mono := &media.Track{Kind: media.Audio, Codec: media.AAC, Config: []byte{0x11, 0x88}} // 48 kHz, mono
	p.Packetize(&media.Frame{Track: testAAC, Data: make([]byte, 10)})
	got := p.Packetize(&media.Frame{Track: mono, Data: make([]byte, 10)})
	h, err := aac.ParseADTS(got[0].Payload)
	if err != nil || h.Config.CoreRate != 48000 || h.Config.Channels != 1 {
		t.Fatalf("header %+v, %v", h, err)
	}
}

func TestOpusIsNotCopied(t *testing.T) {
	f := &media.Frame{Track: testOpus, DTS: 20, PTS: 20, Key: true, Data: nal(0xfc, 160)}
	p := New()
	packets := p.Packetize(f)
	checkRun(t, f, packets, 0)
	if len(packets) != 1 || &packets[0].Payload[0] != &f.Data[0] || len(packets[0].Payload) != len(f.Data) {
		t.Fatal("the payload is not the frame itself")
	}
	// Sound and pictures are numbered apart.
	p.Packetize(&media.Frame{Track: testVideo, Data: unit(nal(0x41, 3000))})
	if got := p.Packetize(f); got[0].Seq != 1 {
		t.Fatalf("second packet has number %d", got[0].Seq)
	}
}

// What no datagram holds would be cut off or refused by the kernel; an empty
// packet says nothing.
func TestOpusRefuses(t *testing.T) {
	for _, size := range []int{0, 8000, 70_000} {
		if got := New().Packetize(&media.Frame{Track: testOpus, Data: make([]byte, size)}); len(got) != 0 {
			t.Errorf("a packet of %d bytes was passed on", size)
		}
	}
}
