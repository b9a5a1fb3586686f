package flv_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"millrace/internal/media"
	"millrace/internal/wire/flv"
)

func FuzzReader(f *testing.F) {
	f.Add(file(rawTag{9, 0, "17 00 000000" + avcC(4)}, rawTag{8, 0, "af 00 1210"},
		rawTag{9, 40, "17 01 000050 0000000265aa"}, rawTag{8, 23, "af 01 21"}))
	f.Add(file(rawTag{9, 0, "17 00 000000" + avcC(2)}, rawTag{9, 40, "17 01 000000 000265aa 000468ce0fc8"}))
	f.Add(file(rawTag{9, 0, "90 61766331" + avcC(1)}, rawTag{9, 40, "91 61766331 000028 0265aa"}))
	f.Add(file(rawTag{8, 0xffffff00, "90 4f707573 4f70757348656164 01 02 0000 80bb0000 0000 00"}, rawTag{8, 20, "91 4f707573 fc"}))
	// Opus behind a modifier with nanoseconds, a multichannel configuration, and
	// the end of the sequence.
	f.Add(file(rawTag{8, 0, "90 4f707573 4f70757348656164 01 01 3801 80bb0000 0000 00"}, rawTag{8, 20, "97 02 000001 01 4f707573 fc"},
		rawTag{8, 40, "94 4f707573 00 02"}, rawTag{8, 60, "92 4f707573"}, rawTag{8, 80, "91 4f707573 7801"}))
	f.Add(file(rawTag{9, 0, "91 617630310a0b00000024cf7f0d bfff3008 3200"}, rawTag{9, 0, "91 76703039 82498342001000080000"}, rawTag{9, 1, "a1 68766331 000028 000000020201"},
		rawTag{9, 2, "96 13 68766331 00 000003 010203"}))
	f.Add(file(rawTag{9, 0, "96 20 61766331 01 000020" + avcC(4)}, rawTag{9, 0, "17 00 000000" + avcC(4)}, rawTag{9, 40, "96 11 61766331 01 000008 000050 0000000165 00 00000b 000050 0000000465888421"}))
	f.Add(flv.AppendMetadata(flv.AppendFileHeader(nil, h264Track, opusTrack), h264Track, opusTrack, 0))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := flv.NewReader(bytes.NewReader(in))
		for {
			frame, err := r.Next()
			if err != nil {
				return
			}
			checkFrame(t, frame)
		}
	})
}

// checkFrame checks what the rest of the program relies on, and that a frame
// that was read can be written and read again.
func checkFrame(t *testing.T, f *media.Frame) {
	t.Helper()
	if f == nil || f.Track == nil || len(f.Data) == 0 {
		t.Fatalf("incomplete frame %+v", f)
	}
	if f.Track.Codec == media.H264 || f.Track.Codec == media.H265 {
		for rest := f.Data; len(rest) > 0; {
			if len(rest) < 4 || int64(binary.BigEndian.Uint32(rest)) > int64(len(rest)-4) {
				t.Fatalf("bad NAL lengths in %x", f.Data)
			}
			rest = rest[4+binary.BigEndian.Uint32(rest):]
		}
	}
	config, err := flv.AppendConfig(nil, f.Track, 0)
	if err != nil {
		return // parameter sets that this file never brought
	}
	tag, err := flv.Render(f, f.DTS)
	if err != nil {
		t.Fatalf("render a frame that was read: %v", err)
	}
	b := append(flv.AppendFileHeader(nil, f.Track, nil), config...)
	again, err := flv.NewReader(bytes.NewReader(tag.Append(b))).Next()
	if err != nil || !bytes.Equal(again.Data, f.Data) || again.PTS-again.DTS != f.PTS-f.DTS {
		t.Fatalf("read %+v, again %+v, %v", f, again, err)
	}
}

func BenchmarkRender(b *testing.B) {
	f := &media.Frame{Track: h264Track, DTS: ms(40), PTS: ms(40), Data: make([]byte, 10_000)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := flv.Render(f, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func TestRenderAllocatesOnce(t *testing.T) {
	f := &media.Frame{Track: h264Track, Data: make([]byte, 10_000)}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := flv.Render(f, 0); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("Render allocates %v times", n)
	}
}
