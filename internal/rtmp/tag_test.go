package rtmp

import (
	"bytes"
	"errors"
	"testing"

	"millrace/internal/media"
)

var videoTags = []struct {
	name string
	in   string
	want tag
	err  string
}{
	{"key", "\x17\x01\x00\x00\x50abc", tag{tagMedia, media.H264, 80, []byte("abc")}, ""},
	{"negative composition time", "\x27\x01\xff\xff\xffabc", tag{tagMedia, media.H264, -1, []byte("abc")}, ""},
	{"configuration", "\x17\x00\x00\x00\x00abc", tag{tagConfig, media.H264, 0, []byte("abc")}, ""},
	{"end of sequence", "\x17\x02\x00\x00\x00", tag{tagEmpty, media.H264, 0, nil}, ""},
	{"command frame", "\x57\x00", tag{}, ""},
	{"empty", "", tag{}, ""},
	{"cut off", "\x17\x01\x00", tag{kind: tagPassed}, ""},
	{"HEVC in the legacy form", "\x1c\x01\x00\x00\x00abc", tag{}, "HEVC"},
	{"Sorenson", "\x12abcd", tag{}, "Sorenson H.263"},
	{"unknown codec", "\x1fabcd", tag{}, "number 15"},
	{"enhanced configuration", "\x90avc1abc", tag{tagConfig, media.H264, 0, []byte("abc")}, ""},
	{"enhanced frame", "\x91avc1\x00\x00\x28abc", tag{tagMedia, media.H264, 40, []byte("abc")}, ""},
	{"enhanced frame without composition time", "\xa3avc1abc", tag{tagMedia, media.H264, 0, []byte("abc")}, ""},
	{"enhanced end", "\x92avc1", tag{tagEmpty, media.H264, 0, nil}, ""},
	{"enhanced metadata", "\x94avc1abc", tag{kind: tagPassed}, ""},
	{"multitrack", "\x96\x01avc1abc", tag{kind: tagPassed}, ""},
	{"modifier with nanoseconds", "\x97\x02\x00\x01\x02\x01avc1\x00\x00\x28abc", tag{tagMedia, media.H264, 40, []byte("abc")}, ""},
	{"two modifiers", "\x97\x00\x09\x07\x00\x09\x03avc1abc", tag{tagMedia, media.H264, 0, []byte("abc")}, ""},
	{"long modifier", "\x97\xff\x00\x02\x00\x01\x02\x03avc1abc", tag{tagMedia, media.H264, 0, []byte("abc")}, ""},
	{"modifier cut off", "\x97\xff\x00", tag{kind: tagPassed}, ""},
	{"enhanced HEVC", "\x90hvc1abc", tag{}, "hvc1"},
	{"enhanced AV1", "\x91av01abc", tag{}, "av01"},
	{"unprintable", "\x91\x00\x01\x02\x03abc", tag{}, "00010203"},
}

var audioTags = []struct {
	name string
	in   string
	want tag
	err  string
}{
	{"AAC", "\xaf\x01abc", tag{tagMedia, media.AAC, 0, []byte("abc")}, ""},
	{"AAC configuration", "\xaf\x00\x11\x90", tag{tagConfig, media.AAC, 0, []byte("\x11\x90")}, ""},
	{"AAC configuration to come", "\xaf\x00", tag{tagEmpty, media.AAC, 0, nil}, ""},
	{"empty", "\xaf", tag{}, ""},
	{"Opus", "\x91Opusabc", tag{tagMedia, media.Opus, 0, []byte("abc")}, ""},
	{"Opus configuration", "\x90Opusabc", tag{tagConfig, media.Opus, 0, []byte("abc")}, ""},
	{"Opus end", "\x92Opus", tag{tagEmpty, media.Opus, 0, nil}, ""},
	{"enhanced AAC", "\x91mp4aabc", tag{tagMedia, media.AAC, 0, []byte("abc")}, ""},
	{"channel layout", "\x94Opusabc", tag{tagPassed, media.Opus, 0, []byte("abc")}, ""},
	{"multitrack", "\x95\x01Opusabc", tag{kind: tagPassed}, ""},
	{"modifier", "\x97\x02\x00\x01\x02\x01Opusabc", tag{tagMedia, media.Opus, 0, []byte("abc")}, ""},
	{"MP3", "\x2fabc", tag{}, "MP3"},
	{"AC-3", "\x91ac-3abc", tag{}, "ac-3"},
	{"number 12", "\xc0abc", tag{}, "number 12"},
}

func checkTag(t *testing.T, name string, got tag, err error, want tag, refusal string) {
	t.Helper()
	if refusal != "" {
		var e *codecError
		if !errors.As(err, &e) || e.codec != refusal {
			t.Errorf("%s: error is %v", name, err)
		}
		return
	}
	if err != nil || got.kind != want.kind || got.codec != want.codec || got.cts != want.cts || !bytes.Equal(got.payload, want.payload) {
		t.Errorf("%s: got %+v, %v", name, got, err)
	}
}

func TestTags(t *testing.T) {
	for _, c := range videoTags {
		got, err := parseVideo([]byte(c.in))
		checkTag(t, c.name, got, err, c.want, c.err)
	}
	for _, c := range audioTags {
		got, err := parseAudio([]byte(c.in))
		checkTag(t, c.name, got, err, c.want, c.err)
	}
}

// FuzzTags feeds messages to the parsers, and what they find to the tracks.
func FuzzTags(f *testing.F) {
	for _, c := range videoTags {
		f.Add([]byte(c.in), true)
	}
	for _, c := range audioTags {
		f.Add([]byte(c.in), false)
	}
	f.Add(append([]byte("\x17\x01\x00\x00\x00"), picture(small, 0, spsLarge, idr, bee).Data...), true)
	f.Fuzz(func(t *testing.T, b []byte, video bool) {
		v := videoTrack{track: small, lengthSize: 4}
		a := audioTrack{track: stereo}
		parse := parseAudio
		if video {
			parse = parseVideo
		}
		got, err := parse(b)
		if err != nil {
			var e *codecError
			if !errors.As(err, &e) || len(e.codec) > 64 {
				t.Fatalf("error is %v", err)
			}
			return
		}
		if got.kind == tagConfig || got.kind == tagMedia {
			if (got.codec == media.H264) != video {
				t.Fatalf("got %+v", got)
			}
		}
		switch {
		case got.kind == tagConfig && video:
			err = v.configure(got.payload)
		case got.kind == tagConfig:
			err = a.configure(got.codec, got.payload)
		case got.kind == tagMedia && video:
			if f, err := v.frame(got.payload, got.cts); f != nil && (err != nil || len(f.Data) == 0 || f.Track.Width == 0) {
				t.Fatalf("frame %+v of %+v, %v", f, f.Track, err)
			}
		case got.kind == tagMedia:
			a.frame(got.codec, got.payload)
		}
		if err == nil && (v.track.Width == 0 || a.track.SampleRate == 0) {
			t.Fatalf("tracks are %+v, %+v", v.track, a.track)
		}
	})
}
