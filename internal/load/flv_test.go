package load

import (
	"bytes"
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
	s, skim := newSeen(), newFLVSkim(bytes.NewReader(file))
	var err error
	for err == nil {
		err = skim.next(s)
	}
	if s.packets.Load() != 3 || s.frames.Load() != 1 || s.firstKey.Load() == 0 || int(s.bytes.Load()) != len(file)-flvFileHead {
		t.Errorf("%d tags of %d bytes, %d frames: %v", s.packets.Load(), s.bytes.Load(), s.frames.Load(), err)
	}
}

func FuzzFLVSkim(f *testing.F) {
	f.Add(flvOf(f)[:400])
	f.Add([]byte("FLV"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		s, skim := newSeen(), newFLVSkim(bytes.NewReader(b))
		for skim.next(s) == nil {
		}
	})
}
