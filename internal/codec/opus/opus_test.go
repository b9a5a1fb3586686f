package opus

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
	"time"
)

func TestSamples(t *testing.T) {
	for _, c := range []struct {
		packet []byte
		want   int
		stereo bool
	}{
		{nil, 0, false},
		{[]byte{31 << 3}, 960, false},               // CELT fullband, 20 ms, one frame
		{[]byte{31<<3 | 4 | 1}, 1920, true},         // two frames
		{[]byte{31<<3 | 3, 3}, 2880, false},         // three frames
		{[]byte{28 << 3}, 120, false},               // 2.5 ms
		{[]byte{3 << 3}, 2880, false},               // SILK 60 ms
		{[]byte{3<<3 | 3, 3}, 0, false},             // 180 ms is too long
		{[]byte{31<<3 | 3}, 0, false},               // count missing
		{[]byte{15<<3 | 2, 1, 2}, 1920, false},      // hybrid, two frames of different size
		{[]byte{16<<3 | 3, 0x80 | 48}, 5760, false}, // 48 frames of 2.5 ms
	} {
		if got := Samples(c.packet); got != c.want {
			t.Errorf("%x: %d samples, want %d", c.packet, got, c.want)
		}
		if got := Stereo(c.packet); got != c.stereo {
			t.Errorf("%x: stereo %v", c.packet, got)
		}
	}
	if d := Duration([]byte{31 << 3}); d != 20*time.Millisecond {
		t.Errorf("duration is %v", d)
	}
}

// ogg is the header that ffmpeg 5.1's libopus writes for 48 kHz stereo.
const ogg = "4f707573486561640102380180bb0000000000"

var heads = []struct {
	name, bytes string
	want        Head
}{
	{"stereo", ogg, Head{Channels: 2, PreSkip: 312, InputRate: 48000}},
	{"mono with gain", "4f7075734865616401010000" + "44ac0000" + "00ff" + "00", Head{Channels: 1, InputRate: 44100, Gain: -256}},
	{"5.1", "4f7075734865616401060000" + "80bb0000" + "0000" + "01" + "0402000401020305", Head{Channels: 6, InputRate: 48000, Family: 1, Mapping: []byte{4, 2, 0, 4, 1, 2, 3, 5}}},
}

func TestHead(t *testing.T) {
	for _, c := range heads {
		raw, err := hex.DecodeString(c.bytes)
		if err != nil {
			t.Fatal(err)
		}
		h, err := ParseHead(raw)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if h.Channels != c.want.Channels || h.PreSkip != c.want.PreSkip || h.InputRate != c.want.InputRate ||
			h.Gain != c.want.Gain || h.Family != c.want.Family || !bytes.Equal(h.Mapping, c.want.Mapping) {
			t.Errorf("%s: got %+v", c.name, h)
		}
		if got := h.Append(nil); !bytes.Equal(got, raw) {
			t.Errorf("%s: wrote %x", c.name, got)
		}
	}
	for name, b := range map[string]string{
		"empty": "", "cut off": ogg[:36], "magic": "50" + ogg[2:], "version 16": ogg[:16] + "10" + ogg[18:],
		"no channels": ogg[:18] + "00" + ogg[20:], "three in family 0": ogg[:18] + "03" + ogg[20:], "mapping cut off": ogg[:36] + "01",
	} {
		raw, err := hex.DecodeString(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseHead(raw); !errors.Is(err, ErrHead) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func FuzzHead(f *testing.F) {
	for _, c := range heads {
		raw, err := hex.DecodeString(c.bytes)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := Samples(b); n < 0 || n > maxPacket {
			t.Fatalf("%d samples", n)
		}
		h, err := ParseHead(b)
		if err != nil {
			return
		}
		if again, err := ParseHead(h.Append(nil)); err != nil || again.Channels != h.Channels {
			t.Fatalf("%+v became %+v, %v", h, again, err)
		}
	})
}
