package rtmp

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/codecs"
	"github.com/bluenviron/gortmplib/pkg/message"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/flv"
	"millrace/internal/wire/rtmpchunk"
)

func aacOf(rate int) *gortmplib.Track {
	return &gortmplib.Track{Codec: &codecs.MPEG4Audio{Config: &mpeg4audio.AudioSpecificConfig{
		Type: mpeg4audio.ObjectTypeAACLC, SampleRate: rate, ChannelConfig: 2,
	}}}
}

// A publisher sends two tracks of each kind, as gortmplib does. The first ones are
// the stream; each other one is played by its name, with the first of the other kind.
func TestMultitrack(t *testing.T) {
	w := runFor(t, unhurried, time.Minute)
	conn := w.library(true, "")
	first, second := &gortmplib.Track{Codec: &codecs.H264{SPS: spsSmall, PPS: ppsPlain}}, &gortmplib.Track{Codec: &codecs.H264{SPS: spsLarge, PPS: ppsPlain}}
	voice, other := aacOf(48000), aacOf(44100)
	writer := &gortmplib.Writer{Conn: conn, Tracks: []*gortmplib.Track{first, second, voice, other}}
	must(t, writer.Initialize())
	must(t, conn.Write(&message.DataAMF0{ChunkStreamID: 4, MessageStreamID: 0x1000000, Payload: []any{"@setDataFrame", "onMetaData", amf0.Object{{Key: "place", Value: "quay"}}}}))
	for i := range 4 {
		at := time.Duration(i) * 40 * time.Millisecond
		one, two := append(slices.Clone(idr), byte(i)), append(slices.Clone(idr), 99, byte(i))
		if i > 0 {
			one, two = append(slices.Clone(pic), byte(i)), append(slices.Clone(pic), 99, byte(i))
		}
		must(t,
			writer.WriteH264(first, at, at, [][]byte{one}), writer.WriteH264(second, at, at, [][]byte{two}),
			writer.WriteMPEG4Audio(voice, at, []byte{1, byte(i)}), writer.WriteMPEG4Audio(other, at, []byte{2, byte(i)}))
	}
	w.further("video1")
	w.further("audio1")
	for _, c := range []struct {
		query       string
		width, rate int
		video       int // bytes of a picture
		audio       byte
	}{
		{"", 640, 48000, 4 + 5, 1}, {"?track=video1", 1280, 48000, 4 + 6, 1}, {"?track=audio1", 640, 44100, 4 + 5, 2},
	} {
		p := w.watch("live/s" + c.query)
		var pictures, sounds int
		var last [2]media.Time
		for pictures < 4 || sounds < 4 {
			f, err := p.Next()
			must(t, err)
			if f.Track.Kind == media.Video {
				if f.Track.Width != c.width || len(f.Data) != c.video || f.Key != (pictures == 0) || f.Data[len(f.Data)-1] != byte(pictures) {
					t.Errorf("%s: picture %d is %x of %+v", c.query, pictures, f.Data, f.Track)
				}
				pictures++
			} else {
				if f.Track.SampleRate != c.rate || !bytes.Equal(f.Data, []byte{c.audio, byte(sounds)}) {
					t.Errorf("%s: sound %d is %x of %+v", c.query, sounds, f.Data, f.Track)
				}
				sounds++
			}
			last[f.Track.Kind] = f.DTS
		}
		if last[0] != last[1] {
			t.Errorf("%s: picture and sound are %d ns apart", c.query, last[0]-last[1])
		}
		must(t, p.Close())
	}

	// One that is not there is refused, and the publisher's end is that of all.
	_, err := Dialer{}.Play(t.Context(), w.url("live/s?track=video2"))
	var told *StatusError
	if !errors.As(err, &told) || told.Code != codeNoStream {
		t.Errorf("a track that is not there: %v", err)
	}
	conn.Close()
	for late := time.Now().Add(bound); w.publishing() > 0; <-time.After(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("%d streams are still published", w.publishing())
		}
	}
	if n := w.metric("millrace_rtmp_dropped_total", ""); n != 0 {
		t.Errorf("%v messages are dropped", n)
	}
}

// further waits for a further track's stream, of four pictures and sounds.
func (w *world) further(track string) {
	w.t.Helper()
	name := live.Name{Domain: "d", App: "live", Stream: "s", Track: track}
	ctx, cancel := context.WithTimeout(w.t.Context(), bound)
	defer cancel()
	r, err := w.hub.Subscribe(ctx, name)
	for ; errors.Is(err, live.ErrNotFound) && ctx.Err() == nil; <-time.After(time.Millisecond) {
		r, err = w.hub.Subscribe(ctx, name)
	}
	must(w.t, err)
	defer r.Close()
	for range 8 {
		_, err := r.Next(ctx)
		must(w.t, err)
	}
	// What describes it has come before them.
	if about := r.Description(); !bytes.Contains(about.Members, []byte("quay")) {
		w.t.Errorf("%s is described as %q", track, about.Members)
	}
}

func (w *world) publishing() (n int) {
	for _, s := range w.hub.Stats() {
		if s.Publishing {
			n++
		}
	}
	return n
}

// A publisher has so many tracks; the rest is counted, and so is what is wrong
// with one. None of it harms the first.
func TestTooManyTracks(t *testing.T) {
	w := run(t, Config{})
	c := w.dial("live/s")
	must(t, c.Announce(small, nil), c.Write(picture(small, 0, idr)))
	send := func(body string) {
		must(t, c.sendRaw(rtmpchunk.Message{ChunkStream: 6, Stream: 1, Type: rtmpchunk.TypeVideo, Body: []byte(body)}))
	}
	config, err := flv.AppendConfig(nil, small, 0)
	must(t, err)
	for id := range byte(maxFurther + 2) {
		send("\x96\x03avc1" + string(rune(id+1)) + "abc") // without a configuration, there is nothing to see
		send("\x96\x00avc1" + string(rune(id+1)) + string(config[tagHead+5:len(config)-4]))
	}
	send("\x96\x00avc1\x01abc")
	send("\x96\x03vp08\x01abc")
	must(t, c.Write(picture(small, 40, pic)))
	r := w.reader("s")
	next(t, r, media.Video)
	next(t, r, media.Video)
	for why, want := range map[reason.Reason]float64{reason.Layer: 2, reason.Protocol: 1, // broken configuration
		reason.UnsupportedMsg: 1} {
		if n := w.metric("millrace_rtmp_dropped_total", why); n != want {
			t.Errorf("%v counted as %s, want %v", n, why, want)
		}
	}
	if n := w.publishing(); n != 1+maxFurther {
		t.Errorf("%d streams", n)
	}
	must(t, c.Close())
	w.ended(reason.ClosedByPeer)
	if n := w.publishing(); n != 0 {
		t.Errorf("%d streams after the end", n)
	}
}
