package aac

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

var configs = []struct {
	name string
	asc  string
	want Config
	lc   bool
}{
	{"LC 48 kHz stereo", "1190", Config{ObjectType: 2, CoreRate: 48000, OutputRate: 48000, Channels: 2, ChannelConfig: 2, Samples: 1024}, true},
	{"LC 44.1 kHz mono", "1208", Config{ObjectType: 2, CoreRate: 44100, OutputRate: 44100, Channels: 1, ChannelConfig: 1, Samples: 1024}, true},
	{"LC 44.1 kHz, ffmpeg's extension without SBR", "121056e500", Config{ObjectType: 2, CoreRate: 44100, OutputRate: 44100, Channels: 2, ChannelConfig: 2, Samples: 1024}, true},
	{"LC 7.1", "11b8", Config{ObjectType: 2, CoreRate: 48000, OutputRate: 48000, Channels: 8, ChannelConfig: 7, Samples: 1024}, true},
	{"LC 960 samples", "1194", Config{ObjectType: 2, CoreRate: 48000, OutputRate: 48000, Channels: 2, ChannelConfig: 2, Samples: 960}, false},
	{"Main", "0990", Config{ObjectType: 1, CoreRate: 48000, OutputRate: 48000, Channels: 2, ChannelConfig: 2, Samples: 1024}, false},
	{"HE-AAC in front, 24 to 48 kHz", "2b118800", Config{ObjectType: 2, CoreRate: 24000, OutputRate: 48000, Channels: 2, ChannelConfig: 2, SBR: true, Samples: 2048}, false},
	{"HE-AAC v2 in front", "eb098800", Config{ObjectType: 2, CoreRate: 24000, OutputRate: 48000, Channels: 2, ChannelConfig: 1, SBR: true, PS: true, Samples: 2048}, false},
	{"HE-AAC behind", "131056e598", Config{ObjectType: 2, CoreRate: 24000, OutputRate: 48000, Channels: 2, ChannelConfig: 2, SBR: true, Samples: 2048}, false},
	{"HE-AAC v2 behind", "130856e59d4880", Config{ObjectType: 2, CoreRate: 24000, OutputRate: 48000, Channels: 2, ChannelConfig: 1, SBR: true, PS: true, Samples: 2048}, false},
	{"explicit rate", "1780232808", Config{ObjectType: 2, CoreRate: 18000, OutputRate: 18000, Channels: 1, ChannelConfig: 1, Samples: 1024}, true},
	{"layout in a program config element", "118004c400002000", Config{ObjectType: 2, CoreRate: 48000, OutputRate: 48000, Channels: 2, Samples: 1024}, false},
	{"layout in the audio", "1180", Config{ObjectType: 2, CoreRate: 48000, OutputRate: 48000, Samples: 1024}, false},
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseConfig(t *testing.T) {
	for _, c := range configs {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseConfig(unhex(t, c.asc))
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Fatalf("got  %+v\nwant %+v", got, c.want)
			}
			if got.IsLC() != c.lc {
				t.Fatalf("IsLC is %v", got.IsLC())
			}
		})
	}
	for _, asc := range []string{"", "11", "ff", "1198"[:2], "11c0", "f98e", "1680"} {
		if _, err := ParseConfig(unhex(t, asc)); !errors.Is(err, ErrConfig) {
			t.Errorf("%q: error is %v", asc, err)
		}
	}
}

func TestLCConfig(t *testing.T) {
	for _, c := range []struct {
		rate, channels int
		want           string
	}{{48000, 2, "1190"}, {44100, 1, "1208"}, {48000, 8, "11b8"}, {18000, 1, "1780232808"}} {
		got, err := LCConfig(c.rate, c.channels)
		if err != nil || hex.EncodeToString(got) != c.want {
			t.Errorf("%+v: %x, %v", c, got, err)
		}
	}
	for _, c := range [][2]int{{0, 2}, {48000, 0}, {48000, 7}, {1 << 24, 2}} {
		if _, err := LCConfig(c[0], c[1]); !errors.Is(err, ErrConfig) {
			t.Errorf("%v: error is %v", c, err)
		}
	}
}

// The library is the peer: what one writes the other reads.
func TestADTS(t *testing.T) {
	conf := Config{ObjectType: ObjectLC, CoreRate: 44100, OutputRate: 44100, Channels: 2, ChannelConfig: 2, Samples: 1024}
	au := bytes.Repeat([]byte{0xa5}, 700)
	b, err := AppendADTS(nil, conf, len(au))
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, au...)
	var packets mpeg4audio.ADTSPackets
	if err := packets.Unmarshal(b); err != nil {
		t.Fatal(err)
	}
	if p := packets[0]; len(packets) != 1 || p.SampleRate != 44100 || p.ChannelConfig != 2 || !bytes.Equal(p.AU, au) {
		t.Fatalf("got %+v", packets[0])
	}
	h, err := ParseADTS(b)
	if err != nil {
		t.Fatal(err)
	}
	if h.Config != conf || h.FrameSize != len(b) || h.HeaderSize != 7 || h.Blocks != 1 {
		t.Fatalf("got %+v", h)
	}
	if _, err := AppendADTS(nil, conf, 8185); !errors.Is(err, ErrADTS) {
		t.Fatalf("too large: %v", err)
	}
	if _, err := AppendADTS(nil, Config{ObjectType: 2, CoreRate: 18000, ChannelConfig: 1}, 10); !errors.Is(err, ErrADTS) {
		t.Fatalf("odd rate: %v", err)
	}
	for _, bad := range []string{"", "fff150801ffffc"[:10], "00f15080021ffc", "fff17c80021ffc", "fff15080001ffc"} {
		if _, err := ParseADTS(unhex(t, bad)); !errors.Is(err, ErrADTS) {
			t.Errorf("%q: error is %v", bad, err)
		}
	}
}

func TestStreamMuxConfig(t *testing.T) {
	for _, c := range configs {
		t.Run(c.name, func(t *testing.T) {
			b, err := StreamMuxConfig(c.want)
			if c.want.ChannelConfig == 0 {
				if !errors.Is(err, ErrConfig) {
					t.Fatalf("error is %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.want.ObjectType != ObjectLC {
				return // the library knows LC only
			}
			var lib mpeg4audio.StreamMuxConfig
			if err := lib.Unmarshal(b); err != nil {
				t.Fatalf("%x: %v", b, err)
			}
			asc := lib.Programs[0].Layers[0].AudioSpecificConfig
			if asc.SampleRate != c.want.CoreRate || int(asc.ChannelConfig) != c.want.ChannelConfig ||
				(asc.ExtensionType == mpeg4audio.ObjectTypePS) != c.want.PS || (asc.ExtensionType != 0) != c.want.SBR {
				t.Fatalf("got %+v", asc)
			}
			if lib.Programs[0].Layers[0].LatmBufferFullness != 255 || lib.NumSubFrames != 0 {
				t.Fatalf("got %+v", lib)
			}
		})
	}
	if b, err := StreamMuxConfig(configs[0].want); err != nil || hex.EncodeToString(b) != "400023203fc0" {
		t.Fatalf("48 kHz stereo is %x, %v", b, err)
	}
}

// What is written reads the same, and so does what the library writes in the
// other version, which tells the size of the configuration.
func TestParseStreamMuxConfig(t *testing.T) {
	for _, c := range configs {
		if c.want.ChannelConfig == 0 {
			continue
		}
		mux, err := StreamMuxConfig(c.want)
		if err != nil {
			t.Fatal(err)
		}
		asc, err := ParseStreamMuxConfig(mux)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got, err := ParseConfig(asc); err != nil || got != c.want {
			t.Errorf("%s: %x is %+v, %v", c.name, asc, got, err)
		}
		if got, err := ParseStreamMuxConfig(sizedMux(unhex(t, c.asc))); err != nil {
			t.Errorf("%s, with its size: %v", c.name, err)
		} else if got, err := ParseConfig(got); err != nil || got != c.want {
			t.Errorf("%s, with its size: %+v, %v", c.name, got, err)
		}
	}
	if asc, err := ParseStreamMuxConfig(unhex(t, "400024203fc0")); err != nil || hex.EncodeToString(asc) != "1210" {
		t.Errorf("44.1 kHz stereo: %x, %v", asc, err)
	}
}

// sizedMux writes audioMuxVersion 1.
func sizedMux(asc []byte) []byte {
	var w writer
	w.put(1, 1)
	w.put(0, 1)
	w.put(0, 2) // taraBufferFullness in one byte
	w.put(255, 8)
	w.put(1, 1)
	w.put(0, 6+4+3)
	w.put(0, 2)
	w.put(8*len(asc), 8)
	for _, b := range asc {
		w.put(int(b), 8)
	}
	w.put(0, 3)
	w.put(0xff, 8)
	w.put(0, 2)
	return w.b
}

func TestParseStreamMuxConfigRefuses(t *testing.T) {
	mux := func(version, together, frames, programs, layers, kind, other int) []byte {
		w := &writer{}
		w.put(version, 1)
		if version == 1 {
			w.put(1, 1) // audioMuxVersionA
		}
		w.put(together, 1)
		w.put(frames, 6)
		w.put(programs, 4)
		w.put(layers, 3)
		configs[0].want.write(w)
		w.put(kind, 3)
		w.put(0xff, 8)
		w.put(other, 1)
		w.put(0, 1)
		return w.b
	}
	if _, err := ParseStreamMuxConfig(mux(0, 1, 0, 0, 0, 0, 0)); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"empty":                    nil,
		"version A":                mux(1, 1, 0, 0, 0, 0, 0),
		"frames apart":             mux(0, 0, 0, 0, 0, 0, 0),
		"frames together":          mux(0, 1, 1, 0, 0, 0, 0),
		"programs":                 mux(0, 1, 0, 1, 0, 0, 0),
		"layers":                   mux(0, 1, 0, 0, 1, 0, 0),
		"fixed length":             mux(0, 1, 0, 0, 0, 1, 0),
		"other data":               mux(0, 1, 0, 0, 0, 0, 1),
		"short":                    mux(0, 1, 0, 0, 0, 0, 0)[:4],
		"larger than it is":        sizedMux(unhex(t, "1190"))[:5],
		"layout in the audio":      sizedMux(unhex(t, "1180")),
		"no AAC in it":             sizedMux(unhex(t, "f98e")),
		"a configuration too long": append([]byte{0x80, 0x3f, 0xe0, 0x00, 0x07}, bytes.Repeat([]byte{0xff}, 8)...),
	} {
		if asc, err := ParseStreamMuxConfig(b); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %x, %v", name, asc, err)
		}
	}
}

func TestPayloadLength(t *testing.T) {
	for n, want := range map[int]string{0: "00", 1: "01", 254: "fe", 255: "ff00", 256: "ff01", 510: "ffff00", 700: "ffffbe"} {
		got := AppendPayloadLength(nil, n)
		if hex.EncodeToString(got) != want || len(got) != PayloadLengthSize(n) {
			t.Errorf("%d: %x, size %d", n, got, PayloadLengthSize(n))
		}
	}
}

func FuzzConfig(f *testing.F) {
	for _, c := range configs {
		f.Add(unhex(f, c.asc))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseConfig(b)
		if err != nil {
			return
		}
		if c.CoreRate < 1 || c.OutputRate < 1 || c.Channels < 0 {
			t.Fatalf("%+v", c)
		}
		if c.ChannelConfig == 0 {
			return
		}
		// What is written with SBR in front reads the same.
		var w writer
		c.write(&w)
		again, err := ParseConfig(w.b)
		if err != nil || again != c {
			t.Fatalf("%+v became %+v, %v", c, again, err)
		}
	})
}

func FuzzADTS(f *testing.F) {
	f.Add(unhex(f, "fff15080021ffc"))
	f.Add(unhex(f, "fff04c80021ffc0000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseADTS(b)
		if err != nil {
			return
		}
		if h.FrameSize < h.HeaderSize || h.Blocks < 1 || h.Blocks > 4 {
			t.Fatalf("%+v", h)
		}
		out, err := AppendADTS(nil, h.Config, h.FrameSize-h.HeaderSize)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseADTS(out); err != nil || again.Config != h.Config {
			t.Fatalf("%+v became %+v, %v", h, again, err)
		}
	})
}

// A configuration that is taken is one that the rest of the server can use.
func FuzzStreamMuxConfig(f *testing.F) {
	f.Add(unhex(f, "400024203fc0"))
	for _, c := range configs {
		if mux, err := StreamMuxConfig(c.want); err == nil {
			f.Add(mux)
		}
		f.Add(sizedMux(unhex(f, c.asc)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		asc, err := ParseStreamMuxConfig(b)
		if err != nil {
			if !errors.Is(err, ErrConfig) {
				t.Fatal(err)
			}
			return
		}
		c, err := ParseConfig(asc)
		if err != nil {
			t.Fatalf("%x: %v", asc, err)
		}
		mux, err := StreamMuxConfig(c)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		again, err := ParseStreamMuxConfig(mux)
		if err != nil || !bytes.Equal(again, asc) {
			t.Fatalf("%x came back as %x, %v", asc, again, err)
		}
	})
}
