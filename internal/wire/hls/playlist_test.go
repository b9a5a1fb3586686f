package hls_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"millrace/internal/media"
	"millrace/internal/wire/hls"
)

var update = flag.Bool("update", false, "write the golden playlists anew")

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// golden compares a playlist with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".m3u8")
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s\n--- got\n%s--- want\n%s", name, got, want)
	}
}

// segments makes n segments of 2 s with parts, from number first on.
func segments(first, n int, extension string) []hls.Segment {
	var all []hls.Segment
	for i := first; i < first+n; i++ {
		s := hls.Segment{
			URI: fmt.Sprintf("run/v%d%s", i, extension), Duration: 2 * time.Second,
			At: noon.Add(time.Duration(i) * 2 * time.Second), Independent: true,
		}
		if extension == ".m4s" {
			s.Init = "run/v0.mp4"
		}
		for k := range 4 {
			s.Parts = append(s.Parts, hls.Part{URI: fmt.Sprintf("run/v%d.%d.m4s", i, k), Duration: 500 * time.Millisecond, Independent: k == 0})
		}
		all = append(all, s)
	}
	return all
}

func TestClassicPlaylists(t *testing.T) {
	ts := hls.Playlist{Target: 2, Sequence: 3, Segments: segments(3, 3, ".ts")}
	ts.Segments[1].Duration = 1_966_666_667
	golden(t, "ts", ts.Append(nil, false))
	ts.Ended = true
	golden(t, "ts-ended", ts.Append(nil, true)) // nothing to skip there

	p := hls.Playlist{Target: 2, Sequence: 7, Discontinuities: 1, Segments: segments(7, 5, ".m4s")}
	p.Segments[1].Discontinuity, p.Segments[1].Init = true, "run/v1.mp4"
	p.Segments[2].Init = "run/v1.mp4"
	p.Segments[3].Gap, p.Segments[3].Init, p.Segments[3].Independent = true, "run/v1.mp4", false
	p.Segments[4].Init, p.Segments[4].At = "run/v0.mp4", time.Time{}
	golden(t, "fmp4", p.Append(nil, false))
}

func TestLowLatencyPlaylists(t *testing.T) {
	p := hls.Playlist{
		Target: 2, PartTarget: 505 * time.Millisecond, Sequence: 10, Segments: segments(10, 9, ".m4s"), Hint: "run/v19.2.m4s",
	}
	open := segments(19, 1, ".m4s")[0]
	open.Parts = open.Parts[:2]
	p.Open = &open
	golden(t, "ll", p.Append(nil, false))
	golden(t, "ll-delta", p.Append(nil, true))
	p.Open, p.Hint = nil, "run/v19.0.m4s"
	golden(t, "ll-begins", hls.AppendReport(p.Append(nil, true), "audio.m3u8?session=S", 18, 3))
	p.Segments = p.Segments[:6]
	if a, b := string(p.Append(nil, true)), string(p.Append(nil, false)); a != b {
		t.Errorf("a short playlist's delta update is\n%s", a)
	}
	p.Segments[5].Discontinuity, p.Segments[5].Init = true, "run/v1.mp4"
	p.Ended = true
	golden(t, "ll-ended", p.Append(nil, false))
}

func TestSkippable(t *testing.T) {
	for _, c := range []struct{ segments, openParts, want int }{
		{0, 0, 0}, {1, 0, 0}, {6, 0, 0}, {7, 0, 1}, {7, 1, 1}, {6, 4, 1}, {6, 3, 0}, {30, 0, 24},
	} {
		p := hls.Playlist{Target: 2, PartTarget: time.Second, Segments: segments(0, c.segments, ".m4s")}
		if c.openParts > 0 {
			open := segments(99, 1, ".m4s")[0]
			open.Parts = open.Parts[:c.openParts]
			p.Open = &open
		}
		if got := p.Skippable(); got != c.want {
			t.Errorf("of %d segments and %d parts, %d can be skipped, want %d", c.segments, c.openParts, got, c.want)
		}
	}
}

var (
	h264 = &media.Track{Kind: media.Video, Codec: media.H264, Width: 1280, Height: 720, Params: [][]byte{{0x67, 0x64, 0x00, 0x1f}, {0x68}}}
	aac  = &media.Track{Kind: media.Audio, Codec: media.AAC, SampleRate: 48000, Channels: 2, Config: []byte{0x11, 0x90}}
)

func TestMultivariant(t *testing.T) {
	m := hls.Multivariant{URI: "demo/index.m3u8?session=S", Bandwidth: 2_500_000, Tracks: []*media.Track{h264, aac}}
	golden(t, "multivariant-ts", m.Append(nil))
	m.URI, m.Audio = "demo/video.m3u8?session=S", "demo/audio.m3u8?session=S"
	golden(t, "multivariant-fmp4", m.Append(nil))
	golden(t, "multivariant-unknown", (&hls.Multivariant{URI: "a", Bandwidth: 1, Tracks: []*media.Track{{Codec: media.H264}}}).Append(nil))
}

func TestCodecStrings(t *testing.T) {
	for want, track := range map[string]*media.Track{
		"avc1.64001f": h264,
		"mp4a.40.2":   aac,
		"mp4a.40.5":   {Kind: media.Audio, Codec: media.AAC, Config: []byte{0x2b, 0x11, 0x88, 0x00}},
		"opus":        {Kind: media.Audio, Codec: media.Opus},
		"":            {Kind: media.Video, Codec: media.VP8},

		"vp09.00.31.08": {Kind: media.Video, Codec: media.VP9},
		"vp09.02.31.10": {Kind: media.Video, Codec: media.VP9, Config: []byte{1, 0, 0, 0, 2, 31, 0xa2, 2, 2, 2, 0, 0}},
		"av01.0.00M.08": {Kind: media.Video, Codec: media.AV1, Params: [][]byte{{8, 0, 0, 0, 4, 0x3d, 7, 0xc4, 0xff, 0xf9, 0x80, 0x40}}},
	} {
		if got := hls.CodecString(track); got != want {
			t.Errorf("%s: %q, want %q", track.Codec, got, want)
		}
	}
}
