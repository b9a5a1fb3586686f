package rtp

import (
	"bytes"
	"testing"

	"millrace/internal/codec/aac"
	"millrace/internal/media"
)

// latm puts a run of ADTS pieces into the form of RFC 6416.
func latm(packets []media.Packet) {
	whole := 0
	for i := range packets {
		whole += len(packets[i].Payload)
	}
	p := aac.AppendPayloadLength(nil, whole-aac.ADTSHeaderSize)
	packets[0].Payload = append(p, packets[0].Payload[aac.ADTSHeaderSize:]...)
}

// There and back, in one packet or several, frames are the same.
func TestADTSFromLATM(t *testing.T) {
	for _, size := range []int{1, 254, 255, 256, 510, 1000, 1143, 1144, 4000, 8184} {
		f := &media.Frame{Track: testAAC, DTS: 7, PTS: 7, Key: true, Data: nal(0x21, size)}
		packets := New().Packetize(f)
		want := bytes.Clone(packets[0].Payload)
		latm(packets)
		adts, ok := ADTSFromLATM(testAAC.Config, packets[0].Payload)
		if !ok || !bytes.Equal(adts, want) {
			t.Fatalf("%d bytes: %x, %v", size, adts[:min(20, len(adts))], ok)
		}
		packets[0].Payload = adts
		sameFrames(t, assembleAll(t, NewAssembler(nil, testAAC), packets), []*media.Frame{f})
	}
}

func TestADTSFromLATMPadded(t *testing.T) {
	got, ok := ADTSFromLATM(testAAC.Config, []byte{3, 1, 2, 0, 0, 0})
	if h, err := aac.ParseADTS(got); !ok || err != nil || h.FrameSize != 10 || len(got) != 10 || h.Config.CoreRate != 44100 {
		t.Fatalf("%x, %v", got, ok)
	}
}

func TestADTSFromLATMRefuses(t *testing.T) {
	for name, c := range map[string]struct{ config, payload []byte }{
		"no configuration":  {nil, []byte{1, 1}},
		"a rate unknown":    {[]byte{0x17, 0x80, 0x23, 0x28, 0x08}, []byte{1, 1}},
		"nothing":           {testAAC.Config, nil},
		"a length cut off":  {testAAC.Config, []byte{255, 255}},
		"an empty unit":     {testAAC.Config, []byte{0, 1}},
		"a length alone":    {testAAC.Config, []byte{1}},
		"two units":         {testAAC.Config, []byte{1, 1, 1, 1}},
		"more than in ADTS": {testAAC.Config, append(aac.AppendPayloadLength(nil, 8185), 1)},
	} {
		if got, ok := ADTSFromLATM(c.config, c.payload); ok || got != nil {
			t.Errorf("%s became %x", name, got)
		}
	}
}

func FuzzADTSFromLATM(f *testing.F) {
	f.Add(testAAC.Config, []byte{3, 1, 2, 3})
	f.Add([]byte{0x2b, 0x11, 0x88, 0x00}, append(aac.AppendPayloadLength(nil, 700), make([]byte, 700)...))
	f.Add([]byte{0x11, 0x88}, append(aac.AppendPayloadLength(nil, 8184), make([]byte, 1100)...))
	f.Add([]byte{0x11, 0x88}, []byte{255, 255, 255})
	f.Fuzz(func(t *testing.T, config, payload []byte) {
		adts, ok := ADTSFromLATM(config, payload)
		if !ok {
			return
		}
		h, err := aac.ParseADTS(adts)
		if err != nil || h.Blocks != 1 || h.HeaderSize != aac.ADTSHeaderSize || len(adts) > h.FrameSize {
			t.Fatalf("%x of %d bytes: %+v, %v", adts[:min(len(adts), 9)], len(adts), h, err)
		}
		// What is written in LATM again is what was there, but for zeros at the end.
		again := aac.AppendPayloadLength(nil, h.FrameSize-h.HeaderSize)
		again = append(again, adts[h.HeaderSize:]...)
		if !bytes.HasPrefix(payload, again) || len(bytes.Trim(payload[len(again):], "\x00")) > 0 {
			t.Fatalf("%x became %x", payload, again)
		}
	})
}

// A fragment of AAC that looks like a header is none.
func TestLATMFragments(t *testing.T) {
	config, err := aac.ParseConfig(testAAC.Config)
	if err != nil {
		t.Fatal(err)
	}
	unit := bytes.Repeat([]byte{0xff, 0xf1, 0x50, 0x80}, 1000)
	adts, err := aac.AppendADTS(nil, config, len(unit))
	if err != nil {
		t.Fatal(err)
	}
	whole := append(adts, unit...)
	got := LATMFromADTS(whole[:1150+1], true)
	got = append(got, LATMFromADTS(whole[1150+1:2300+1], false)...)
	got = append(got, LATMFromADTS(whole[2300+1:], false)...)
	want := append(aac.AppendPayloadLength(nil, len(unit)), unit...)
	if !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, want %d", len(got), len(want))
	}
}

// A header with a checksum goes away whole.
func TestLATMOfChecksum(t *testing.T) {
	adts := []byte{0xff, 0xf0, 0x50, 0x80, 0x01, 0x7f, 0xfc, 0xaa, 0xbb, 1, 2}
	if got := LATMFromADTS(adts, true); !bytes.Equal(got, []byte{2, 1, 2}) {
		t.Fatalf("%x", got)
	}
}

func FuzzLATMFromADTS(f *testing.F) {
	f.Add([]byte{0xff, 0xf1, 0x50, 0x80, 0x01, 0x1f, 0xfc}, true)
	f.Add([]byte{0xff, 0xf1, 0x50, 0x80, 0x00, 0x1f, 0xfc, 1}, true)
	f.Fuzz(func(t *testing.T, b []byte, start bool) {
		if out := LATMFromADTS(b, start); len(out) > len(b)+40 {
			t.Fatalf("%d bytes became %d", len(b), len(out))
		}
	})
}
