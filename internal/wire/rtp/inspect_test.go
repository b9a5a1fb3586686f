package rtp

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"millrace/internal/media"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// shapes are payloads and what they tell. bad ones are malformed.
var shapes = []struct {
	codec media.Codec
	name  string
	bytes string
	want  Shape
	bad   bool
}{
	{media.H264, "IDR slice", "65 88 84", Shape{Key: true}, false},
	{media.H264, "slice", "41 9a 24", Shape{}, false},
	{media.H264, "slice that none refers to", "01 9e 24", Shape{Discardable: true}, false},
	{media.H264, "data partition B of such", "03 9e 24", Shape{Discardable: true}, false},
	{media.H264, "SPS", "67 42 e0 1f", Shape{Key: true, Params: [][]byte{{0x67, 0x42, 0xe0, 0x1f}}}, false},
	{media.H264, "PPS", "68 ce", Shape{Key: true, Params: [][]byte{{0x68, 0xce}}}, false},
	{media.H264, "SEI", "06 05 01", Shape{}, false},
	{media.H264, "STAP-A of SPS, PPS, IDR", "78 0002 6742 0002 68ce 0003 658884",
		Shape{Key: true, Params: [][]byte{{0x67, 0x42}, {0x68, 0xce}}}, false},
	{media.H264, "STAP-A of delimiter, PPS, slice", "78 0001 09 0002 68ce 0003 419a24", Shape{Params: [][]byte{{0x68, 0xce}}}, false},
	{media.H264, "STAP-A of a used and an unused slice", "78 0002 019e 0002 419a", Shape{}, false},
	{media.H264, "STAP-A of unused slices", "18 0002 019e 0002 019a", Shape{Discardable: true}, false},
	{media.H264, "STAP-A with an empty unit", "18 0000 0002 019a", Shape{Discardable: true}, false},
	{media.H264, "FU-A, first of an IDR", "7c 85 88 84", Shape{Key: true}, false},
	{media.H264, "FU-A, inside an IDR", "7c 05 88 84", Shape{Key: true}, false},
	{media.H264, "FU-A, last of an IDR", "7c 45 88", Shape{Key: true}, false},
	{media.H264, "FU-A of a slice", "5c 81 9a", Shape{}, false},
	{media.H264, "FU-A of a slice that none refers to", "1c 01 9a", Shape{Discardable: true}, false},
	{media.H264, "FU-A of an SPS", "7c 87 42", Shape{Key: true}, false},
	{media.H264, "nothing", "", Shape{}, true},
	{media.H264, "type 0", "00 11", Shape{}, true},
	{media.H264, "type 31", "1f 11", Shape{}, true},
	{media.H264, "STAP-B", "19 0000 0002 019a", Shape{}, true},
	{media.H264, "FU-B", "1d 85 0000 11", Shape{}, true},
	{media.H264, "STAP-A of nothing", "18", Shape{}, true},
	{media.H264, "STAP-A cut off in a size", "18 0001 09 00", Shape{}, true},
	{media.H264, "STAP-A cut off in a unit", "18 0003 419a", Shape{}, true},
	{media.H264, "STAP-A of a STAP-A", "18 0001 18", Shape{}, true},
	{media.H264, "FU-A cut off", "7c", Shape{}, true},
	{media.H264, "FU-A of a FU-A", "7c 9c 11", Shape{}, true},

	{media.VP8, "key frame", "10 50a2009d012a8002e001", Shape{Key: true, Width: 640, Height: 480}, false},
	{media.VP8, "key frame with everything that Chromium sends", "90 f0 8001 07 21 50a2009d012a8002e001", Shape{Key: true, Width: 640, Height: 480}, false},
	{media.VP8, "key frame, short PictureID", "90 80 11 50a2009d012a8002e001", Shape{Key: true, Width: 640, Height: 480}, false},
	{media.VP8, "key frame cut off behind its tag", "10 50a200", Shape{Key: true}, false},
	{media.VP8, "later packet of a key frame", "00 50a200", Shape{}, false},
	{media.VP8, "second partition", "11 50a200", Shape{}, false},
	{media.VP8, "frame", "90 e0 8002 08 40 319801", Shape{}, false},
	{media.VP8, "frame that none refers to", "b0 e0 8002 08 40 319801", Shape{Discardable: true}, false},
	{media.VP8, "nothing but a descriptor", "10", Shape{}, true},
	{media.VP8, "extensions cut off", "90", Shape{}, true},
	{media.VP8, "PictureID cut off", "90 80", Shape{}, true},
	{media.VP8, "long PictureID cut off", "90 80 80 01", Shape{}, true},
	{media.VP8, "wrong start code", "10 50a2009d012b8002e001", Shape{}, true},

	{media.VP9, "key frame", "08 824983420014100f1604", Shape{Key: true, Width: 322, Height: 242}, false},
	{media.VP9, "key frame as Chromium sends it", "8a 8001 18 0280 0168 01 04 01 824983420014100f1604", Shape{Key: true, Width: 640, Height: 360}, false},
	{media.VP9, "key frame of three layers", "aa 11 00 00 50 0140 00b4 0280 0168 0500 02d0 824983420014100f1604", Shape{Key: true, Width: 1280, Height: 720}, false},
	{media.VP9, "second layer of a key frame", "a8 11 03 00 8600", Shape{}, false},
	{media.VP9, "later packet of a key frame", "80 8001 ffff", Shape{}, false},
	{media.VP9, "key frame, encrypted", "08 1111", Shape{Key: true}, false},
	{media.VP9, "picture of its own that keeps references", "08 8600", Shape{}, false},
	{media.VP9, "picture", "c8 8002 8600", Shape{}, false},
	{media.VP9, "picture in flexible mode", "f9 8002 20 03 04 8600", Shape{}, false},
	{media.VP9, "structure with sizes beside a picture", "ca 8002 10 0280 0168 8600", Shape{}, false},
	{media.VP9, "four references", "d0 11 03 03 03 02 86", Shape{}, true},
	{media.VP9, "nothing but a descriptor", "88 8001", Shape{}, true},
	{media.VP9, "structure cut off", "0a 10 0280 01", Shape{}, true},
	{media.VP9, "group cut off", "0a 08 02 04 01 04", Shape{}, true},

	{media.AV1, "key frame as Chromium sends it", "28 0c 08000000043d07c4fff98040 301400a3", Shape{Key: true, Width: 322, Height: 242}, false},
	{media.AV1, "key frame, all elements with size", "08 0c 08000000043d07c4fff98040 04 301400a3", Shape{Key: true, Width: 322, Height: 242}, false},
	{media.AV1, "sequence header alone", "10 08000000043d07c4fff98040", Shape{Key: true, Width: 322, Height: 242}, false},
	{media.AV1, "sequence header that goes on", "58 0800000004", Shape{Key: true}, false},
	{media.AV1, "later packet of a key frame", "90 08000000043d07c4fff98040", Shape{}, false},
	{media.AV1, "picture", "10 301400a3", Shape{}, false},
	{media.AV1, "begins and goes on", "98 3014", Shape{}, true},
	{media.AV1, "nothing but a header", "18", Shape{}, true},
	{media.AV1, "fewer elements than counted", "30 02 3014 02 3014", Shape{}, true},
	{media.AV1, "element cut off", "20 05 3014", Shape{}, true},
	{media.AV1, "size cut off", "00 80", Shape{}, true},
	{media.AV1, "forbidden bit", "10 b014", Shape{}, true},

	{media.H265, "IDR slice", "2601 af", Shape{Key: true}, false},
	{media.H265, "CRA slice", "2a01 af", Shape{Key: true}, false},
	{media.H265, "slice", "0201 d0", Shape{}, false},
	{media.H265, "slice that its own layer does not refer to", "0001 d0", Shape{}, false},
	{media.H265, "VPS", "4001 0c", Shape{Key: true, Params: [][]byte{{0x40, 0x01, 0x0c}}}, false},
	{media.H265, "SEI", "4e01 05", Shape{}, false},
	{media.H265, "AP of VPS, SPS, PPS, IDR", "6001 0003 40010c 0003 420101 0003 4401c1 0003 2601af",
		Shape{Key: true, Params: [][]byte{{0x40, 0x01, 0x0c}, {0x42, 0x01, 0x01}, {0x44, 0x01, 0xc1}}}, false},
	{media.H265, "AP of PPS and slice", "6001 0003 4401c1 0003 0201d0", Shape{Params: [][]byte{{0x44, 0x01, 0xc1}}}, false},
	{media.H265, "FU inside an IDR", "6201 13 af", Shape{Key: true}, false},
	{media.H265, "FU of a slice", "6201 81 af", Shape{}, false},
	{media.H265, "one byte", "26", Shape{}, true},
	{media.H265, "no layer", "2600 af", Shape{}, true},
	{media.H265, "AP of nothing", "6001", Shape{}, true},
	{media.H265, "AP cut off", "6001 0004 40010c", Shape{}, true},
	{media.H265, "AP cut off in a size", "6001 0003 40010c 00", Shape{}, true},
	{media.H265, "AP of an AP", "6001 0003 600100", Shape{}, true},
	{media.H265, "FU cut off", "6201", Shape{}, true},
	{media.H265, "FU of a FU", "6201 b1 af", Shape{}, true},
	{media.H265, "PACI", "6401 0000", Shape{}, true},

	{media.Opus, "sound", "fc ff fe", Shape{}, false},
	{media.Opus, "nothing", "", Shape{}, true},
	{media.AAC, "sound", "ff f1 50", Shape{}, false},
	{0, "unknown", "00", Shape{}, true},
}

func sameShape(a, b Shape) bool {
	return a.Key == b.Key && a.Discardable == b.Discardable && a.Width == b.Width && a.Height == b.Height &&
		slices.EqualFunc(a.Params, b.Params, bytes.Equal)
}

func TestInspect(t *testing.T) {
	for _, s := range shapes {
		got, ok := Inspect(s.codec, unhex(t, s.bytes))
		if ok == s.bad || !sameShape(got, s.want) {
			t.Errorf("%s, %s: %+v, %v", s.codec, s.name, got, ok)
		}
	}
}

// What the packetizer cuts tells the same in every piece that holds a slice.
func TestInspectOwnPackets(t *testing.T) {
	for _, f := range []*media.Frame{
		{Track: testVideo, Key: true, Data: unit(nal(0x65, 5000), nal(0x65, 700), nal(0x65, 200))},
		{Track: testVideo, Data: unit(nal(0x41, 5000), nal(0x41, 700))},
		{Track: testVideo, Discardable: true, Data: unit(nal(0x01, 5000), nal(0x01, 700))},
	} {
		var sets [][]byte
		for i, pk := range New().Packetize(f) {
			s, ok := Inspect(media.H264, pk.Payload)
			if !ok || s.Key != f.Key || s.Discardable != f.Discardable && len(s.Params) == 0 {
				t.Errorf("packet %d of a frame with key %v, discardable %v: %+v, %v", i, f.Key, f.Discardable, s, ok)
			}
			sets = append(sets, s.Params...)
		}
		if f.Key && !slices.EqualFunc(sets, testVideo.Params, bytes.Equal) {
			t.Errorf("parameter sets %x", sets)
		}
	}
}

func TestInspectDoesNotAllocate(t *testing.T) {
	for _, s := range shapes {
		if s.bad || s.want.Params != nil || s.want.Key && (s.codec == media.VP9 || s.codec == media.AV1) {
			continue
		}
		b := unhex(t, s.bytes)
		if n := testing.AllocsPerRun(20, func() { Inspect(s.codec, b) }); n != 0 {
			t.Errorf("%s, %s: %v allocations", s.codec, s.name, n)
		}
	}
}

// FuzzInspect runs every codec over the same bytes.
func FuzzInspect(f *testing.F) {
	for _, s := range shapes {
		f.Add(byte(s.codec), unhex(f, s.bytes))
	}
	f.Fuzz(func(t *testing.T, codec byte, b []byte) {
		before := bytes.Clone(b)
		s, ok := Inspect(media.Codec(codec), b)
		if !ok && !sameShape(s, Shape{}) {
			t.Fatalf("malformed, and yet %+v", s)
		}
		if s.Key && s.Discardable && codec == byte(media.H265) || s.Width < 0 || s.Height < 0 || (s.Width == 0) != (s.Height == 0) {
			t.Fatalf("%+v", s)
		}
		for _, p := range s.Params {
			if len(p) == 0 || !bytes.Contains(b, p) {
				t.Fatalf("parameter set %x is not in the payload", p)
			}
		}
		if !bytes.Equal(b, before) {
			t.Fatal("the payload changed")
		}
	})
}

func BenchmarkInspect(b *testing.B) {
	for _, s := range shapes {
		if s.bad {
			continue
		}
		payload := unhex(b, s.bytes)
		b.Run(s.codec.String()+"/"+s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Inspect(s.codec, payload)
			}
		})
	}
}
