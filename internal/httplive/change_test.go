package httplive_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/flv"
)

// Who asks for Opus gets what was published, in the enhanced form.
func TestOpusAsItIs(t *testing.T) {
	s := newStage(t, stageOptions{converts: true, config: unhurried})
	all := whip(t, 0)
	p := s.publish(t, first(tracks(all)), second(tracks(all)))
	write(t, p, all[:20]...)
	_, resp := s.get(t, "audio=opus")
	r := flv.NewReader(begun(t, resp.Body))
	write(t, p, all[20:]...)
	want := whip(t, 0)[1:] // without the sound before the first picture
	got := next(t, r, len(want))
	shift := got[0].DTS - want[0].DTS
	for i, f := range got {
		off := f.DTS - want[i].DTS - shift
		if string(f.Data) != string(want[i].Data) || f.Track.Codec != want[i].Track.Codec || off.Sub(0).Abs() > time.Millisecond {
			t.Fatalf("frame %d is %v at %v, want %v at %v", i, f.Track.Codec, f.DTS, want[i].Track.Codec, want[i].DTS+shift)
		}
		if a := f.Track; a.Kind == media.Audio && (a.Channels != 2 || string(a.Config[:8]) != "OpusHead") {
			t.Fatalf("track %+v", a)
		}
	}
	p.Close(reason.ClosedByPeer)
}

// Both kinds of viewers are served at once, each from one feed.
func TestBothSoundsAtOnce(t *testing.T) {
	s := newStage(t, stageOptions{converts: true, config: unhurried})
	all := whip(t, 0)
	p := s.publish(t, first(tracks(all)), second(tracks(all)))
	write(t, p, all...)
	for range 2 {
		for _, want := range []struct {
			argument string
			codec    media.Codec
		}{{"audio=opus", media.Opus}, {"audio=aac", media.AAC}, {"", media.AAC}} {
			r, _ := s.get(t, want.argument)
			for {
				f := next(t, r, 1)[0]
				if f.Track.Kind == media.Video {
					continue
				}
				if f.Track.Codec != want.codec {
					t.Errorf("%q: got %v", want.argument, f.Track.Codec)
				}
				break
			}
		}
	}
	readers := map[string]int{}
	for _, st := range s.hub.Stats() {
		readers[st.Name.Variant] = st.Readers
	}
	// Of what was published: a feed as it is, one that holds it, the converter.
	if readers[""] != 3 || readers[live.VariantAAC] != 1 {
		t.Errorf("readers %v", readers)
	}
	p.Close(reason.ClosedByPeer)
}

// A publisher comes back with other sound; its viewers stay and hear it.
func TestSoundChanges(t *testing.T) {
	late := func(f *media.Frame) bool { return f.DTS > media.Time(time.Second) }
	aac, opus := slices.DeleteFunc(frames(t), late), slices.DeleteFunc(whip(t, 0), late)
	silent := slices.DeleteFunc(whip(t, 0), func(f *media.Frame) bool { return late(f) || f.Track.Kind == media.Audio })
	clips := map[string][]*media.Frame{"AAC": aac, "Opus": opus, "none": silent}
	for _, order := range []string{"Opus AAC Opus", "AAC Opus AAC", "none Opus", "Opus none AAC"} {
		t.Run(order, func(t *testing.T) {
			s := newStage(t, stageOptions{converts: true, linger: patience, config: unhurried})
			var r *flv.Reader
			var last [2]media.Time
			for i, name := range strings.Fields(order) {
				var all []*media.Frame
				for _, f := range clips[name] {
					own := *f
					all = append(all, &own)
				}
				p := s.publish(t, first(tracks(all)), second(tracks(all)))
				write(t, p, all[:10]...)
				if i == 0 {
					_, resp := s.get(t)
					r = flv.NewReader(begun(t, resp.Body))
				}
				write(t, p, all[10:]...)
				// Another picture, so that the last sound is behind some.
				heard, seen := 0, 0
				pictures := 0
				for _, f := range all {
					if f.Track.Kind == media.Video {
						pictures++
					}
				}
				for seen < pictures || name != "none" && heard < 30 {
					f := next(t, r, 1)[0]
					if f.DTS < last[f.Track.Kind] {
						t.Fatalf("%v goes back from %v to %v", f.Track.Kind, last[f.Track.Kind], f.DTS)
					}
					last[f.Track.Kind] = f.DTS
					if f.Track.Kind == media.Video {
						seen++
						continue
					}
					if f.Track.Codec != media.AAC {
						t.Fatalf("sound is %v", f.Track.Codec)
					}
					heard++
				}
				p.Close(reason.PeerGone)
			}
			if n := len(s.played); n != 1 {
				t.Errorf("%d viewers were admitted", n)
			}
		})
	}
}

// Without a converter the picture is played alone, and that is counted.
func TestPictureAlone(t *testing.T) {
	s := newStage(t, stageOptions{config: unhurried})
	all := whip(t, 0)
	p := s.publish(t, first(tracks(all)), second(tracks(all)))
	write(t, p, all[:20]...)
	_, resp := s.get(t)
	file := record(t, begun(t, resp.Body))
	write(t, p, all[20:]...)
	p.Close(reason.ClosedByPeer)
	probed := ffprobe(t, <-file)
	if len(probed.Streams) != 1 || probed.Streams[0].Codec_name != "h264" || len(probed.Packets) != 25*whipLong {
		t.Errorf("ffprobe sees %+v, %d packets", probed.Streams, len(probed.Packets))
	}
	if line := s.closed(t); line["reason"] != "no_decoder" || line["msg"] != "stream is played without sound" {
		t.Errorf("line %v", line)
	}
	if n := s.count(t, "millrace_httplive_skipped_frames_total", map[string]string{"reason": "no_decoder"}); n < 90 {
		t.Errorf("%v frames are counted", n)
	}
}

// Video that FLV does not carry is refused in words.
func TestOtherVideoIsRefused(t *testing.T) {
	for _, codec := range []media.Codec{media.VP8} {
		s := newStage(t, stageOptions{converts: true, config: unhurried})
		s.publish(t, &media.Track{Kind: media.Video, Codec: codec}, second(tracks(whip(t, 0))))
		resp, err := s.client.Get(s.web.URL + "/live/demo.flv")
		if err != nil {
			t.Fatal(err)
		}
		var body struct{ Message, Reason string }
		err = json.NewDecoder(resp.Body).Decode(&body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusNotAcceptable || body.Reason != "codec" || !strings.Contains(body.Message, codec.String()) {
			t.Errorf("%v: %s, %+v, %v", codec, resp.Status, body, err)
		}
		for _, st := range s.hub.Stats() {
			if st.Readers != 0 {
				t.Errorf("readers are left: %+v", st)
			}
		}
	}
}

// A stream that turns to such video ends for its viewers, with that reason,
// although no frame of it ever comes.
func TestVideoChangesToOther(t *testing.T) {
	s := newStage(t, stageOptions{converts: true, linger: patience, config: unhurried})
	all := whip(t, 0)
	p := s.publish(t, first(tracks(all)), second(tracks(all)))
	write(t, p, all...)
	_, resp := s.get(t)
	file := record(t, begun(t, resp.Body))
	p.Close(reason.PeerGone)
	s.publish(t, &media.Track{Kind: media.Video, Codec: media.VP8}, nil)
	if line := s.closed(t); line["reason"] != "codec" {
		t.Errorf("closing line %v", line)
	}
	if len(<-file) == 0 {
		t.Error("nothing was played")
	}
}

// A viewer that joins a stream with an old key frame begins with a new one, if
// the publisher can be asked for it.
func TestJoinerGetsAFreshKey(t *testing.T) {
	for _, can := range []bool{true, false} {
		s := newStage(t, stageOptions{converts: true, config: unhurried})
		all := frames(t) // one GOP of two seconds
		p, err := s.hub.Publish(demo, "test", "")
		if err != nil {
			t.Fatal(err)
		}
		asked := make(chan struct{}, 10)
		if can {
			p.OnKeyRequest(func() { asked <- struct{}{} })
		}
		p.Announce(first(tracks(all)), second(tracks(all)))
		write(t, p, all...)
		r, _ := s.get(t)
		got := next(t, r, len(all)) // the feed has all of it now
		late := make(chan *flv.Reader, 1)
		go func() {
			defer close(late)
			r, _ := s.get(t)
			late <- r
		}()
		if can {
			await(t, asked)
			key := *all[0]
			key.Key, key.DTS, key.PTS = true, all[len(all)-1].DTS, all[len(all)-1].DTS
			key.DTS += media.Time(40 * time.Millisecond)
			key.PTS = key.DTS
			key.Data = firstKey(t)
			write(t, p, &key)
		}
		f := next(t, <-late, 1)[0]
		if fresh := f.DTS > got[len(got)-1].DTS-media.Time(50*time.Millisecond); fresh != can || !f.Key {
			t.Errorf("asked %v: begins at %v of %v", can, f.DTS, got[len(got)-1].DTS)
		}
		p.Close(reason.ClosedByPeer)
	}
}

// firstKey is the data of the clip's key frame.
func firstKey(t *testing.T) []byte {
	t.Helper()
	for _, f := range frames(t) {
		if f.Track.Kind == media.Video && f.Key {
			return f.Data
		}
	}
	t.Fatal("no key frame")
	return nil
}
