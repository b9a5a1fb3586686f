package load

import (
	"io"
	"strings"
	"testing"

	"millrace/internal/media"
	"millrace/internal/wire/flv"
)

// flvOf is a file with one picture and one piece of sound.
func flvOf(t testing.TB) []byte {
	t.Helper()
	video := &media.Track{Kind: media.Video, Codec: media.H264, Width: 1920, Height: 1080, Params: [][]byte{sps, pps}}
	b := flv.AppendMetadata(flv.AppendFileHeader(nil, video, nil), video, nil, 0)
	b, err := flv.AppendConfig(b, video, 0)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := flv.Render(&media.Frame{Track: video, Key: true, Data: FullHD.frame(stamp{at: 1, key: true})}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return tag.Append(b)
}

func TestFLVSkimFindsFrames(t *testing.T) {
	file := flvOf(t)
	for _, step := range []int{1, 7, len(file)} {
		s, skim := newSeen(), flvSkim{}
		for at := 0; at < len(file); at += step {
			if err := skim.write(s, file[at:min(len(file), at+step)], 1); err != nil {
				t.Fatal(err)
			}
		}
		if s.packets.Load() != 3 || s.frames.Load() != 1 || s.firstKey.Load() != 1 || int(s.bytes.Load()) != len(file)-flvFileHead {
			t.Errorf("by %d: %d tags of %d bytes, %d frames", step, s.packets.Load(), s.bytes.Load(), s.frames.Load())
		}
	}
}

// Chunks are undone, however they come.
func TestChunks(t *testing.T) {
	const coded = "4\r\nWiki\r\n6;ext=1\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\n\r\n"
	for step := 1; step <= len(coded); step++ {
		c, got, last := chunks{on: true}, "", error(nil)
		for at := 0; at < len(coded) && last == nil; at += step {
			for b := []byte(coded[at:min(len(coded), at+step)]); len(b) > 0 && last == nil; {
				var data []byte
				data, b, last = c.next(b)
				got += string(data)
			}
		}
		if got != "Wikipedia in \r\n\r\nchunks." || last != io.EOF {
			t.Errorf("by %d: %q, %v", step, got, last)
		}
	}
	for _, bad := range []string{"x\r\n", "-1\r\n", "fffffffff\r\n", strings.Repeat("1", maxChunkLine+1)} {
		if _, _, err := (&chunks{on: true}).next([]byte(bad)); err == nil || err == io.EOF {
			t.Errorf("%.20q is taken: %v", bad, err)
		}
	}
}

func FuzzFLVFlow(f *testing.F) {
	f.Add(flvOf(f)[:400], false)
	f.Add([]byte("FLV"), false)
	f.Add([]byte("3\r\nFLV\r\n0\r\n\r\n"), true)
	f.Fuzz(func(_ *testing.T, b []byte, chunked bool) {
		v := flow{seen: newSeen(), chunks: chunks{on: chunked}}
		for len(b) > 0 && v.receive(b[:1+len(b)/2], 1) == nil {
			b = b[1+len(b)/2:]
		}
	})
}
