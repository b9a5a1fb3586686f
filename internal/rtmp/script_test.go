package rtmp

import (
	"bytes"
	"slices"
	"testing"

	"github.com/bluenviron/gortmplib/pkg/amf0"

	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/rtmpchunk"
)

// say sends a data message.
func (c *Client) say(values ...any) error {
	body, err := amf0.Data(values).Marshal()
	if err != nil {
		return err
	}
	return c.sendRaw(rtmpchunk.Message{ChunkStream: 6, Stream: 1, Type: rtmpchunk.TypeDataAMF0, Body: body})
}

// What a publisher says besides its media reaches players: of the stream with what
// is known of the tracks, and everything else in its place among the pictures.
func TestScriptsArePlayed(t *testing.T) {
	w := run(t, Config{})
	c := w.dial("live/s")
	must(t, c.say("@setDataFrame", "onMetaData", amf0.ECMAArray{
		{Key: "width", Value: float64(1)}, {Key: "videocodecid", Value: float64(7)}, {Key: "encoder", Value: "one"}, {Key: "place", Value: "quay"},
	}))
	sei := append(picture(small, 0, []byte("\x06\x05\x12 sixteen bytes id ab\x80")).Data, picture(small, 0, idr).Data...)
	first := picture(small, 0, idr)
	first.Data = sei
	must(t, c.configure(small, 0), c.flush(), c.Write(first))
	next(t, w.reader("s"), media.Video)
	p := w.watch("live/s")
	cue := amf0.Object{{Key: "name", Value: "ad"}, {Key: "time", Value: 1.5}}
	must(t, c.say("onCuePoint", cue), c.Write(picture(small, 40, pic)), c.say("@setDataFrame", "onTextData", amf0.Object{{Key: "text", Value: "hi"}}), c.Write(picture(small, 80, pic)))

	var seen []string
	for len(seen) < 6 {
		m, err := p.message()
		must(t, err)
		switch m.Type {
		case rtmpchunk.TypeVideo:
			if m.Body[1] == 0 {
				continue // of a decoder
			}
			seen = append(seen, "picture")
			if len(seen) == 2 && !bytes.HasSuffix(m.Body, sei) {
				t.Errorf("the first picture is %x, want %x at its end", m.Body, sei)
			}
		case rtmpchunk.TypeDataAMF0:
			values, err := amf0.Unmarshal(m.Body)
			must(t, err)
			name := values[0].(string)
			if name == "|RtmpSampleAccess" {
				continue
			}
			seen = append(seen, name)
			about, _ := object(values, 1)
			switch name {
			case "onMetaData":
				width, _ := about.GetFloat64("width")
				encoder, _ := about.GetString("encoder")
				place, _ := about.GetString("place")
				if width != float64(small.Width) || encoder != "one" || place != "quay" {
					t.Errorf("onMetaData is %v", about)
				}
			case "onCuePoint":
				if at, _ := about.GetFloat64("time"); at != 1.5 {
					t.Errorf("onCuePoint is %v", about)
				}
			}
		}
	}
	for i, want := range []string{"onMetaData", "picture", "onCuePoint", "picture", "onTextData", "picture"} {
		if seen[i] != want {
			t.Fatalf("played %q", seen)
		}
	}
}

// A publisher that says more than goes with a picture is not listened to.
func TestScriptsAreBounded(t *testing.T) {
	w := run(t, Config{})
	c := w.dial("live/s")
	const most = 32
	for range most + 3 {
		must(t, c.say("onCuePoint", "x"))
	}
	must(t, c.Announce(small, nil), c.Write(picture(small, 0, idr)))
	if f := next(t, w.reader("s"), media.Video); len(f.Scripts) != most {
		t.Errorf("%d go with the picture", len(f.Scripts))
	}
	if n := w.metric("millrace_rtmp_dropped_total", reason.Limit); n != 3 {
		t.Errorf("%v are counted", n)
	}
}

// onMetaData that changes reaches who plays already, with what is known of the
// tracks; who gets one kind alone is not told of both. What was said before is not
// said again.
func TestMetadataChanges(t *testing.T) {
	w := run(t, Config{})
	c := w.dial("live/s")
	about := func(place string) error {
		return c.say("@setDataFrame", "onMetaData", amf0.ECMAArray{{Key: "width", Value: float64(1)}, {Key: "place", Value: place}})
	}
	must(t, about("quay"), c.configure(small, 0), c.configure(stereo, 0), c.Write(picture(small, 0, idr)), c.Write(sound(stereo, 0, "a")))
	next(t, w.reader("s"), media.Audio)
	all, some := w.watch("live/s"), w.watch("live/s?onlyaudio=1")
	for _, p := range []*Player{all, some} {
		if got := told(t, p, 'a'); !slices.Equal(got, []string{"quay"}) {
			t.Errorf("told %q at first", got)
		}
	}
	must(t, about("pier"), c.Write(picture(small, 40, pic)), about("pier"), c.Write(picture(small, 80, pic)), c.Write(sound(stereo, 80, "z")))
	if got := told(t, all, 'z'); !slices.Equal(got, []string{"pier"}) {
		t.Errorf("told %q later", got)
	}
	if got := told(t, some, 'z'); got != nil {
		t.Errorf("who gets sound alone is told %q", got)
	}
}

// told reads up to a sound and returns the places that onMetaData named.
func told(t *testing.T, p *Player, until byte) (places []string) {
	t.Helper()
	for {
		m, err := p.message()
		must(t, err)
		if m.Type == rtmpchunk.TypeAudio && m.Body[len(m.Body)-1] == until {
			return places
		}
		if m.Type != rtmpchunk.TypeDataAMF0 {
			continue
		}
		values, err := amf0.Unmarshal(m.Body)
		must(t, err)
		about, ok := object(values, 1)
		if !ok || values[0] != "onMetaData" {
			continue
		}
		place, _ := about.GetString("place")
		places = append(places, place)
		if width, named := about.GetFloat64("width"); named && width != float64(small.Width) {
			t.Errorf("onMetaData is %v", about)
		}
	}
}
