package hls_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"testing"
	"time"

	"millrace/internal/media"
	"millrace/internal/wire/hls"
	"millrace/internal/wire/ts"
)

// TestTSWraps: the 33 bits of a time stamp are used up after 26.5 hours. What is
// read behind that goes on.
func TestTSWraps(t *testing.T) {
	sps, err := hex.DecodeString("6742c01ed900a02ff970110000030001000003003c0f162e48")
	if err != nil {
		t.Fatal(err)
	}
	video := &media.Track{Kind: media.Video, Codec: media.H264, Params: [][]byte{sps, {0x68, 0xcb, 0x83, 0xcb, 0x20}}}
	w, err := hls.NewTS(video, nil)
	if err != nil {
		t.Fatal(err)
	}
	from := media.FromUnits(1<<33, 90000).Add(-time.Second)
	for i := range 8 {
		if i%4 == 0 {
			if err := w.Begin(); err != nil {
				t.Fatal(err)
			}
		}
		at := from.Add(time.Duration(i) * 250 * time.Millisecond)
		if err := w.Write(&media.Frame{Track: video, DTS: at, PTS: at, Key: true, Data: []byte{0, 0, 0, 2, 0x65, byte(i)}}, 0); err != nil {
			t.Fatal(err)
		}
	}
	r := ts.NewReader(bytes.NewReader(w.Take()))
	var last media.Time
	frames := 0
	for {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if d := f.DTS.Sub(last); frames > 0 && d != 250*time.Millisecond {
			t.Errorf("frame %d comes %s after the last", frames, d)
		}
		last = f.DTS
		frames++
	}
	if frames != 8 {
		t.Errorf("%d frames", frames)
	}
}
