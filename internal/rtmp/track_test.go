package rtmp

import (
	"testing"

	"millrace/internal/wire/flv"
)

// FuzzTags feeds the tracks with what the parsers find in messages.
func FuzzTags(f *testing.F) {
	for _, body := range []string{"\x17\x01\x00\x00\x50abc", "\x17\x00\x00\x00\x00abc", "\xa3avc1abc"} {
		f.Add([]byte(body), true)
	}
	for _, body := range []string{"\xaf\x01abc", "\xaf\x00\x11\x90", "\x91Opusabc", "\x90Opusabc"} {
		f.Add([]byte(body), false)
	}
	f.Add(append([]byte("\x17\x01\x00\x00\x00"), picture(small, 0, spsLarge, idr, bee).Data...), true)
	f.Fuzz(func(t *testing.T, b []byte, video bool) {
		v := videoTrack{track: small, lengthSize: 4}
		a := audioTrack{track: stereo}
		parse := flv.ParseAudio
		if video {
			parse = flv.ParseVideo
		}
		got, err := parse(b)
		if err != nil {
			return
		}
		switch {
		case got.Kind == flv.BodyConfig && video:
			err = v.configure(got.Payload)
		case got.Kind == flv.BodyConfig:
			err = a.configure(got.Codec, got.Payload)
		case got.Kind == flv.BodyMedia && video:
			if f, err := v.frame(got.Payload, got.CTS); f != nil && (err != nil || len(f.Data) == 0 || f.Track.Width == 0) {
				t.Fatalf("frame %+v of %+v, %v", f, f.Track, err)
			}
		case got.Kind == flv.BodyMedia:
			a.frame(got.Codec, got.Payload)
		}
		if err == nil && (v.track.Width == 0 || a.track.SampleRate == 0) {
			t.Fatalf("tracks are %+v, %+v", v.track, a.track)
		}
	})
}
