package flv_test

import (
	"bytes"
	"errors"
	"slices"
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
	{"key", "\x17\x01\x00\x00\x50abc", flv.Body{Kind: flv.BodyMedia, Codec: media.H264, CTS: 80, Payload: []byte("abc")}, ""},
	{"negative composition time", "\x27\x01\xff\xff\xffabc", flv.Body{Kind: flv.BodyMedia, Codec: media.H264, CTS: -1, Payload: []byte("abc")}, ""},
	{"configuration", "\x17\x00\x00\x00\x00abc", flv.Body{Kind: flv.BodyConfig, Codec: media.H264, CTS: 0, Payload: []byte("abc")}, ""},
	{"end of sequence", "\x17\x02\x00\x00\x00", flv.Body{Kind: flv.BodyEmpty, Codec: media.H264, CTS: 0, Payload: nil}, ""},
	{"command frame", "\x57\x00", flv.Body{}, ""},
	{"empty", "", flv.Body{}, ""},
	{"cut off", "\x17\x01\x00", flv.Body{Kind: flv.BodyPassed}, ""},
	{"HEVC in the legacy form", "\x1c\x01\x00\x00\x00abc", flv.Body{}, "HEVC"},
	{"Sorenson", "\x12abcd", flv.Body{}, "Sorenson H.263"},
	{"unknown codec", "\x1fabcd", flv.Body{}, "number 15"},
	{"enhanced configuration", "\x90avc1abc", flv.Body{Kind: flv.BodyConfig, Codec: media.H264, CTS: 0, Payload: []byte("abc")}, ""},
	{"enhanced frame", "\x91avc1\x00\x00\x28abc", flv.Body{Kind: flv.BodyMedia, Codec: media.H264, CTS: 40, Payload: []byte("abc")}, ""},
	{"enhanced frame without composition time", "\xa3avc1abc", flv.Body{Kind: flv.BodyMedia, Codec: media.H264, CTS: 0, Payload: []byte("abc")}, ""},
	{"enhanced end", "\x92avc1", flv.Body{Kind: flv.BodyEmpty, Codec: media.H264, CTS: 0, Payload: nil}, ""},
	{"enhanced metadata", "\x94avc1abc", flv.Body{Kind: flv.BodyPassed}, ""},
	{"modifier with nanoseconds", "\x97\x02\x00\x01\x02\x01avc1\x00\x00\x28abc", flv.Body{Nanos: 258, Kind: flv.BodyMedia, Codec: media.H264, CTS: 40, Payload: []byte("abc")}, ""},
	{"two modifiers", "\x97\x00\x09\x07\x00\x09\x03avc1abc", flv.Body{Kind: flv.BodyMedia, Codec: media.H264, CTS: 0, Payload: []byte("abc")}, ""},
	{"long modifier", "\x97\xff\x00\x02\x00\x01\x02\x03avc1abc", flv.Body{Nanos: 258, Kind: flv.BodyMedia, Codec: media.H264, CTS: 0, Payload: []byte("abc")}, ""},
	{"modifier cut off", "\x97\xff\x00", flv.Body{Kind: flv.BodyPassed}, ""},
	{"two milliseconds of nanoseconds", "\x97\x02\x1e\x84\x80\x03avc1abc", flv.Body{Kind: flv.BodyMedia, Codec: media.H264, Payload: []byte("abc")}, ""},
	{"enhanced HEVC", "\x90hvc1abc", flv.Body{Kind: flv.BodyConfig, Codec: media.H265, Payload: []byte("abc")}, ""},
	{"HEVC with composition time", "\x91hvc1\x00\x00\x28abc", flv.Body{Kind: flv.BodyMedia, Codec: media.H265, CTS: 40, Payload: []byte("abc")}, ""},
	{"enhanced AV1", "\x91av01abc", flv.Body{Kind: flv.BodyMedia, Codec: media.AV1, Payload: []byte("abc")}, ""},
	{"enhanced VP9", "\xa1vp09abc", flv.Body{Kind: flv.BodyMedia, Codec: media.VP9, Payload: []byte("abc")}, ""},
	{"enhanced VP8", "\xa1vp08abc", flv.Body{}, "vp08"},
	{"unprintable", "\x91\x00\x01\x02\x03abc", flv.Body{}, "00010203"},
}

var audioBodies = []struct {
	name string
	in   string
	want flv.Body
	err  string
}{
	{"AAC", "\xaf\x01abc", flv.Body{Kind: flv.BodyMedia, Codec: media.AAC, CTS: 0, Payload: []byte("abc")}, ""},
	{"AAC configuration", "\xaf\x00\x11\x90", flv.Body{Kind: flv.BodyConfig, Codec: media.AAC, CTS: 0, Payload: []byte("\x11\x90")}, ""},
	{"AAC configuration to come", "\xaf\x00", flv.Body{Kind: flv.BodyEmpty, Codec: media.AAC, CTS: 0, Payload: nil}, ""},
	{"empty", "\xaf", flv.Body{}, ""},
	{"Opus", "\x91Opusabc", flv.Body{Kind: flv.BodyMedia, Codec: media.Opus, CTS: 0, Payload: []byte("abc")}, ""},
	{"Opus configuration", "\x90Opusabc", flv.Body{Kind: flv.BodyConfig, Codec: media.Opus, CTS: 0, Payload: []byte("abc")}, ""},
	{"Opus end", "\x92Opus", flv.Body{Kind: flv.BodyEmpty, Codec: media.Opus, CTS: 0, Payload: nil}, ""},
	{"enhanced AAC", "\x91mp4aabc", flv.Body{Kind: flv.BodyMedia, Codec: media.AAC, CTS: 0, Payload: []byte("abc")}, ""},
	{"channel layout", "\x94Opusabc", flv.Body{Kind: flv.BodyPassed, Codec: media.Opus, CTS: 0, Payload: []byte("abc")}, ""},
	{"modifier", "\x97\x02\x00\x01\x02\x01Opusabc", flv.Body{Nanos: 258, Kind: flv.BodyMedia, Codec: media.Opus, CTS: 0, Payload: []byte("abc")}, ""},
	{"MP3", "\x2fabc", flv.Body{}, "MP3"},
	{"AC-3", "\x91ac-3abc", flv.Body{}, "ac-3"},
	{"number 12", "\xc0abc", flv.Body{}, "number 12"},
}

// multitrackBodies are video where the first byte says so.
var multitrackBodies = []struct {
	name string
	in   string
	want []flv.Body
	err  string
}{
	{"another track", "\x96\x01avc1\x01\x00\x00\x00abc", []flv.Body{{Track: 1, Kind: flv.BodyMedia, Codec: media.H264, Payload: []byte("abc")}}, ""},
	{"the first track alone", "\x96\x03avc1\x00abc", []flv.Body{{Kind: flv.BodyMedia, Codec: media.H264, Payload: []byte("abc")}}, ""},
	{
		"the first track of two", "\x96\x13hvc1\x01\x00\x00\x02xy\x00\x00\x00\x03abc",
		[]flv.Body{{Track: 1, Kind: flv.BodyMedia, Codec: media.H265, Payload: []byte("xy")}, {Kind: flv.BodyMedia, Codec: media.H265, Payload: []byte("abc")}}, "",
	},
	{
		"two codecs, a modifier", "\x97\x02\x00\x01\x02\x06\x21avc1\x01\x00\x00\x05\x00\x00\x28xyav01\x00\x00\x00\x03abc",
		[]flv.Body{{Track: 1, Nanos: 258, CTS: 40, Kind: flv.BodyMedia, Codec: media.H264, Payload: []byte("xy")}, {Nanos: 258, Kind: flv.BodyMedia, Codec: media.AV1, Payload: []byte("abc")}}, "",
	},
	{
		"a further track of a codec that is not taken", "\x96\x21vp08\x01\x00\x00\x02xyav01\x00\x00\x00\x03abc",
		[]flv.Body{{Track: 1, Kind: flv.BodyPassed}, {Kind: flv.BodyMedia, Codec: media.AV1, Payload: []byte("abc")}}, "",
	},
	{"a first track of a codec that is not taken", "\x96\x21av01\x01\x00\x00\x02xyvp08\x00\x00\x00\x03abc", nil, "vp08"},
	{"tracks that end early", "\x96\x11hvc1\x01\x00\x00\x09xy", []flv.Body{{Kind: flv.BodyPassed}}, ""},
	{"a track in a track", "\x96\x06hvc1\x00abc", []flv.Body{{Kind: flv.BodyPassed}}, ""},
	{"a modifier in a track", "\x96\x07hvc1\x00abc", []flv.Body{{Kind: flv.BodyPassed}}, ""},
	{"a track number that is too large", "\x96\x03hvc1\x10abc", []flv.Body{{Kind: flv.BodyPassed}}, ""},
	{"sound of another track", "\x95\x01Opus\x01abc", []flv.Body{{Track: 1, Kind: flv.BodyMedia, Codec: media.Opus, Payload: []byte("abc")}}, ""},
	{"sound of the first track", "\x95\x01Opus\x00abc", []flv.Body{{Kind: flv.BodyMedia, Codec: media.Opus, Payload: []byte("abc")}}, ""},
}

func checkBody(t *testing.T, name string, got []flv.Body, err error, want []flv.Body, refusal string) {
	t.Helper()
	if refusal != "" {
		var e *flv.CodecError
		if !errors.As(err, &e) || e.Codec != refusal {
			t.Errorf("%s: error is %v", name, err)
		}
		return
	}
	same := func(a, b flv.Body) bool {
		return a.Kind == b.Kind && a.Codec == b.Codec && a.Track == b.Track && a.CTS == b.CTS && a.Nanos == b.Nanos && bytes.Equal(a.Payload, b.Payload)
	}
	if err != nil || !slices.EqualFunc(got, want, same) {
		t.Errorf("%s: got %+v, %v", name, got, err)
	}
}

func TestBodies(t *testing.T) {
	for _, c := range videoBodies {
		got, err := flv.ParseVideo(nil, []byte(c.in))
		checkBody(t, c.name, got, err, []flv.Body{c.want}, c.err)
	}
	for _, c := range audioBodies {
		got, err := flv.ParseAudio(nil, []byte(c.in))
		checkBody(t, c.name, got, err, []flv.Body{c.want}, c.err)
	}
	for _, c := range multitrackBodies {
		parse := flv.ParseVideo
		if c.in[0] == 0x95 {
			parse = flv.ParseAudio
		}
		got, err := parse(nil, []byte(c.in))
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
	for _, c := range multitrackBodies {
		f.Add([]byte(c.in), c.in[0] != 0x95)
	}
	f.Fuzz(func(t *testing.T, b []byte, video bool) {
		parse := flv.ParseAudio
		if video {
			parse = flv.ParseVideo
		}
		all, err := parse(nil, b)
		var e *flv.CodecError
		if err != nil && (!errors.As(err, &e) || len(e.Codec) > 64) {
			t.Fatalf("error is %v", err)
		}
		if len(all) > 17 {
			t.Fatalf("%d tracks", len(all))
		}
		for _, got := range all {
			holds := got.Kind == flv.BodyConfig || got.Kind == flv.BodyMedia
			if holds && (got.Codec == media.AAC || got.Codec == media.Opus) == video || !bytes.Contains(b, got.Payload) {
				t.Fatalf("got %+v", got)
			}
		}
	})
}
