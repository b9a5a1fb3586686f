package transcode

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"millrace/internal/media"
)

// read returns a clip of testdata. With a config it is announced by that
// instead of by its core.
func read(t testing.TB, name string, config []byte) (clip, []byte) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	c := readADTS(t, b)
	if config != nil {
		track := *c.track
		track.Config = config
		c.track = &track
	}
	return c, b
}

// reference is what ffmpeg decodes of an ADTS stream, downmixed, left channel.
func reference(t testing.TB, adts []byte) []float64 {
	t.Helper()
	return floats(ffmpeg(t, adts, "-f", "aac", "-i", "pipe:0", "-f", "f32le", "-ar", "48000", "-ac", "2", "pipe:1"), 2)
}

// through sends frames through a process and a voice, and returns the packets
// up to a little before the end of the frames.
func through(t *testing.T, frames []*media.Frame) []*media.Frame {
	t.Helper()
	v := newVoice()
	if _, err := v.configure(outputRate, processChannels); err != nil {
		t.Fatal(err)
	}
	end := frames[len(frames)-1].PTS.Add(-100 * time.Millisecond)
	var out []*media.Frame
	done := make(chan struct{})
	var once sync.Once
	p, err := newProcess(FindFFmpeg(), frames[0].Track.Config, func(s sound) {
		out = append(out, v.write(s)...)
		if len(out) > 0 && out[len(out)-1].PTS > end {
			once.Do(func() { close(done) })
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		if !p.push(f) {
			t.Fatal("queue full")
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- p.run(ctx) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("no sound to the end")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if v.counts.jumps != 0 {
		t.Errorf("%d jumps", v.counts.jumps)
	}
	return out
}

// HE-AAC, announced or not, and 5.1 come out as ffmpeg decodes them, in step.
func TestProcessInStep(t *testing.T) {
	he1 := []byte{0x2b, 0x11, 0x88, 0x00}
	he2 := []byte{0xeb, 0x8a, 0x08, 0x00}
	surround := func(t testing.TB) (clip, []byte) {
		_, b := read(t, "speech.aac", nil)
		adts := ffmpeg(t, b, "-f", "aac", "-i", "pipe:0", "-ac", "6", "-c:a", "aac", "-b:a", "256k", "-f", "adts", "pipe:1")
		return readADTS(t, adts), adts
	}
	for name, open := range map[string]func(testing.TB) (clip, []byte){
		"HE-AAC v1":           func(t testing.TB) (clip, []byte) { return read(t, "he1.aac", he1) },
		"HE-AAC v1, implicit": func(t testing.TB) (clip, []byte) { return read(t, "he1.aac", nil) },
		"HE-AAC v2":           func(t testing.TB) (clip, []byte) { return read(t, "he2.aac", he2) },
		"HE-AAC v2, implicit": func(t testing.TB) (clip, []byte) { return read(t, "he2.aac", nil) },
		"5.1":                 surround,
		"AAC-LC":              func(t testing.TB) (clip, []byte) { return read(t, "speech.aac", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			c, adts := open(t)
			packets := through(t, c.frames())
			onGrid(t, packets)
			compare(t, decodeOpus(t, packets, 2), packets[0].PTS, reference(t, adts), c.at(0))
		})
	}
}

// Frames that ffmpeg cannot decode leave silence of their length: what follows
// is still in step.
func TestProcessUndecodable(t *testing.T) {
	c, adts := read(t, "he1.aac", []byte{0x2b, 0x11, 0x88, 0x00})
	frames := c.frames()
	for _, i := range []int{5, 6, 7} {
		frames[i].Data = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	}
	packets := through(t, frames)
	onGrid(t, packets)
	x := decodeOpus(t, packets, 2)
	skip := 25 // packets: behind the damage
	compare(t, x[skip*packetSamples:], packets[skip].PTS, reference(t, adts), c.at(0))
}

// A process that takes all and gives nothing is not fed for ever.
func TestProcessGivesNothing(t *testing.T) {
	c, _ := read(t, "he1.aac", nil)
	p, err := newProcess("", c.track.Config, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { _, _ = io.Copy(io.Discard, out) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	running.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			select {
			case p.queue <- &media.Frame{Track: c.track, DTS: media.Time(i), Data: []byte{0xff}}:
			case <-ctx.Done():
			}
		}
	})
	if err := p.write(ctx, in, newLedger(p.parsed.Samples, p.parsed.OutputRate)); !errors.Is(err, errSilent) {
		t.Errorf("it is fed until: %v", err)
	}
	cancel()
	in.Close()
	running.Wait()
	out.Close()
}

// A process that cannot do its work is started anew some times, then given up.
func TestProcessFails(t *testing.T) {
	c, _ := read(t, "he1.aac", nil)
	p, err := newProcess("/bin/false", c.track.Config, func(sound) {})
	if err != nil {
		t.Fatal(err)
	}
	p.pause = time.Millisecond
	if err := p.run(t.Context()); err == nil {
		t.Fatal("no error")
	}
	p.path = "/nonexistent/ffmpeg"
	if err := p.run(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	// What it complains about is kept, but not all.
	var kept tail
	for range 100 {
		if _, err := kept.Write([]byte(strings.Repeat("x", 100))); err != nil {
			t.Fatal(err)
		}
	}
	if len(kept.kept) != stderrKept {
		t.Errorf("%d bytes kept", len(kept.kept))
	}
}
