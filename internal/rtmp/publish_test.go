package rtmp

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/flv"
	"millrace/internal/wire/rtmpchunk"
)

func TestPublish(t *testing.T) {
	w := run(t, Config{})
	c := w.dial("live/s?auth_key=" + token)
	must(t, c.Announce(small, stereo), c.Write(picture(small, 5000, idr, idr)), c.Write(sound(stereo, 5000, "sound")), c.Write(picture(small, 5040, pic)))
	want := catalog.Request{Protocol: catalog.RTMP, Host: w.addr, App: "live", Stream: "s", Path: "/live/s", AuthKey: token, Query: "auth_key=" + token, RemoteAddr: c.net.LocalAddr().String()}
	if got := w.lastRequest(); got != want {
		t.Fatalf("asked for %+v", got)
	}
	r := w.reader("s")
	video, audio := r.Tracks()
	if video.Width != 640 || video.Height != 360 || video.Reorder || !slices.EqualFunc(video.Params, small.Params, bytes.Equal) {
		t.Errorf("video is %+v", video)
	}
	if audio.SampleRate != 48000 || audio.Channels != 2 || !bytes.Equal(audio.Config, stereo.Config) {
		t.Errorf("audio is %+v", audio)
	}
	first := next(t, r, media.Video)
	if !first.Key || !bytes.Equal(first.Data, picture(small, 0, idr, idr).Data) || first.Track != video {
		t.Errorf("first frame is %+v", first)
	}
	if f := next(t, r, media.Audio); string(f.Data) != "sound" || f.DTS != first.DTS {
		t.Errorf("sound is %+v", f)
	}
	if f := next(t, r, media.Video); f.Key || f.DTS-first.DTS != media.Time(40*time.Millisecond) {
		t.Errorf("second frame is %+v", f)
	}
	must(t, c.Close())
	if e := w.ended(reason.ClosedByPeer); e.stream != "live/s" {
		t.Errorf("closing line is %+v", e)
	}
	if n := w.metric("millrace_rtmp_closed_total", reason.ClosedByPeer); n != 1 {
		t.Errorf("%v connections counted", n)
	}
	if n := w.metric("millrace_rtmp_dropped_total", ""); n != 0 {
		t.Errorf("%v messages dropped", n)
	}
}

// TestSplits dials as clients do that split the URL in their own ways.
func TestSplits(t *testing.T) {
	w := run(t, Config{})
	for _, c := range addresses {
		ctx, cancel := context.WithTimeout(context.Background(), bound)
		client, err := dial(ctx, target{addr: w.addr, app: c.app, tcURL: c.tcURL, name: c.name})
		cancel()
		if c.why != "" {
			var told *StatusError
			if !errors.As(err, &told) || told.Code != codeDenied && told.Code != codeRejected {
				t.Errorf("%s: error is %v", c.what, err)
			}
			w.ended(c.why)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		want := c.want
		if want.host == "" {
			want.host = "127.0.0.1"
		}
		if q := w.lastRequest(); q.Host != want.host || q.App != want.app || q.Stream != want.stream || q.AuthKey != want.authKey {
			t.Errorf("%s: asked for %+v", c.what, q)
		}
		must(t, client.Close())
		w.ended(reason.ClosedByPeer)
	}
}

func TestRefusals(t *testing.T) {
	const detail = "denied by req auth: no url arg auth_key"
	for _, c := range []struct {
		err  error
		why  reason.Reason
		want StatusError
	}{
		{&catalog.Denied{Reason: reason.Auth, Detail: detail}, reason.Auth, StatusError{codeDenied, detail}},
		{&catalog.Denied{Reason: reason.UnknownDomain, Detail: "no such domain"}, reason.UnknownDomain, StatusError{codeDenied, "no such domain"}},
		{&catalog.Denied{Reason: reason.Taken, Detail: "taken"}, reason.Taken, StatusError{codeTaken, "taken"}},
		{live.ErrTaken, reason.Taken, StatusError{codeTaken, live.ErrTaken.Error()}},
		{live.ErrShutdown, reason.Shutdown, StatusError{codePublishFailed, live.ErrShutdown.Error()}},
		{context.DeadlineExceeded, reason.Timeout, StatusError{codePublishFailed, "admit publisher: context deadline exceeded"}},
		{errors.New("the password of the store is 123"), reason.Internal, StatusError{codePublishFailed, "internal error"}},
	} {
		w := run(t, Config{})
		w.refuse(c.err)
		_, err := Dial(t.Context(), w.url("live/s"))
		var told *StatusError
		if !errors.As(err, &told) || *told != c.want {
			t.Errorf("%v: client was told %v", c.err, err)
		}
		w.ended(c.why)
	}
}

func TestTaken(t *testing.T) {
	w := run(t, Config{})
	first := w.dial("live/s")
	var told *StatusError
	if _, err := Dial(t.Context(), w.url("live/s")); !errors.As(err, &told) || told.Code != codeTaken {
		t.Fatalf("second publisher was told %v", err)
	}
	w.ended(reason.Taken)
	must(t, first.Announce(small, nil), first.Write(picture(small, 0, idr)))
	next(t, w.reader("s"), media.Video)
}

// TestReturn takes the name again after a publisher whose connection broke.
func TestReturn(t *testing.T) {
	w := run(t, Config{})
	c := w.dial("live/s")
	must(t, c.Announce(small, nil), c.Write(picture(small, 0, idr)))
	r := w.reader("s")
	next(t, r, media.Video)
	must(t, c.net.Close())
	w.ended(reason.ClosedByPeer) // TCP closed in order between two messages
	c = w.dial("live/s")
	must(t, c.Announce(small, nil), c.Write(picture(small, 0, idr)))
	if f := next(t, r, media.Video); !f.Discontinuity {
		t.Fatalf("frame after the return is %+v", f)
	}
}

func TestAbruptEnd(t *testing.T) {
	w := run(t, Config{})
	c := w.dial("live/s")
	must(t, c.Announce(small, nil))
	// The first half of a chunk, then nothing.
	if _, err := c.net.Write([]byte{6, 0, 0}); err != nil {
		t.Fatal(err)
	}
	must(t, c.net.Close())
	w.ended(reason.PeerGone)
}

func TestParametersChange(t *testing.T) {
	w := run(t, Config{})
	c := w.dial("live/s")
	must(t, c.Announce(small, stereo), c.Write(picture(small, 0, idr)))
	r := w.reader("s")
	first := next(t, r, media.Video)

	// A new sequence header.
	must(t, c.Write(picture(large, 40, idr)))
	second := next(t, r, media.Video)
	if second.Track == first.Track || second.Track.Width != 1280 {
		t.Fatalf("after a new configuration the track is %+v", second.Track)
	}
	if v, a := r.Tracks(); v != second.Track || a == nil {
		t.Fatalf("announced are %+v and %+v", v, a)
	}
	// In band: the SPS has the same id, so that it replaces the other one.
	must(t, c.Write(picture(large, 80, spsSmall, ppsPlain, idr)), c.Write(picture(large, 120, spsSmall, ppsPlain, idr)))
	third := next(t, r, media.Video)
	if third.Track.Width != 640 || len(third.Track.Params) != 2 || !bytes.Equal(third.Data, picture(small, 0, idr).Data) {
		t.Fatalf("after sets in band the frame is %+v of %+v", third, third.Track)
	}
	if fourth := next(t, r, media.Video); fourth.Track != third.Track {
		t.Fatal("the same sets again made another track")
	}
	if v, _ := r.Tracks(); v != third.Track {
		t.Fatalf("announced is %+v", v)
	}
	// The sound.
	mono := &media.Track{Kind: media.Audio, Codec: media.AAC, Config: []byte{0x12, 0x08}}
	must(t, c.Write(sound(mono, 130, "a")))
	if f := next(t, r, media.Audio); f.Track.SampleRate != 44100 || f.Track.Channels != 1 {
		t.Fatalf("sound is %+v", f.Track)
	}
}

func TestReorderIsSeen(t *testing.T) {
	for name, second := range map[string]*media.Frame{
		"by composition time": {Track: large, DTS: 40e6, PTS: 120e6, Data: picture(large, 0, pic).Data},
		"by a B slice":        picture(large, 40, bee),
	} {
		t.Run(name, func(t *testing.T) {
			w := run(t, Config{})
			c := w.dial("live/s")
			must(t, c.Announce(large, nil), c.Write(picture(large, 0, idr)))
			r := w.reader("s")
			if f := next(t, r, media.Video); f.Track.Reorder {
				t.Fatal("reordering before any sign of it")
			}
			must(t, c.Write(second))
			f := next(t, r, media.Video)
			if !f.Track.Reorder || f.PTS-f.DTS != second.PTS-second.DTS {
				t.Fatalf("frame is %+v of %+v", f, f.Track)
			}
			if v, _ := r.Tracks(); v != f.Track {
				t.Fatalf("announced is %+v", v)
			}
		})
	}
}

func TestSounds(t *testing.T) {
	head := []byte("OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00")
	for _, c := range []struct {
		name           string
		track          media.Track
		rate, channels int
		data           string
	}{
		{"HE-AAC", media.Track{Codec: media.AAC, Config: []byte{0x2b, 0x11, 0x88, 0x00}}, 48000, 2, "x"},
		{"HE-AAC v2 behind an LC configuration", media.Track{Codec: media.AAC, Config: []byte{0x13, 0x08, 0x56, 0xe5, 0x9d, 0x48, 0x80}}, 48000, 2, "x"},
		{"Opus", media.Track{Codec: media.Opus, Config: head}, 48000, 2, "\xfcabc"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := run(t, Config{})
			client := w.dial("live/s")
			c.track.Kind = media.Audio
			must(t, client.Announce(nil, &c.track), client.Write(sound(&c.track, 0, c.data)))
			r := w.reader("s")
			f := next(t, r, media.Audio)
			if f.Track.SampleRate != c.rate || f.Track.Channels != c.channels || f.Track.Codec != c.track.Codec || !bytes.Equal(f.Track.Config, c.track.Config) {
				t.Fatalf("track is %+v", f.Track)
			}
			if string(f.Data) != c.data {
				t.Fatalf("data is %q", f.Data)
			}
		})
	}
}

// TestMissingTrack publishes video alone after metadata that promise sound.
func TestMissingTrack(t *testing.T) {
	w := run(t, Config{})
	c := w.dial("live/s")
	must(t, c.sendTags(flv.AppendMetadata(nil, small, stereo, 0)))
	for ms := int64(0); ms < 1000; ms += 40 {
		must(t, c.Write(picture(small, ms, idr)))
	}
	// An answer says that all of that has been dealt with.
	must(t, c.send(3, 0, "_checkbw", 9, nil))
	_, err := c.result(9)
	must(t, err)
	for _, s := range w.hub.Stats() {
		if s.Video != nil {
			t.Fatal("announced without the promised track before its time")
		}
	}
	must(t, c.Write(picture(small, 1000, idr)))
	r := w.reader("s")
	if v, a := r.Tracks(); v == nil || a != nil {
		t.Fatalf("announced are %+v and %+v", v, a)
	}
	must(t, c.Write(sound(stereo, 1010, "late")))
	if f := next(t, r, media.Audio); string(f.Data) != "late" {
		t.Fatalf("sound is %+v", f)
	}
	if _, a := r.Tracks(); a == nil {
		t.Fatal("the late track is not announced")
	}
}

// TestNoMetadata announces both tracks as soon as both are known.
func TestNoMetadata(t *testing.T) {
	w := run(t, Config{})
	c := w.dial("live/s")
	must(t, c.Write(picture(small, 0, idr)), c.Write(sound(stereo, 5, "sound")))
	if v, a := w.reader("s").Tracks(); v == nil || a == nil {
		t.Fatalf("announced are %+v and %+v", v, a)
	}
}

func TestTimestampJump(t *testing.T) {
	w := run(t, Config{})
	c := w.dial("live/s")
	must(t, c.Announce(small, nil), c.Write(picture(small, 0, idr)), c.Write(picture(small, 3_600_000, pic)), c.Write(picture(small, 3_600_040, pic)))
	r := w.reader("s")
	first, second, third := next(t, r, media.Video).DTS, next(t, r, media.Video).DTS, next(t, r, media.Video).DTS
	if d := second - first; d < 0 || d > media.Time(bound) {
		t.Fatalf("the jump is %v long", time.Duration(d))
	}
	if third-second != media.Time(40*time.Millisecond) {
		t.Fatalf("behind the jump frames are %v apart", time.Duration(third-second))
	}
	must(t, c.Close())
	w.ended(reason.ClosedByPeer)
	if n := w.metric("millrace_rtmp_dropped_total", reason.TimestampJump); n != 1 {
		t.Fatalf("%v jumps counted", n)
	}
}

// Timestamps of 32 bits wrap around, among pictures that are decoded in another
// order than shown.
func TestTimestampsWrap(t *testing.T) {
	w := run(t, Config{})
	c := w.dial("live/s")
	must(t, c.Announce(large, stereo))
	const start = 1<<32 - 80
	for i := range uint32(5) {
		head, cts := "\x27\x01\x00\x00", byte(80*(i%2))
		if i == 0 {
			head = "\x17\x01\x00\x00"
		}
		must(t, c.sendRaw(rtmpchunk.Message{
			ChunkStream: 6, Stream: 1, Type: rtmpchunk.TypeVideo, Timestamp: start + 40*i,
			Body: append(append([]byte(head), cts), picture(large, 0, map[bool][]byte{true: idr, false: pic}[i == 0]).Data...),
		}), c.sendRaw(rtmpchunk.Message{ChunkStream: 4, Stream: 1, Type: rtmpchunk.TypeAudio, Timestamp: start + 40*i, Body: []byte("\xaf\x01sound")}))
	}
	r := w.reader("s")
	first := next(t, r, media.Video)
	for i := media.Time(1); i < 5; i++ {
		v, a := next(t, r, media.Video), next(t, r, media.Audio)
		if v.DTS-first.DTS != i*40e6 || v.PTS-v.DTS != i%2*80e6 || a.DTS-first.DTS > i*40e6 {
			t.Errorf("picture %d is %v behind the first and shown %v later, the sound beside it %v", i, time.Duration(v.DTS-first.DTS), time.Duration(v.PTS-v.DTS), time.Duration(a.DTS-first.DTS))
		}
	}
	if n := w.metric("millrace_rtmp_dropped_total", ""); n != 0 {
		t.Errorf("%v corrections", n)
	}
}

func TestKicked(t *testing.T) {
	w := run(t, Config{})
	c := w.dial("live/s")
	must(t, c.Announce(small, nil), c.Write(picture(small, 0, idr)))
	next(t, w.reader("s"), media.Video)
	w.hub.Close()
	var told *StatusError
	if err := c.waitStatus(""); !errors.As(err, &told) || told.Description != live.ErrShutdown.Error() {
		t.Fatalf("client was told %v", err)
	}
	must(t, c.net.Close())
	w.ended(reason.Shutdown)
}

// TestWriterIsTold learns from a write why the server takes no more.
func TestWriterIsTold(t *testing.T) {
	w := run(t, Config{})
	c := w.dial("live/s")
	must(t, c.Announce(small, nil))
	w.hub.Close()
	var err error
	for ms, until := int64(0), time.Now().Add(bound); err == nil && time.Now().Before(until); ms += 40 {
		err = c.Write(picture(small, ms, append(idr, make([]byte, 100_000)...)))
	}
	var told *StatusError
	if !errors.As(err, &told) || told.Description != live.ErrShutdown.Error() {
		t.Fatalf("client was told %v", err)
	}
}

func TestShutdown(t *testing.T) {
	w := run(t, Config{})
	c := w.dial("live/s")
	w.stop()
	var told *StatusError
	if err := c.waitStatus(""); !errors.As(err, &told) || told.Description != live.ErrShutdown.Error() {
		t.Fatalf("client was told %v", err)
	}
	must(t, c.net.Close())
	w.ended(reason.Shutdown)
}

// TestLibraryClient publishes by gortmplib's own client and writer.
func TestLibraryClient(t *testing.T) {
	w := run(t, Config{})
	u, err := url.Parse("rtmp://" + w.addr + "/live#s?auth_key=" + token)
	must(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	c := &gortmplib.Client{URL: u, Publish: true}
	must(t, c.Initialize(ctx))
	defer c.Close()
	video := &gortmplib.Track{Codec: &codecs.H264{SPS: spsLarge, PPS: ppsPlain}}
	audio := &gortmplib.Track{Codec: &codecs.MPEG4Audio{Config: &mpeg4audio.AudioSpecificConfig{
		Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 44100, ChannelConfig: 2,
	}}}
	writer := &gortmplib.Writer{Conn: c, Tracks: []*gortmplib.Track{video, audio}}
	must(t, writer.Initialize())
	day := 24 * time.Hour // behind the extended timestamp's beginning
	must(t,
		writer.WriteH264(video, day+40*time.Millisecond, day, [][]byte{{6, 5, 1, 0x80}, idr}),
		writer.WriteMPEG4Audio(audio, day, []byte("sound")),
		writer.WriteH264(video, day+80*time.Millisecond, day+40*time.Millisecond, [][]byte{append(pic, make([]byte, 100_000)...)}))
	r := w.reader("s")
	if v, a := r.Tracks(); v == nil || v.Width != 1280 || a == nil || a.SampleRate != 44100 {
		t.Fatalf("tracks are %+v, %+v", v, a)
	}
	first := next(t, r, media.Video)
	if !first.Key || first.PTS-first.DTS != 40e6 || !first.Track.Reorder || !strings.HasSuffix(string(first.Data), string(idr)) {
		t.Fatalf("first frame is %+v", first)
	}
	if f := next(t, r, media.Video); len(f.Data) != 4+len(pic)+100_000 || f.DTS-first.DTS != 40e6 {
		t.Fatalf("second frame has %d bytes at %d", len(f.Data), f.DTS-first.DTS)
	}
}
