package flv_test

import (
	"bytes"
	"errors"
	"testing"

	"millrace/internal/media"
	"millrace/internal/wire/flv"
)

var videoBodies = []struct {
	name string
	in   string
	want flv.Body
	err  string
}{
	{"key", "\x17\x01\x00\x00\x50abc", flv.Body{flv.BodyMedia, media.H264, 80, []byte("abc")}, ""},
	{"negative composition time", "\x27\x01\xff\xff\xffabc", flv.Body{flv.BodyMedia, media.H264, -1, []byte("abc")}, ""},
	{"configuration", "\x17\x00\x00\x00\x00abc", flv.Body{flv.BodyConfig, media.H264, 0, []byte("abc")}, ""},
	{"end of sequence", "\x17\x02\x00\x00\x00", flv.Body{flv.BodyEmpty, media.H264, 0, nil}, ""},
	{"command frame", "\x57\x00", flv.Body{}, ""},
	{"empty", "", flv.Body{}, ""},
	{"cut off", "\x17\x01\x00", flv.Body{Kind: flv.BodyPassed}, ""},
	{"HEVC in the legacy form", "\x1c\x01\x00\x00\x00abc", flv.Body{}, "HEVC"},
	{"Sorenson", "\x12abcd", flv.Body{}, "Sorenson H.263"},
	{"unknown codec", "\x1fabcd", flv.Body{}, "number 15"},
	{"enhanced configuration", "\x90avc1abc", flv.Body{flv.BodyConfig, media.H264, 0, []byte("abc")}, ""},
	{"enhanced frame", "\x91avc1\x00\x00\x28abc", flv.Body{flv.BodyMedia, media.H264, 40, []byte("abc")}, ""},
	{"enhanced frame without composition time", "\xa3avc1abc", flv.Body{flv.BodyMedia, media.H264, 0, []byte("abc")}, ""},
	{"enhanced end", "\x92avc1", flv.Body{flv.BodyEmpty, media.H264, 0, nil}, ""},
	{"enhanced metadata", "\x94avc1abc", flv.Body{Kind: flv.BodyPassed}, ""},
	{"multitrack", "\x96\x01avc1abc", flv.Body{Kind: flv.BodyPassed}, ""},
	{"modifier with nanoseconds", "\x97\x02\x00\x01\x02\x01avc1\x00\x00\x28abc", flv.Body{flv.BodyMedia, media.H264, 40, []byte("abc")}, ""},
	{"two modifiers", "\x97\x00\x09\x07\x00\x09\x03avc1abc", flv.Body{flv.BodyMedia, media.H264, 0, []byte("abc")}, ""},
	{"long modifier", "\x97\xff\x00\x02\x00\x01\x02\x03avc1abc", flv.Body{flv.BodyMedia, media.H264, 0, []byte("abc")}, ""},
	{"modifier cut off", "\x97\xff\x00", flv.Body{Kind: flv.BodyPassed}, ""},
	{"enhanced HEVC", "\x90hvc1abc", flv.Body{}, "hvc1"},
	{"enhanced AV1", "\x91av01abc", flv.Body{}, "av01"},
	{"unprintable", "\x91\x00\x01\x02\x03abc", flv.Body{}, "00010203"},
}

var audioBodies = []struct {
	name string
	in   string
	want flv.Body
	err  string
}{
	{"AAC", "\xaf\x01abc", flv.Body{flv.BodyMedia, media.AAC, 0, []byte("abc")}, ""},
	{"AAC configuration", "\xaf\x00\x11\x90", flv.Body{flv.BodyConfig, media.AAC, 0, []byte("\x11\x90")}, ""},
	{"AAC configuration to come", "\xaf\x00", flv.Body{flv.BodyEmpty, media.AAC, 0, nil}, ""},
	{"empty", "\xaf", flv.Body{}, ""},
	{"Opus", "\x91Opusabc", flv.Body{flv.BodyMedia, media.Opus, 0, []byte("abc")}, ""},
	{"Opus configuration", "\x90Opusabc", flv.Body{flv.BodyConfig, media.Opus, 0, []byte("abc")}, ""},
	{"Opus end", "\x92Opus", flv.Body{flv.BodyEmpty, media.Opus, 0, nil}, ""},
	{"enhanced AAC", "\x91mp4aabc", flv.Body{flv.BodyMedia, media.AAC, 0, []byte("abc")}, ""},
	{"channel layout", "\x94Opusabc", flv.Body{flv.BodyPassed, media.Opus, 0, []byte("abc")}, ""},
	{"multitrack", "\x95\x01Opusabc", flv.Body{Kind: flv.BodyPassed}, ""},
	{"modifier", "\x97\x02\x00\x01\x02\x01Opusabc", flv.Body{flv.BodyMedia, media.Opus, 0, []byte("abc")}, ""},
	{"MP3", "\x2fabc", flv.Body{}, "MP3"},
	{"AC-3", "\x91ac-3abc", flv.Body{}, "ac-3"},
	{"number 12", "\xc0abc", flv.Body{}, "number 12"},
}

func checkBody(t *testing.T, name string, got flv.Body, err error, want flv.Body, refusal string) {
	t.Helper()
	if refusal != "" {
		var e *flv.CodecError
		if !errors.As(err, &e) || e.Codec != refusal {
			t.Errorf("%s: error is %v", name, err)
		}
		return
	}
	if err != nil || got.Kind != want.Kind || got.Codec != want.Codec || got.CTS != want.CTS || !bytes.Equal(got.Payload, want.Payload) {
		t.Errorf("%s: got %+v, %v", name, got, err)
	}
}

func TestBodies(t *testing.T) {
	for _, c := range videoBodies {
		got, err := flv.ParseVideo([]byte(c.in))
		checkBody(t, c.name, got, err, c.want, c.err)
	}
	for _, c := range audioBodies {
		got, err := flv.ParseAudio([]byte(c.in))
		checkBody(t, c.name, got, err, c.want, c.err)
	}
}

// FuzzBodies feeds bodies to the parsers.
func FuzzBodies(f *testing.F) {
	for _, c := range videoBodies {
		f.Add([]byte(c.in), true)
	}
	for _, c := range audioBodies {
		f.Add([]byte(c.in), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, video bool) {
		parse := flv.ParseAudio
		if video {
			parse = flv.ParseVideo
		}
		got, err := parse(b)
		var e *flv.CodecError
		if err != nil && (!errors.As(err, &e) || len(e.Codec) > 64) {
			t.Fatalf("error is %v", err)
		}
		holds := got.Kind == flv.BodyConfig || got.Kind == flv.BodyMedia
		if holds && (got.Codec == media.H264) != video || !bytes.HasSuffix(b, got.Payload) {
			t.Fatalf("got %+v", got)
		}
	})
}
