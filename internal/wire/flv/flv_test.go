package flv_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"millrace/internal/codec/h264"
	"millrace/internal/media"
	"millrace/internal/wire/flv"
)

var (
	aacTrack  = &media.Track{Kind: media.Audio, Codec: media.AAC, SampleRate: 44100, Channels: 2, Config: []byte{0x12, 0x10}}
	opusTrack = &media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: 48000, Channels: 2}
	h264Track = &media.Track{
		Kind: media.Video, Codec: media.H264, Width: 64, Height: 64,
		Params: [][]byte{unhex("6742c00ada0844ac04400000030040000007a3c489a8"), unhex("68ce0fc8")},
	}
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func ms(n int64) media.Time { return media.Time(n) * media.Time(time.Millisecond) }

func TestRenderBytes(t *testing.T) {
	idr := unhex("0000000265aa")
	for _, c := range []struct {
		name  string
		frame media.Frame
		base  media.Time
		want  string
	}{
		{"H264 key", media.Frame{Track: h264Track, DTS: ms(1), PTS: ms(1), Key: true, Data: idr}, 0,
			"09 00000b 000001 00 000000 17 01 000000 0000000265aa 00000016"},
		{"H264 with composition time", media.Frame{Track: h264Track, DTS: ms(0x1020304), PTS: ms(0x1020304 + 80), Data: idr}, 0,
			"09 00000b 020304 01 000000 27 01 000050 0000000265aa 00000016"},
		{"PTS before DTS", media.Frame{Track: h264Track, DTS: ms(40), PTS: ms(39), Data: idr}, 0,
			"09 00000b 000028 00 000000 27 01 ffffff 0000000265aa 00000016"},
		{"AAC", media.Frame{Track: aacTrack, DTS: ms(23), PTS: ms(23), Key: true, Data: []byte{0x21}}, 0,
			"08 000003 000017 00 000000 af 01 21 0000000e"},
		{"Opus", media.Frame{Track: opusTrack, DTS: ms(20), PTS: ms(20), Key: true, Data: []byte{0xfc}}, 0,
			"08 000006 000014 00 000000 91 4f707573 fc 00000011"},
		{"from a base", media.Frame{Track: aacTrack, DTS: ms(5000), PTS: ms(5000), Data: []byte{0x21}}, ms(4999),
			"08 000003 000001 00 000000 af 01 21 0000000e"},
		{"before the base", media.Frame{Track: aacTrack, DTS: ms(5000), PTS: ms(5000), Data: []byte{0x21}}, ms(6000),
			"08 000003 000000 00 000000 af 01 21 0000000e"},
		{"behind the wrap", media.Frame{Track: aacTrack, DTS: ms(1<<32 + 2), PTS: ms(1<<32 + 2), Data: []byte{0x21}}, 0,
			"08 000003 000002 00 000000 af 01 21 0000000e"},
	} {
		tag, err := flv.Render(&c.frame, c.base)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		want := strings.ReplaceAll(c.want, " ", "")
		if got := hex.EncodeToString(tag.Append(nil)); got != want || tag.Len() != len(want)/2 {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, want)
		}
		if len(c.frame.Data) > 0 && &tag.Body[0] != &c.frame.Data[0] {
			t.Errorf("%s: the frame's data were copied", c.name)
		}
	}
}

func TestConfigBytes(t *testing.T) {
	for _, c := range []struct {
		name  string
		track *media.Track
		want  string
	}{
		{"AAC", aacTrack, "08 000004 000007 00 000000 af 00 1210 0000000f"},
		{"Opus", opusTrack, "08 000018 000007 00 000000 90 4f707573 4f70757348656164 01 02 0000 80bb0000 0000 00 00000023"},
	} {
		got, err := flv.AppendConfig(nil, c.track, 7)
		if want := strings.ReplaceAll(c.want, " ", ""); err != nil || hex.EncodeToString(got) != want {
			t.Errorf("%s: %v\n got %x\nwant %s", c.name, err, got, want)
		}
	}
	got, err := flv.AppendConfig(nil, h264Track, 0)
	record, _ := h264.BuildConfig(h264Track.Params)
	if err != nil || !bytes.Contains(got, append(unhex("1700000000"), record...)) {
		t.Errorf("H264: %v, %x", err, got)
	}
}

func TestFileHeader(t *testing.T) {
	for _, c := range []struct {
		video, audio *media.Track
		want         string
	}{
		{h264Track, aacTrack, "464c560105"},
		{h264Track, nil, "464c560101"},
		{nil, opusTrack, "464c560104"},
	} {
		if got := hex.EncodeToString(flv.AppendFileHeader(nil, c.video, c.audio)); got != c.want+"0000000900000000" {
			t.Errorf("header %s, want %s…", got, c.want)
		}
	}
}

func TestWhatCannotBeWritten(t *testing.T) {
	if _, err := flv.AppendConfig(nil, &media.Track{Codec: media.H264}, 0); err == nil {
		t.Error("H264 without parameter sets was written")
	}
	if _, err := flv.AppendConfig(nil, &media.Track{Codec: media.AAC}, 0); !errors.Is(err, flv.ErrUnsupported) {
		t.Errorf("AAC without configuration: %v", err)
	}
	if _, err := flv.Render(&media.Frame{Track: &media.Track{}}, 0); !errors.Is(err, flv.ErrUnsupported) {
		t.Errorf("unknown codec: %v", err)
	}
	if _, err := flv.Render(&media.Frame{Track: h264Track, Data: make([]byte, flv.MaxBody)}, 0); !errors.Is(err, flv.ErrUnsupported) {
		t.Errorf("too large a frame: %v", err)
	}
}

func TestOpusRoundTrip(t *testing.T) {
	in := []*media.Frame{
		{Track: opusTrack, DTS: ms(0), PTS: ms(0), Key: true, Data: []byte{0xfc, 1, 2}},
		{Track: opusTrack, DTS: ms(20), PTS: ms(20), Key: true, Data: []byte{0xfc, 3}},
	}
	out := readAll(t, write(t, in, 0))
	if len(out) != 2 || out[0].Track.Codec != media.Opus || out[0].Track.Channels != 2 || out[0].Track.SampleRate != 48000 {
		t.Fatalf("read %+v", out)
	}
	for i := range in {
		if !bytes.Equal(out[i].Data, in[i].Data) || out[i].DTS != in[i].DTS {
			t.Errorf("frame %d: %+v", i, out[i])
		}
	}
}

// file makes a file of raw tags: type, timestamp, body.
func file(tags ...rawTag) []byte {
	b := flv.AppendFileHeader(nil, h264Track, aacTrack)
	for _, tag := range tags {
		body := unhex(strings.ReplaceAll(tag.body, " ", ""))
		b = append(b, tag.kind, byte(len(body)>>16), byte(len(body)>>8), byte(len(body)),
			byte(tag.at>>16), byte(tag.at>>8), byte(tag.at), byte(tag.at>>24), 0, 0, 0)
		b = append(append(b, body...), 0, 0, 0, 0) // PreviousTagSize as some muxers leave it
	}
	return b
}

type rawTag struct {
	kind byte
	at   uint32
	body string
}

func avcC(lengthSize byte) string {
	record, _ := h264.BuildConfig(h264Track.Params)
	record[4] = 0xfc | (lengthSize - 1)
	return hex.EncodeToString(record)
}

func TestReaderTakesOtherForms(t *testing.T) {
	idr := "0000000265aa"
	for _, c := range []struct {
		name string
		tags []rawTag
		want string // data of the frames
		pts  media.Time
	}{
		{"2-byte lengths", []rawTag{{9, 0, "17 00 000000" + avcC(2)}, {9, 40, "17 01 000000 000265aa"}}, idr, ms(40)},
		{"enhanced avc1", []rawTag{{9, 0, "90 61766331" + avcC(4)}, {9, 40, "91 61766331 000028" + idr}}, idr, ms(80)},
		{"enhanced avc1 without composition time", []rawTag{{9, 0, "90 61766331" + avcC(4)}, {9, 40, "93 61766331" + idr}}, idr, ms(40)},
		{"enhanced AAC", []rawTag{{8, 0, "90 6d703461 1210"}, {8, 23, "91 6d703461 21"}}, "21", ms(23)},
		{"parameter sets and delimiter in band", []rawTag{{9, 0, "17 00 000000" + avcC(4)},
			{9, 40, "17 01 000000 0000000209f0 0000000468ce0fc8" + idr}}, idr, ms(40)},
		{"unknown codecs and tags passed over", []rawTag{{18, 0, "02"}, {9, 0, "12 00"}, {8, 0, "2f 00"}, {15, 0, "00"}, {9, 0, "90 76703038 00"},
			{8, 0, "95 00"}, {8, 0, "af 00 1210"}, {8, 5, "af 01 21"}, {9, 0, "50"}}, "21", ms(5)},
		{"media before its configuration is passed over", []rawTag{{9, 0, "17 01 000000" + idr}, {8, 0, "af 01 21"}, {8, 0, "af 00 1210"},
			{8, 7, "af 01 22"}}, "22", ms(7)},
		{"wrapping timestamps", []rawTag{{8, 0xffffffff, "af 00 1210"}, {8, 4, "af 01 21"}}, "21", ms(1<<32 + 4)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var data []byte
			var last *media.Frame
			for _, f := range readAll(t, file(c.tags...)) {
				data = append(data, f.Data...)
				last = f
			}
			if hex.EncodeToString(data) != c.want || last == nil || last.PTS != c.pts {
				t.Errorf("read %x %+v, want %s at %d", data, last, c.want, c.pts)
			}
		})
	}
}

func TestReaderFollowsNewParameters(t *testing.T) {
	frames := readAll(t, file(
		rawTag{9, 0, "17 00 000000" + avcC(4)}, rawTag{9, 40, "17 01 000000 0000000265aa"},
		rawTag{9, 60, "17 00 000000" + avcC(4)}, rawTag{9, 80, "27 01 000000 0000000241aa"},
		rawTag{9, 120, "17 01 000000 0000000468ce3c80 0000000265aa"},
	))
	if len(frames) != 3 || frames[0].Track != frames[1].Track {
		t.Fatalf("the same parameters made another track: %+v", frames)
	}
	if frames[2].Track == frames[1].Track || !bytes.Equal(frames[2].Track.Params[1], unhex("68ce3c80")) {
		t.Errorf("a PPS in band was not taken over: %+v", frames[2].Track)
	}
	if !frames[0].Key || frames[1].Key {
		t.Error("key frames are not told apart")
	}
}

func TestReaderRefuses(t *testing.T) {
	whole := file(rawTag{8, 0, "af 00 1210"}, rawTag{8, 0, "af 01 21"})
	for _, c := range []struct {
		name string
		in   []byte
		want error
	}{
		{"nothing", nil, io.EOF},
		{"another format", []byte("RIFF....WAVE"), flv.ErrSignature},
		{"far first tag", unhex("464c560105ffffffff00000000"), flv.ErrSignature},
		{"cut in the header", whole[:5], io.ErrUnexpectedEOF},
		{"cut in a tag header", whole[:13+5], io.ErrUnexpectedEOF},
		{"cut in a body", whole[:13+12], io.ErrUnexpectedEOF},
		{"too large a tag", append(flv.AppendFileHeader(nil, nil, nil), unhex("09ffffff00000000000000")...), flv.ErrTag},
		{"encrypted", append(flv.AppendFileHeader(nil, nil, nil), unhex("2900000100000000000000")...), flv.ErrTag},
		{"bad avcC", file(rawTag{9, 0, "17 00 000000 0000"}), flv.ErrTag},
		{"bad AudioSpecificConfig", file(rawTag{8, 0, "af 00 ff"}), flv.ErrTag},
		{"bad OpusHead", file(rawTag{8, 0, "90 4f707573 00"}), flv.ErrTag},
		{"bad NAL length", file(rawTag{9, 0, "17 00 000000" + avcC(4)}, rawTag{9, 0, "17 01 000000 ffffffff65"}), flv.ErrTag},
	} {
		_, err := flv.NewReader(bytes.NewReader(c.in)).Next()
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestOpenWithoutPromisedTrack(t *testing.T) {
	r := flv.NewReader(bytes.NewReader(file(rawTag{8, 0, "af 00 1210"}, rawTag{8, 0, "af 01 21"})))
	video, audio, err := r.Open()
	if err != nil || video != nil || audio == nil {
		t.Fatalf("Open: %v %v %v", video, audio, err)
	}
	if f, err := r.Next(); err != nil || f.Data[0] != 0x21 {
		t.Errorf("Next: %v %v", f, err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("end of file: %v", err)
	}
	if _, _, err := flv.NewReader(strings.NewReader("")).Open(); !errors.Is(err, io.EOF) {
		t.Errorf("empty file: %v", err)
	}
}
