package flv_test

import (
	"testing"

	"millrace/internal/media"
	"millrace/internal/wire/flv"
)

// FuzzTracks feeds tracks that are known with what is found in two bodies.
func FuzzTracks(f *testing.F) {
	for _, c := range videoBodies {
		f.Add([]byte(c.in), []byte("\x17\x01\x00\x00\x50\x00\x00\x00\x04\x65\x88\x84\x21"), true)
	}
	for _, c := range audioBodies {
		f.Add([]byte(c.in), []byte("\xaf\x00\x11\x90"), false)
	}
	for _, c := range multitrackBodies {
		f.Add([]byte(c.in), []byte(c.in), c.in[0] != 0x95)
	}
	f.Fuzz(func(t *testing.T, one, two []byte, video bool) {
		var v flv.VideoTrack
		var a flv.AudioTrack
		config, err := flv.AppendConfig(nil, h264Track, 0)
		if err != nil {
			t.Fatal(err)
		}
		bodies := [][]byte{config[11 : len(config)-4], one, two}
		parse, take, track := flv.ParseVideo, v.Frame, v.Track
		if !video {
			bodies[0], parse, take, track = []byte("\xaf\x00\x11\x90"), flv.ParseAudio, a.Frame, a.Track
		}
		for _, b := range bodies {
			parts, err := parse(nil, b)
			if err != nil {
				continue
			}
			for _, part := range parts {
				f, err := take(part)
				if f != nil && (err != nil || f.Track != track() || len(f.Data) == 0 || f.PTS < f.DTS) {
					t.Fatalf("frame %+v of %+v, %v", f, f.Track, err)
				}
				if tr := track(); tr == nil || tr.Codec == media.H264 && tr.Width == 0 || !video && tr.SampleRate == 0 {
					t.Fatalf("track is %+v", tr)
				}
			}
		}
	})
}
