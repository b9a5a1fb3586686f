package h264

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
)

// configs are avcC records that ffmpeg 5.1 wrote for libx264.
var configs = []struct {
	name          string
	avcC          string
	profile       byte
	width, height int
	reorder       int
}{
	{"baseline", "0142c01effe100196742c01ed900a02ff970110000030001000003003c0f162e4801000568cb83cb20", 66, 640, 360, 0},
	{"high, B-frames, cropped", "01640028ffe1001b67640028acd940780227e5c044000003000400000300f03c60c65801000668ebe3cb22c0fdf8f800", 100, 1920, 1080, 2},
	{"main without B-frames, cropped", "014d401effe1001a674d401ed900a42fe224c044000003000400000300f03c58b92001000568ebc3cb20", 77, 642, 362, 0},
	{"interlaced", "0164001fffe100186764001facd940b424d80880000003008000001e0f8b16cb01000668fba3cb22c0fdf8f800", 100, 720, 576, 2},
	{"4:4:4", "01f4000dffe1001967f4000d919b28283f6022000003000200000300781e28532c01000668ebe3c44844fff8f800", 244, 320, 240, 2},
	{"4:2:2", "017a000dffe10017677a000dbcb20283f60220000003002000000781e2854901000668ebc3cb22c0fef8f800", 122, 320, 240, 0},
	{"monochrome, cropped", "0164000dffe1001b6764000df2c80a843c7c7e02d90000030001000003003c0f142a4801000668ebc3cb22c0fcf8f800", 100, 322, 242, 0},
	{"zero latency", "0164001effe1001a6764001eacb201405ff2e022000003000200000300791e2c5c9001000668ebc3cb22c0fdf8f800", 100, 640, 360, 0},
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestConfig(t *testing.T) {
	for _, c := range configs {
		t.Run(c.name, func(t *testing.T) {
			raw := unhex(t, c.avcC)
			conf, err := ParseConfig(raw)
			if err != nil {
				t.Fatal(err)
			}
			if conf.LengthSize != 4 || len(conf.SPS) != 1 || len(conf.PPS) != 1 {
				t.Fatalf("got %+v", conf)
			}
			sps, err := ParseSPS(conf.SPS[0])
			if err != nil {
				t.Fatal(err)
			}
			if sps.Profile != c.profile || sps.Width != c.width || sps.Height != c.height || sps.MaxReorder != c.reorder {
				t.Fatalf("got %+v", sps)
			}
			if sps.Reorders() != (c.reorder > 0) {
				t.Fatalf("Reorders is %v", sps.Reorders())
			}
			built, err := BuildConfig(conf.Params())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(built, raw) {
				t.Fatalf("built\n%x, ffmpeg wrote\n%x", built, raw)
			}
		})
	}
}

// A main profile SPS without VUI leaves open how far pictures are reordered.
func TestSPSWithoutReorderStatement(t *testing.T) {
	sps, err := ParseSPS(unhex(t, "674d001ff402802dc8"))
	if err != nil {
		t.Fatal(err)
	}
	if sps.Width != 1280 || sps.Height != 720 || sps.MaxReorder != -1 || sps.Reorders() {
		t.Fatalf("got %+v", sps)
	}
}

func TestConfigErrors(t *testing.T) {
	good := unhex(t, configs[1].avcC)
	three := slices.Clone(good)
	three[4] = 0xfe
	for name, b := range map[string][]byte{
		"empty":            nil,
		"version 0":        append([]byte{0}, good[1:]...),
		"3-byte lengths":   three,
		"no SPS":           {1, 66, 0, 30, 0xff, 0xe0, 0},
		"SPS cut off":      good[:20],
		"set count beyond": {1, 66, 0, 30, 0xff, 0xff, 0, 1, 0x67},
	} {
		if _, err := ParseConfig(b); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	if _, err := BuildConfig([][]byte{{0x68, 1}}); !errors.Is(err, ErrConfig) {
		t.Errorf("build without SPS: error is %v", err)
	}
}

var (
	testSPS = []byte{0x67, 0x64, 0x00, 0x0c, 0xac, 0x3b, 0x50, 0xb0, 0x4b, 0x42, 0x00, 0x00, 0x03, 0x00, 0x02, 0x00, 0x00, 0x03, 0x00, 0x3d, 0x08}
	testPPS = []byte{0x68, 0xee, 0x3c, 0x80}
	testAUD = []byte{0x09, 0xf0}
	testSEI = []byte{0x06, 0x06, 0x01, 0xc4, 0x80} // recovery point
	// Slice headers: first_mb_in_slice 0, slice_type 7 (I), 5 (P), 6 (B), and
	// the second slice of a B picture, at macroblock 100.
	sliceIDR  = []byte{0x65, 0b1_0001000, 0x11}
	sliceP    = []byte{0x41, 0b1_00110_00, 0x22}
	sliceB    = []byte{0x01, 0b1_00111_00, 0x33}
	sliceRefB = []byte{0x41, 0b1_010_0000, 0x44} // slice_type 1
	sliceB2   = []byte{0x01, 0b00000011, 0b00101_001, 0b11_000000}
)

func prefixed(size int, nals ...[]byte) []byte {
	var out []byte
	for _, n := range nals {
		switch size {
		case 1:
			out = append(out, byte(len(n)))
		case 2:
			out = append(out, byte(len(n)>>8), byte(len(n)))
		default:
			out = append(out, 0, 0, byte(len(n)>>8), byte(len(n)))
		}
		out = append(out, n...)
	}
	return out
}

var units = []struct {
	name string
	in   [][]byte
	kept [][]byte
	want Unit
}{
	{"key with everything", [][]byte{testAUD, testSPS, testPPS, testSEI, sliceIDR}, [][]byte{testSEI, sliceIDR},
		Unit{Params: [][]byte{testSPS, testPPS}, Slices: 1, Key: true}},
	{"sets in the middle", [][]byte{testSEI, testSPS, {}, testPPS, sliceIDR, {0x0c, 0xff}, sliceIDR}, [][]byte{testSEI, sliceIDR, sliceIDR},
		Unit{Params: [][]byte{testSPS, testPPS}, Slices: 2, Key: true}},
	{"recovery point is no key", [][]byte{testSEI, sliceP}, [][]byte{testSEI, sliceP}, Unit{Slices: 1}},
	{"B, discardable", [][]byte{sliceB, sliceB2}, [][]byte{sliceB, sliceB2}, Unit{Slices: 2, B: true, Discardable: true}},
	{"B that others refer to", [][]byte{sliceRefB}, [][]byte{sliceRefB}, Unit{Slices: 1, B: true}},
	{"one slice is referred to", [][]byte{sliceB, sliceP}, [][]byte{sliceB, sliceP}, Unit{Slices: 2, B: true}},
	{"sets alone", [][]byte{testSPS, testPPS}, nil, Unit{Params: [][]byte{testSPS, testPPS}}},
	{"nothing", nil, nil, Unit{}},
	{"slice without a header", [][]byte{{0x41}}, [][]byte{{0x41}}, Unit{Slices: 1}},
}

func TestParseUnit(t *testing.T) {
	for _, c := range units {
		for _, size := range []int{1, 2, 4} {
			t.Run(c.name, func(t *testing.T) {
				u, err := ParseUnit(prefixed(size, c.in...), size)
				if err != nil {
					t.Fatal(err)
				}
				if want := prefixed(4, c.kept...); !bytes.Equal(u.Data, want) {
					t.Errorf("data is %x, want %x", u.Data, want)
				}
				if !slices.EqualFunc(u.Params, c.want.Params, bytes.Equal) {
					t.Errorf("params are %x", u.Params)
				}
				if u.Slices != c.want.Slices || u.Key != c.want.Key || u.B != c.want.B || u.Discardable != c.want.Discardable {
					t.Errorf("got %+v", u)
				}
				if got := slices.Collect(NALs(u.Data)); !slices.EqualFunc(got, c.kept, bytes.Equal) {
					t.Errorf("NAL units are %x", got)
				}
			})
		}
	}
}

// Drones and broadcast encoders cut pictures into more slices than libraries
// expect.
func TestManySlices(t *testing.T) {
	nals := [][]byte{testAUD, testSPS, testPPS}
	for range 500 {
		nals = append(nals, sliceIDR)
	}
	u, err := ParseUnit(prefixed(4, nals...), 4)
	if err != nil || u.Slices != 500 || !u.Key || !bytes.Equal(u.Data, prefixed(4, nals[3:]...)) {
		t.Fatalf("got %d slices, key %v, %d bytes, %v", u.Slices, u.Key, len(u.Data), err)
	}
}

func TestParseUnitErrors(t *testing.T) {
	for _, b := range [][]byte{{0}, {0, 0, 0, 2, 1}, {0, 0, 0, 1, 0x65, 0x88}, {0xff, 0xff, 0xff, 0xff, 1}} {
		if _, err := ParseUnit(slices.Clone(b), 4); !errors.Is(err, ErrLength) {
			t.Errorf("%x: error is %v", b, err)
		}
	}
	if _, err := ParseUnit([]byte{0, 0, 1, 1}, 3); !errors.Is(err, ErrLengthSize) {
		t.Errorf("error is %v", err)
	}
}

func TestMergeParams(t *testing.T) {
	sps0, sps1 := []byte{0x67, 66, 0, 30, 0x80}, []byte{0x67, 66, 0, 30, 0b010_00000}
	pps0, pps0b, pps1 := []byte{0x68, 0x80}, []byte{0x68, 0x81}, []byte{0x68, 0b010_00000}
	bad := []byte{0x67, 66}
	for _, c := range []struct {
		name              string
		held, fresh, want [][]byte
		changed           bool
	}{
		{"same", [][]byte{sps0, pps0}, [][]byte{sps0, pps0}, [][]byte{sps0, pps0}, false},
		{"nothing", [][]byte{sps0, pps0}, nil, [][]byte{sps0, pps0}, false},
		{"PPS replaced", [][]byte{sps0, pps0}, [][]byte{sps0, pps0b}, [][]byte{sps0, pps0b}, true},
		{"SPS added before PPS", [][]byte{sps0, pps0}, [][]byte{sps1}, [][]byte{sps0, sps1, pps0}, true},
		{"PPS added", [][]byte{sps0, pps0}, [][]byte{pps1}, [][]byte{sps0, pps0, pps1}, true},
		{"first ones", nil, [][]byte{pps0, sps0}, [][]byte{sps0, pps0}, true},
		{"unreadable", [][]byte{sps0}, [][]byte{bad}, [][]byte{sps0}, false},
	} {
		held := slices.Clone(c.held)
		got, changed := MergeParams(c.held, c.fresh)
		if changed != c.changed || !slices.EqualFunc(got, c.want, bytes.Equal) {
			t.Errorf("%s: got %x, %v", c.name, got, changed)
		}
		if !slices.EqualFunc(held, c.held, bytes.Equal) {
			t.Errorf("%s: the held sets were written to", c.name)
		}
	}
	if got := AppendParams(nil, [][]byte{sps0, pps0}); len(got) != ParamsSize([][]byte{sps0, pps0}) || got[3] != 5 {
		t.Errorf("AppendParams wrote %x", got)
	}
}

func BenchmarkParseUnit(b *testing.B) {
	frame := prefixed(4, testSEI, sliceP, sliceP, sliceP, append(bytes.Clone(sliceP), make([]byte, 10_000)...))
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseUnit(frame, 4); err != nil {
			b.Fatal(err)
		}
	}
}

func TestParseUnitDoesNotAllocate(t *testing.T) {
	frame := prefixed(4, testSEI, sliceP, sliceP)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := ParseUnit(frame, 4); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Fatalf("%v allocations per frame", n)
	}
}
