package carry

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"millrace/client"
)

// What waits for a pipe that nobody writes to ends with its context, and what
// was written comes out whole.
func TestInterruptible(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	p := Publish{URL: "artc://127.0.0.1:1/live/s", Input: Input{Stdin: r}}
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	if _, err := w.Write([]byte("FLV")); err != nil { // it has been read: Run waits for the rest
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	b, err := io.ReadAll(interruptible(t.Context(), strings.NewReader("whole")))
	if string(b) != "whole" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

// The null device is a character device, and no terminal.
func TestNullDeviceIsNoTerminal(t *testing.T) {
	f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	if isTerminal(f) || isTerminal(nil) || isTerminal(strings.NewReader("")) {
		t.Error("taken for a terminal")
	}
}

func TestFormatOfOutput(t *testing.T) {
	opus := []*client.Track{{Kind: client.Audio, Codec: client.Opus}}
	aac := []*client.Track{{Kind: client.Audio, Codec: client.AAC}}
	for _, c := range []struct {
		play   Play
		tracks []*client.Track
		want   string
	}{
		{Play{}, aac, "flv"}, {Play{}, nil, "flv"}, {Play{Path: "-"}, opus, "mpegts"},
		{Play{Path: "a.flv"}, opus, "flv"}, {Play{Path: "a.TS"}, aac, "mpegts"},
		{Play{Path: "a.ts", Format: "flv"}, opus, "flv"},
	} {
		if got := c.play.format(c.tracks); got != c.want {
			t.Errorf("%+v: %s", c.play, got)
		}
	}
}

// Sound in another codec than the tables name is an error, and not sound that no
// player can decode.
func TestTSRefusesAnotherCodec(t *testing.T) {
	opus := &client.Track{Kind: client.Audio, Codec: client.Opus, SampleRate: 48000, Channels: 2}
	var out strings.Builder
	s, err := newSink("mpegts", &out, []*client.Track{opus}, 0)
	must(t, err)
	must(t, s.write(&client.AccessUnit{Kind: client.Audio, Track: opus, Data: []byte{0xfc, 0xff, 0xfe}}))
	aac := *opus
	aac.Codec = client.AAC
	err = s.write(&client.AccessUnit{Kind: client.Audio, Track: &aac, Data: []byte{1}})
	if err == nil || !strings.Contains(err.Error(), "--format flv") {
		t.Errorf("got %v", err)
	}
}

// A stream that is not there leaves the file of that name as it is.
func TestRefusedPlayKeepsTheFile(t *testing.T) {
	path := t.TempDir() + "/kept.flv"
	must(t, os.WriteFile(path, []byte("kept"), 0o600))
	p := Play{URL: "ftp://127.0.0.1/live/s", Path: path}
	if err := p.Run(t.Context()); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "kept" {
		t.Errorf("%q, %v", b, err)
	}
}
